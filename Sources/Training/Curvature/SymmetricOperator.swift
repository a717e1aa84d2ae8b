import Compute

/// A symmetric matrix A, given by its products with vectors on a back end.
public protocol SymmetricOperator {
  var backend: any Backend { get }
  var type: ScalarType { get }
  /// Vectors are 1×n.
  var dimension: Int { get }
  /// target ← Av. Both are contiguous, and not the same memory.
  func apply(_ v: Matrix, into target: Matrix) throws
  /// Puts zeros where A acts as zero by convention (frozen parameters): eigenvalues are those of the
  /// rest.
  func restrict(_ v: Matrix) throws
}

extension SymmetricOperator {
  public func restrict(_ v: Matrix) throws {}
}

/// Σ_i c_i A_i of operators on one space, with the restriction of all.
public struct OperatorSum: SymmetricOperator {
  public var terms: [(factor: Double, term: any SymmetricOperator)]
  /// Whose result the others are added to.
  private let scratch: Matrix

  /// - Precondition: there are terms, all of one dimension and on one back end.
  public init(_ terms: [(factor: Double, term: any SymmetricOperator)]) throws {
    precondition(!terms.isEmpty, "a sum of something")
    let first = terms[0].term
    precondition(
      terms.allSatisfy { $0.term.dimension == first.dimension && $0.term.type == first.type },
      "one space")
    self.terms = terms
    scratch = try first.backend.matrix(1, first.dimension, first.type)
  }

  public var backend: any Backend { terms[0].term.backend }
  public var type: ScalarType { terms[0].term.type }
  public var dimension: Int { terms[0].term.dimension }

  public func apply(_ v: Matrix, into target: Matrix) throws {
    for (index, (factor, term)) in terms.enumerated() {
      if index == 0, factor == 1 {
        try term.apply(v, into: target)
        continue
      }
      try term.apply(v, into: scratch)
      try backend.run(
        .linearCombination(
          LinearCombination(target, factor, scratch, 1, index == 0 ? nil : target)))
    }
  }

  public func restrict(_ v: Matrix) throws {
    for (_, term) in terms { try term.restrict(v) }
  }
}

/// A symmetric matrix in memory.
public struct DenseOperator: SymmetricOperator {
  public let backend: any Backend
  /// [n, n]
  public let matrix: Matrix

  public init(_ matrix: Matrix, on backend: any Backend) {
    precondition(matrix.rows == matrix.columns, "a square matrix")
    self.matrix = matrix
    self.backend = backend
  }

  public var type: ScalarType { matrix.type }
  public var dimension: Int { matrix.rows }

  public func apply(_ v: Matrix, into target: Matrix) throws {
    try backend.run(.contraction(Contraction(v, matrix, into: target, transposeB: true)))
  }
}
