import Compute

/// The kernel of an infinitely wide network between sets of examples, block by block.
public struct InfiniteKernelTiles: TiledKernel {
  private let kernel: InfiniteWidthKernel
  private let kind: KernelKind
  private let x1: [Double]
  private let x2: [Double]?
  public let type: ScalarType
  private let backend: any Backend
  private let features: Int

  public let rowCount: Int
  public let columnCount: Int
  public var isSymmetric: Bool { x2 == nil }
  public var entry: [Int] { [] }

  /// - Parameters:
  ///   - x1: [n1, features], channels first.
  ///   - x2: [n2, features]; nil for x1 itself.
  public init(
    _ kernel: InfiniteWidthKernel, _ kind: KernelKind, _ x1: [Double], _ x2: [Double]? = nil,
    type: ScalarType, on backend: any Backend
  ) {
    features = kernel.inputCount
    precondition(x1.count % features == 0 && (x2?.count ?? 0) % features == 0, "rows of inputs")
    self.kernel = kernel
    self.kind = kind
    self.x1 = x1
    self.x2 = x2
    self.type = type
    self.backend = backend
    rowCount = x1.count / features
    columnCount = (x2 ?? x1).count / features
  }

  public func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    func part(_ x: [Double], _ rows: Range<Int>) -> [Double] {
      Array(x[(rows.lowerBound * features)..<(rows.upperBound * features)])
    }
    let values = kernel(part(x1, rows), part(x2 ?? x1, columns))
    return try backend.matrix(
      rows.count, columns.count, type, kind == .ntk ? values.ntk : values.nngp)
  }
}
