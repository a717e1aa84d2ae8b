import Kernels

/// The kernel of inputs: out[pair, cell] ← α·Σ_c x1[i, c, p]·x2[j, c, p′], images channels first,
/// [examples, channels·positions].
///
/// The sum over channels has the order of a contraction's inner dimension: fma in ascending c, in
/// chains of 1024 from +0, added as fma(α, chain, sum). For vectors, which are images of 1×1 with
/// a channel for each feature, its bits are therefore those of the `Contraction` x1·x2ᵀ with the same
/// α in reproducible numerics.
public struct ImageGram: PortableOperation {
  public var x1: Matrix
  public var x2: Matrix
  public var output: Matrix
  public var layout: KernelLayout
  public var channels: Int
  public var alpha: Double

  public init(
    _ x1: Matrix, _ x2: Matrix, into output: Matrix, layout: KernelLayout, channels: Int,
    alpha: Double = 1
  ) {
    precondition(channels > 0 && layout.describes(output), "the kernel's shape")
    for (x, examples) in [(x1, layout.rows), (x2, layout.columns)] {
      precondition(x.isContiguous && x.type == output.type, "contiguous, one scalar type")
      precondition(
        x.rows == examples && x.columns == channels * layout.positionCount, "the images' shape")
    }
    self.x1 = x1
    self.x2 = x2
    self.output = output
    self.layout = layout
    self.channels = channels
    self.alpha = alpha
  }

  public var name: String { "image_gram" }
  public var cost: Cost {
    Cost(
      flops: 2 * Double(output.count) * Double(channels),
      bytes: Double((x1.count + x2.count + output.count) * output.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x1, .read, body)
    try visit(&x2, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    let factor = Bounded(output.type.round(alpha))
    let positions = layout.positionCount
    for index in 0..<output.count {
      let (row, column) = layout.places(of: index)
      func element(_ x: Matrix, _ place: Int, _ channel: Int) -> Bounded {
        x.exact(place / positions, channel * positions + place % positions)
      }
      var sum = Bounded(0)
      for first in stride(from: 0, to: channels, by: Contraction.chainLength) {
        var chain = Bounded(0)
        for c in first..<min(channels, first + Contraction.chainLength) {
          chain = .fma(element(x1, row, c), element(x2, column, c), chain)
        }
        sum = .fma(factor, chain, sum)
      }
      output.flat[0, index] = sum
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = output.type
    var (cells, extent) = layout.strips
    let positions = layout.positionCount
    var (rowElement, columnElement) = (1, 1)
    // Places in [examples, channels, positions] in place of [examples, positions].
    cells.rowExample *= channels
    cells.columnExample *= channels
    if layout.cells == .positions {
      if positions == 1 {
        // Neighbouring cells of vectors lie a row apart.
        (rowElement, columnElement) = (channels, channels)
        (cells.rowExample, cells.columnExample) = (
          layout.pairing == .grid ? 1 : 0, 0
        )
      } else if layout.pairing == .paired {
        (cells.rowExample, cells.columnExample) = (channels * positions, channels * positions)
        cells.segment = max(1, positions)
        extent = .grid(rows: layout.rows, columns: positions)
      } else {
        cells.columnSegment = channels * positions
      }
    }
    let parameters = ImageGramParameters(
      cells: cells, channels: channels, channelStep: positions, rowElement: rowElement,
      columnElement: columnElement, alpha: type.encode(alpha))
    return [
      Launch(
        "image_gram", source: "image_gram", type: type, extent, [output, x1, x2], parameters,
        work: output.count * channels)
    ]
  }
}
