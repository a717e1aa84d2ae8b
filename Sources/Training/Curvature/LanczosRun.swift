import Compute
import DataSets

extension Lanczos {
  /// One iteration from one start, in the complement of the rows that the basis begins with.
  struct Run {
    private let a: any SymmetricOperator
    private let vectors: DeviceVectors
    /// What is left out, then q_1 … q_m.
    private let basis: OrthonormalBasis
    private let locked: Int
    private let w: Matrix
    private let isRehearsal: Bool
    private var diagonal: [Double] = []
    private var beside: [Double] = []
    private(set) var products = 0
    /// The largest |θ| that is known: what is left beside it by rounding is nothing.
    private var size: Double
    /// Descending.
    private(set) var ritz: [Value] = [Value(value: .nan, residual: .nan)]

    init(
      _ a: any SymmetricOperator, _ basis: OrthonormalBasis, _ seed: UInt64, start: Int,
      size: Double = 0
    ) throws {
      self.a = a
      self.size = size
      self.basis = basis
      vectors = DeviceVectors(a.backend)
      locked = basis.count
      isRehearsal = a.backend is NullBackend
      w = try a.backend.matrix(1, a.dimension, a.type)
      try a.backend.run(
        .randomFill(
          RandomFill(w, .normal, seed: seed, purpose: .lanczos, tensor: start)))
      try a.restrict(w)
      for _ in 0..<(locked > 0 ? 2 : 0) { _ = try basis.removeComponents(from: w) }
    }

    /// Takes products until the values that `wanted` picks have bounds below the tolerance, or
    /// nothing is left; whether they have.
    mutating func iterate(_ method: Lanczos, _ wanted: ([Value]) -> [Value]) throws -> Bool {
      var length = try vectors.product(w, w).squareRoot()
      // Below this a vector is what rounding left of zero.
      let negligible = 64 * a.type.unitRoundoff
      while products < min(method.limit, a.dimension - locked) {
        guard isRehearsal || length.isFinite && length > negligible * size else { break }
        if products > 0 { beside.append(length) }
        try basis.append(isRehearsal ? 1 : 1 / length, w)
        try a.apply(basis[basis.count - 1], into: w)
        products += 1
        var coefficient = 0.0
        for _ in 0..<2 { coefficient += try basis.removeComponents(from: w).last ?? 0 }
        diagonal.append(coefficient)
        length = try vectors.product(w, w).squareRoot()
        guard solve(length) else { return false }
        size = ritz.reduce(size) { max($0, abs($1.value)) }
        let isDone = wanted(ritz).allSatisfy { $0.residual <= method.tolerance * size }
        if isDone, !isRehearsal { return true }
      }
      return wanted(ritz).allSatisfy { $0.residual <= method.tolerance * size }
    }

    /// The eigenvalues of T and their bounds; false where T is not finite.
    private mutating func solve(_ length: Double) -> Bool {
      let m = diagonal.count
      guard (diagonal + beside + [length]).allSatisfy(\.isFinite),
        let eigen = SymmetricEigenvalues(
          diagonal: diagonal, beside: beside, components: [m - 1])
      else {
        ritz = [Value(value: .nan, residual: .nan)]
        return false
      }
      ritz = zip(eigen.values, eigen.vectors).map {
        Value(value: $0, residual: abs(length * $1))
      }
      return true
    }

    /// The unit vector of the largest value; nil where there is none.
    func firstVector() throws -> Matrix? { try vector(0) }

    /// The unit vector of a value, counted from the largest; nil where there is none.
    func vector(_ index: Int) throws -> Matrix? {
      let m = diagonal.count
      guard m > index,
        let eigen = SymmetricEigenvalues(
          diagonal: diagonal, beside: beside, components: Array(0..<m))
      else { return nil }
      let x = try a.backend.matrix(1, a.dimension, a.type)
      let zeros = [Double](repeating: 0, count: locked)
      try basis.addCombination(
        zeros + Array(eigen.vectors[(index * m)..<((index + 1) * m)]), to: x, beta: 0)
      let length = try vectors.product(x, x).squareRoot()
      guard isRehearsal || length > 0 else { return nil }
      try vectors.combine(x, isRehearsal ? 1 : 1 / length, x)
      return x
    }
  }
}
