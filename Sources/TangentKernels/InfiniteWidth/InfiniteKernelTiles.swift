import Compute

/// The kernel of an infinitely wide network between sets of examples, block by block.
public struct InfiniteKernelTiles: TiledKernel {
  private let blocks: KernelBlocks
  private let kind: KernelKind
  public let type: ScalarType

  public let rowCount: Int
  public let columnCount: Int
  public let isSymmetric: Bool
  public var entry: [Int] { [] }

  /// - Parameters:
  ///   - kind: K, or Θ if the kernel was made for it.
  ///   - x1: [n1, features], channels first.
  ///   - x2: [n2, features]; nil for x1 itself.
  public init(
    _ kernel: InfiniteWidthKernel, _ kind: KernelKind, _ x1: [Double], _ x2: [Double]? = nil,
    type: ScalarType, on backend: any Backend
  ) {
    precondition(kernel.kind == .ntk || kind == .nngp, "a kernel that was made for Θ")
    self.kind = kind
    self.type = type
    blocks = KernelBlocks(kernel, x1, x2, type, on: backend)
    rowCount = blocks.rowCount
    columnCount = blocks.columnCount
    isSymmetric = x2 == nil
  }

  public func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    try blocks.block([kind], rows: rows, columns: columns)[0]
  }

  /// What series have left out in the blocks so far; 0 for closed forms.
  public var quadratureError: QuadratureError { blocks.error }
}
