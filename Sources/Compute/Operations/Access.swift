/// How an operation uses a matrix: what it reads, what it writes, and how far.
public struct Access: Sendable, Equatable {
  public enum Kind: Sendable { case read, write, readWrite }

  public var kind: Kind
  /// Nothing outside of so many elements from the matrix's first one is touched.
  public var span: Int
  /// Whether an operation that writes gives every element of the span a value.
  public var isDense: Bool

  public var reads: Bool { kind != .write }
  public var writes: Bool { kind != .read }

  /// The use of `copies` equal matrices, `step` elements apart.
  public init(_ kind: Kind, _ matrix: Matrix, copies: Int = 1, step: Int = 0) {
    self.kind = kind
    let one = matrix.count == 0 ? 0 : (matrix.rows - 1) * matrix.stride + matrix.columns
    span = copies == 0 || one == 0 ? 0 : (copies - 1) * step + one
    isDense = matrix.isContiguous && (copies <= 1 || step == one)
  }

  /// The use of a jet's coefficients up to `degree`.
  public init(_ kind: Kind, _ jet: JetView, degree: Int) {
    self.kind = kind
    let first = jet.hasZero ? 1 : 0
    span = jet.block * jet.columns * (first + (jet.directions - 1) * jet.capacity + degree)
    isDense = jet.directions == 1 || jet.capacity == degree
  }

  /// The elements of the matrix's buffer within the span.
  public func elements(of matrix: Matrix) -> Range<Int> { matrix.offset..<matrix.offset + span }
}

extension OperationContent {
  /// `visitOperands` for a matrix that may be absent.
  func visit(
    _ matrix: inout Matrix?, _ kind: Access.Kind, _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    guard var present = matrix else { return }
    try body(&present, Access(kind, present))
    matrix = present
  }

  func visit(
    _ matrix: inout Matrix, _ kind: Access.Kind, _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&matrix, Access(kind, matrix))
  }

  /// A jet's coefficients up to its own degree.
  func visit(
    _ jet: inout JetView, _ kind: Access.Kind, _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&jet.matrix, Access(kind, jet, degree: jet.degree))
  }
}
