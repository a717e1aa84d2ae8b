import COpenBLAS
import Compute
import TestSupport
import Testing

@testable import Training

/// With the mean squared error and full batches, K steps of linearised training apply the filter
/// 1 − (1 − ηλ/n)^K to the eigenvectors of the tangent kernel JJᵀ (λ = σ² its eigenvalues, n the
/// number of entries of y, since the loss is their mean): f_K − f_0 = U(1 − (1 − ηΛ/n)^K)Uᵀ(y − f_0).
@BackendActor @Suite struct SpectralFilterTests {
  /// Eigenvalues, ascending, and eigenvectors (rows) of a symmetric matrix, by LAPACK.
  private func eigen(_ matrix: [[Double]]) throws -> (values: [Double], vectors: [[Double]]) {
    var message: UnsafePointer<CChar>?
    let functions = try #require(openblas_functions(&message)).pointee
    var (size, info) = (blasint(matrix.count), blasint(0))
    var (a, values) = (matrix.flatMap { $0 }, [Double](repeating: 0, count: matrix.count))
    var (workCount, integerCount) = (1 + 6 * size + 2 * size * size, 3 + 5 * size)
    var work = [Double](repeating: 0, count: Int(workCount))
    var integers = [blasint](repeating: 0, count: Int(integerCount))
    functions.dsyevd(
      "V", "U", &size, &a, &size, &values, &work, &workCount, &integers, &integerCount, &info, 1, 1)
    try #require(info == 0)
    let n = matrix.count
    return (values, (0..<n).map { Array(a[($0 * n)..<(($0 + 1) * n)]) })
  }

  /// f after K steps around the parameters θ, and the largest eigenvalue of JJᵀ.
  private func filtered(
    _ problem: Regression, at parameters: [Double], _ count: Int, rate: (Double) -> Double
  ) throws -> (outputs: [Double], rate: Double) {
    let jacobian = problem.plain.jacobian(problem.inputs, at: parameters)
    let kernel = jacobian.map { row in jacobian.map { inner(row, $0) } }
    let (values, vectors) = try eigen(kernel)
    let before = problem.plain.outputs(problem.inputs, at: parameters)
    let entries = Double(before.count)
    let rate = rate(try #require(values.last) / entries)
    var outputs = before
    let residual = zip(problem.targets, before).map { $0 - $1 }
    for (value, vector) in zip(values, vectors) {
      var decay = 1.0
      for _ in 0..<count { decay *= 1 - rate * value / entries }
      let share = (1 - decay) * inner(vector, residual)
      for index in outputs.indices { outputs[index] += share * vector[index] }
    }
    return (outputs, rate)
  }

  @Test(arguments: [BackendUnderTest.reference, .openblas2, .openclHost], [1, 25])
  func stepsAreTheFilter(_ place: BackendUnderTest, _ count: Int) throws {
    let problem = try Regression([3, 6, 5, 2], examples: 4)
    let backend = try place.backend()
    // Just below the largest stable rate: 1 − ηλ from −0.5 to almost 1.
    let (expected, rate) = try filtered(problem, at: problem.problem.start, count) { 1.5 / $0 }
    let trainer = try problem.problem.trainer(
      problem.settings(1, .every(count), steps: 2 * count, rate: rate), on: backend)
    let examples = try ResidentExamples(problem.problem.train, type: .float64, on: backend)
    func expectOutputs(_ expected: [Double]) throws {
      let outputs = try Evaluator(Objective(.mse)).evaluate(trainer.model, on: examples).1
      let found = try backend.download(outputs)
      for (value, expected) in zip(found, expected) {
        #expect(abs(value - expected) <= 1e-8, "\(value) \(expected)")
      }
    }
    try trainer.begin()
    try trainer.advance(to: count)
    try expectOutputs(expected)
    #expect(trainer.step.expansion.count == 0)
    // The next period applies the filter of the kernel where it began.
    let middle = try trainer.parameters()
    let (next, _) = try filtered(problem, at: middle, count) { _ in rate }
    try trainer.advance(to: 2 * count)
    try expectOutputs(next)
    #expect(trainer.step.expansion.count == 1)
    #expect(try bits(backend.download(trainer.model.center)) == bits(middle))
  }
}
