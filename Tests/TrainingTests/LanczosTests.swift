import Compute
import DataSets
import TestSupport
import Testing
import Training

/// Extreme eigenvalues against LAPACK's.
@BackendActor @Suite struct LanczosTests {
  /// Q diag(λ) Qᵀ with Q a product of reflections, [n, n].
  private func symmetric(_ eigenvalues: [Double], seed: UInt64) -> [Double] {
    let n = eigenvalues.count
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for i in 0..<n { matrix[i][i] = eigenvalues[i] }
    for round in 0..<3 {
      let v = sample(n, seed: seed + UInt64(round))
      let factor = 2 / inner(v, v)
      func reflected(_ rows: [[Double]]) -> [[Double]] {
        rows.map { row in
          let product = factor * inner(row, v)
          return zip(row, v).map { $0 - product * $1 }
        }
      }
      matrix = transposed(reflected(transposed(reflected(matrix))))
    }
    // Symmetric to the last bit.
    return (0..<n * n).map { matrix[max($0 / n, $0 % n)][min($0 / n, $0 % n)] }
  }

  private func dense(_ matrix: [Double], _ n: Int, _ type: ScalarType = .float64) throws
    -> DenseOperator
  {
    let backend = try BackendUnderTest.openblas2.backend()
    return DenseOperator(try backend.matrix(n, n, type, matrix), on: backend)
  }

  private nonisolated static func range(_ count: Int, _ first: Double, _ step: Double) -> [Double] {
    (0..<count).map { first + step * Double($0) }
  }

  nonisolated static let spectra: [(name: String, values: [Double])] = [
    ("spread", range(60, 0, 1).map { $0 * $0 / 100 - 5 }),
    ("degenerate ends", [7, 7, 7] + range(40, 0, 0.1) + [-2, -2]),
    ("clustered", range(10, 1, 1e-9) + range(30, 0, 0.025)),
    ("one point", [Double](repeating: 3, count: 9)), ("zero", [0, 0, 0, 0]), ("single", [-4]),
    ("negative", range(20, -20, 1)),
    ("low rank", [100, 1] + [Double](repeating: 0, count: 30)),
  ]

  @Test(arguments: 0..<spectra.count) func endsOfSpectra(_ index: Int) throws {
    let (name, values) = Self.spectra[index]
    let n = values.count
    let matrix = symmetric(values, seed: 21)
    let known = try #require(LAPACK.eigenvalues(matrix, n))
    let ends = try Lanczos(tolerance: 1e-9, limit: 60).extremes(dense(matrix, n))
    let size = max(abs(known[0]), abs(known[n - 1]))
    // LAPACK and the products round, by units times n.
    let rounding = 1e-13 * size
    // A start sees of a cluster's width only so much as the tolerance asks for.
    let width = name == "clustered" ? 9e-9 : 0
    #expect(abs(ends.largest.value - known[0]) <= 1e-9 * size + rounding + width, "\(name)")
    #expect(
      known.contains { abs($0 - ends.largest.value) <= ends.largest.residual + rounding },
      "\(name)")
    #expect(abs(ends.smallest.value - known[n - 1]) <= 1e-9 * size + rounding, "\(name)")
    #expect(ends.isConverged && ends.products <= n, "\(name)")
    #expect(
      ends.largest.residual <= 1e-9 * size + rounding
        && ends.smallest.residual <= 1e-9 * size + rounding, "\(name)")
  }

  /// Bounds hold while nothing has converged: an eigenvalue lies within each.
  @Test(arguments: [1, 2, 3, 5, 8]) func boundsOfFewProducts(_ limit: Int) throws {
    let n = 60
    let matrix = symmetric(Self.spectra[0].values, seed: 4)
    let known = try #require(LAPACK.eigenvalues(matrix, n))
    let ends = try Lanczos(tolerance: 0, limit: limit).extremes(dense(matrix, n))
    #expect(ends.products == limit && !ends.isConverged)
    for end in [ends.largest, ends.smallest] {
      #expect(known.contains { abs($0 - end.value) <= end.residual * (1 + 1e-10) })
      #expect(end.residual > 0)
    }
    #expect(ends.largest.value <= known[0] && ends.smallest.value >= known[n - 1])
  }

  /// The largest ones with their multiplicities.
  @Test(arguments: 0..<spectra.count) func largestOfSpectra(_ index: Int) throws {
    let (name, values) = Self.spectra[index]
    let n = values.count
    let matrix = symmetric(values, seed: 33)
    let known = try #require(LAPACK.eigenvalues(matrix, n))
    let found = try Lanczos(tolerance: 1e-9, limit: 60).largest(5, of: dense(matrix, n))
    let size = max(abs(known[0]), abs(known[n - 1]))
    #expect(found.count == min(5, n), "\(name)")
    for (value, expected) in zip(found, known) {
      #expect(abs(value.value - expected) <= 1e-8 * size + 1e-13, "\(name)")
    }
  }

  /// What is found of an exact double eigenvalue, and then of zeros, whatever the start: beside what has
  /// been found, rounding is all that is left of a product.
  @Test func exactMultiplicities() throws {
    // 1 1ᵀ ⊗ 1: 4 twice, 0 six times.
    let n = 8
    let matrix = (0..<n * n).map { ($0 / n) % 2 == ($0 % n) % 2 ? 1.0 : 0 }
    for seed in 0..<UInt64(40) {
      let found = try Lanczos(tolerance: 1e-6, limit: n, seed: seed).largest(
        5, of: dense(matrix, n))
      #expect(found.count == 5)
      for (value, expected) in zip(found, [4.0, 4, 0, 0, 0]) {
        #expect(abs(value.value - expected) < 1e-12, "seed \(seed): \(found.map(\.value))")
      }
    }
  }

  /// float32: the same bits on every back end, and the eigenvalues to its precision.
  @Test func sameBitsEverywhere() throws {
    let n = 60
    let matrix = symmetric(Self.spectra[0].values, seed: 5).map { Double(Float($0)) }
    let known = try #require(LAPACK.eigenvalues(matrix, n))
    let results = try BackendUnderTest.onEach { backend in
      let operation = DenseOperator(try backend.matrix(n, n, .float32, matrix), on: backend)
      return try (
        Lanczos(tolerance: 1e-5, limit: 60, seed: 9).extremes(operation),
        Lanczos(tolerance: 1e-5, limit: 60, seed: 9).largest(3, of: operation)
      )
    }
    for (place, result) in results {
      #expect(result == results[0].result, "\(place)")
    }
    #expect(abs(results[0].result.0.largest.value - known[0]) < 1e-4 * known[0])
    for index in 0..<3 {
      #expect(abs(results[0].result.1[index].value - known[index]) < 1e-4 * known[0])
    }
  }

  /// The Hessian's ends against LAPACK's of the dense one from central differences.
  @Test(arguments: [0, 2]) func hessians(_ order: Int) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .tanh], .ntk)
    let derivatives = try DenseDerivatives(network, order: order, loss: .crossEntropy)
    let matrix = try derivatives.hessian()
    let n = matrix.count
    let known = try #require(LAPACK.eigenvalues(matrix.flatMap { $0 }, n))
    let hessian = try LossCurvature(
      derivatives.model, .hessian, loss: .crossEntropy, examples: derivatives.examples, count: 4)
    let ends = try Lanczos(tolerance: 1e-8, limit: n).extremes(hessian)
    #expect(abs(ends.largest.value - known[0]) < 1e-7 * known[0])
    #expect(abs(ends.smallest.value - known[n - 1]) < 1e-7 * known[0])
    #expect(known[n - 1] < -1e-3 * known[0])
  }

  /// Frozen coordinates give no eigenvalues: with only the last bias trained, mse is its own
  /// parabola.
  @Test func frozenCoordinatesAreNone() throws {
    let network = try denseNetwork([3, 5, 3], [.tanh])
    let derivatives = try DenseDerivatives(network, order: 0, loss: .mse)
    let hessian = try LossCurvature(
      derivatives.model, .hessian, loss: .mse, examples: derivatives.examples, count: 4,
      isTrainable: network.parameters.map { $0.name == "layers.2.bias" })
    let ends = try Lanczos(tolerance: 1e-10, limit: 10).extremes(hessian)
    // ½ mean over n·3 outputs of (F − t)²: a third for each of the three biases.
    #expect(abs(ends.largest.value - 1.0 / 3) < 1e-12)
    #expect(abs(ends.smallest.value - 1.0 / 3) < 1e-12)
  }

  /// 2A − A/2, and products that are not finite.
  @Test func sumsAndFailures() throws {
    let matrix = symmetric((0..<12).map { Double($0) }, seed: 8)
    let one = try dense(matrix, 12)
    let sum = try OperatorSum([(2, one), (-0.5, one)])
    let ends = try Lanczos(tolerance: 1e-10, limit: 12).extremes(sum)
    #expect(abs(ends.largest.value - 16.5) < 1e-8 && abs(ends.smallest.value) < 1e-8)
    var broken = matrix
    broken[5] = .nan
    let none = try Lanczos().extremes(dense(broken, 12))
    #expect(none.largest.value.isNaN && none.smallest.value.isNaN && !none.isConverged)
  }

  /// The tridiagonal problem against LAPACK, with the components asked for.
  @Test func tridiagonalMatrices() throws {
    for n in [1, 2, 3, 17, 60] {
      let (diagonal, beside) = (sample(n, seed: 1), sample(n - 1, seed: 2))
      var matrix = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        matrix[i * n + i] = diagonal[i]
        if i > 0 {
          matrix[i * n + i - 1] = beside[i - 1]
          matrix[(i - 1) * n + i] = beside[i - 1]
        }
      }
      let known = try #require(LAPACK.eigenvalues(matrix, n))
      let part = try #require(
        SymmetricEigenvalues(diagonal: diagonal, beside: beside, components: [n - 1, 0]))
      let whole = try #require(
        SymmetricEigenvalues(diagonal: diagonal, beside: beside, components: Array(0..<n)))
      #expect(relativeError(part.values, known) < 1e-13 && part.values == whole.values)
      for j in 0..<n {
        let vector = Array(whole.vectors[j * n..<(j + 1) * n])
        #expect(part.vectors[2 * j] == vector[n - 1] && part.vectors[2 * j + 1] == vector[0])
        let product = (0..<n).map { i in inner(Array(matrix[i * n..<(i + 1) * n]), vector) }
        #expect(norm(zip(product, vector).map { $0 - known[j] * $1 }) < 1e-13)
        #expect(abs(norm(vector) - 1) < 1e-13)
      }
    }
  }
}
