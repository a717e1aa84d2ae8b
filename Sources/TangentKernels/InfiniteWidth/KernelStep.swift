import Compute

/// The positions of a layer's images, and which pairs of them the kernel of two examples holds.
struct KernelGrid: Hashable, Sendable {
  var height = 1
  var width = 1
  var cells = KernelLayout.Cells.positions

  var positionCount: Int { height * width }
  /// Numbers for a pair of examples.
  var cellCount: Int { cells == .positions ? positionCount : positionCount * positionCount }

  func layout(rows: Int, columns: Int, _ pairing: KernelLayout.Pairing) -> KernelLayout {
    KernelLayout(
      rows: rows, columns: columns, pairing: pairing, height: height, width: width, cells: cells)
  }
}

/// A sum over windows along one axis of the kernels of one pair of examples.
struct KernelWindow: Hashable, Sendable {
  var mode: WindowSum.Mode
  var axis: WindowAxis
  var outer: Int
  var inner: Int
  var alpha = 1.0

  /// Numbers behind it.
  var outputCount: Int { outer * axis.output * (mode == .diagonal ? axis.output : 1) * inner }
}

/// What an activation or a normalization is at infinite width.
enum KernelFunction: Hashable, Sendable {
  case closed(DualFunction)
  /// By Hermite coefficients, as many as `degree` says.
  case series(SeriesActivation, degree: Int)
}

/// One step from the kernels in front of a layer to those behind it.
indirect enum KernelStep: Sendable {
  case affine(KernelAffine, KernelGrid)
  /// The variances at its input are number `slot`.
  case function(KernelFunction, KernelAffine?, KernelGrid, slot: Int)
  /// Sums over windows, one behind the other.
  case windows([KernelWindow])
  /// K and Θ ← those of the shortcut + scale·those of the main branch, both from here. Where they do
  /// not join nothing that needs a variance follows.
  case residual(main: [KernelStep], shortcut: [KernelStep], scale: Double, joins: Bool)
}

/// The steps from the inputs of a network to its outputs.
struct KernelProgram: Sendable {
  var steps: [KernelStep] = []
  /// Of the inputs: [channels, height, width], of vectors [features, 1, 1].
  var channels = 1
  var start = KernelGrid()
  /// The most numbers that a kernel of one pair of examples has anywhere.
  var mostCells = 1
  /// The grid of each number of `slot`, in order.
  var slots: [KernelGrid] = []
  /// Kernels that are held at once besides the one at work.
  var depth = 0
}
