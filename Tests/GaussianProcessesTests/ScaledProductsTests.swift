import Compute
import GaussianProcesses
import TestSupport
import Testing

/// Products of several vectors with scales of tensors.
@BackendActor @Suite struct ScaledProductsTests {
  /// J R w and R Jᵀu of several vectors are those of each, and adjoint to each other; J R (R Jᵀ u) is the
  /// kernel's product.
  @Test func severalVectors() throws {
    let problem = try Problem()
    let model = problem.model.replacing(scales: [0.5, 0, 2, 3])
    let (backend, count, n) = (problem.backend, 3, 6)
    let parameters = problem.network.parameterCount
    let x = try problem.inputs(n, seed: 1)
    let w = sample(count * parameters, seed: 2)
    let u = sample(count * n * 2, seed: 3)
    let pushed = try backend.download(
      model.push(backend.matrix(count, parameters, .float64, w), x))
    let pulled = try backend.download(
      model.pull(backend.matrix(count * n, 2, .float64, u), count: count, x))
    let kernel = try model.kernelMatrix(x)
    for v in 0..<count {
      let (wv, uv) = (
        Array(w[(v * parameters)..<((v + 1) * parameters)]),
        Array(u[(v * 2 * n)..<((v + 1) * 2 * n)])
      )
      let alone = try backend.download(
        model.push(backend.matrix(1, parameters, .float64, wv), x))
      let part = Array(pushed[(v * 2 * n)..<((v + 1) * 2 * n)])
      #expect(relativeError(part, alone) < 1e-14)
      let gradient = Array(pulled[(v * parameters)..<((v + 1) * parameters)])
      #expect(abs(inner(part, uv) - inner(gradient, wv)) < 1e-12 * norm(part) * norm(uv))
      let back = try backend.download(
        model.push(backend.matrix(1, parameters, .float64, gradient), x))
      let product = (0..<2 * n).map { i in
        (0..<2 * n).reduce(0) { $0 + kernel[i * 2 * n + $1] * uv[$1] }
      }
      #expect(relativeError(back, product) < 1e-12)
    }
  }
}
