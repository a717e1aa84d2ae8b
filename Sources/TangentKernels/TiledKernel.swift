import Compute

/// Which kernel of a network.
public enum KernelKind: String, Sendable, Codable, CaseIterable {
  /// K, the covariance of its outputs over initialisations.
  case nngp
  /// Θ, the tangent kernel.
  case ntk
}

/// What a kernel between networks with O outputs holds for a pair of examples.
public enum KernelOutputs: String, Sendable, Codable, CaseIterable {
  /// [O, O]: every output with every output.
  case full
  /// A number: the sum over equal outputs, divided by O.
  case trace
  /// [O]: equal outputs.
  case diagonal
}

/// A matrix of kernel values whose blocks can be computed one by one, in any order, with the same bits
/// however it is cut.
public protocol TiledKernel {
  /// Examples along the first axis, and along the second.
  var rowCount: Int { get }
  var columnCount: Int { get }
  /// Whether both axes hold the same examples. Then the block of (columns, rows) is that of (rows,
  /// columns) with its examples exchanged, and with them the outputs of a `full` entry.
  var isSymmetric: Bool { get }
  /// The shape of what a pair of examples has: [] for a number, [O] or [O, O].
  var entry: [Int] { get }
  var type: ScalarType { get }

  /// Enqueues the block of some rows and columns: [rows, columns·entry], contiguous, on the backend that
  /// the kernel was made with.
  func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix
}

extension TiledKernel {
  /// Numbers for a pair of examples.
  public var entryCount: Int { entry.reduce(1, *) }
  /// The whole kernel's shape: [n1, n2], [n1, n2, O] or [n1, n2, O, O].
  public var shape: [Int] { [rowCount, columnCount] + entry }
}
