import Compute
import GaussianProcesses
import Networks
import TestSupport
import Testing

/// A small linearized network and numbers for it.
struct ProcessUnderTest {
  let network: Network
  let values: [Double]
  let inputs: [Double]
  let testInputs: [Double]
  let count: Int
  let testCount: Int

  init(
    _ widths: [Int], examples: Int, testExamples: Int = 5, seed: UInt64 = 1
  ) throws {
    network = try denseNetwork(widths, widths.dropFirst(2).map { _ in .tanh })
    values = network.sampleParameters(seed: seed)
    (count, testCount) = (examples, testExamples)
    inputs = sample(examples * widths[0], seed: seed + 1)
    testInputs = sample(testExamples * widths[0], seed: seed + 2)
  }

  func model(
    _ backend: any Backend, _ type: ScalarType = .float64, scales: [Double]? = nil,
    passBytes: Int = 1 << 28
  ) throws -> LinearizedNetwork {
    LinearizedNetwork(
      network, at: try backend.matrix(1, network.parameterCount, type, values), scales: scales,
      passBytes: passBytes, on: backend)
  }

  func inputs(_ backend: any Backend, _ type: ScalarType = .float64) throws -> Matrix {
    try backend.matrix(count, network.inputCount, type, inputs)
  }

  func testInputs(_ backend: any Backend, _ type: ScalarType = .float64) throws -> Matrix {
    try backend.matrix(testCount, network.inputCount, type, testInputs)
  }

  /// Targets that the network does not fit.
  var targets: [Double] { sample(count * network.outputCount, seed: 77) }
}

@BackendActor @Suite struct LinearizedProductTests {
  /// Several passes over the examples, several vectors, frozen and scaled tensors.
  @Test(arguments: [false, true])
  func gaussNewtonIsPullAfterPush(_ isScaled: Bool) throws {
    let scales: [Double]? = isScaled ? [0.5, 0, 2, 1.5, 0, 1] : nil
    let process = try ProcessUnderTest([3, 5, 4, 2], examples: 300)
    let vectors = sample(3 * process.network.parameterCount, seed: 9)
    let results = try BackendUnderTest.onEach { backend in
      let model = try process.model(backend, scales: scales)
      let x = try process.inputs(backend)
      let v = try backend.matrix(3, model.parameterCount, .float64, vectors)
      let product = try backend.download(model.gaussNewton(v, x))
      let expected = try backend.download(model.pull(model.push(v, x), count: 3, x))
      #expect(relativeError(product, expected) < 1e-13)
      let single = try process.model(backend, .float32, scales: scales)
      let w = try backend.matrix(3, model.parameterCount, .float32, vectors)
      return try backend.download(single.gaussNewton(w, process.inputs(backend, .float32)))
    }
    for (_, result) in results { #expect(bits(result) == bits(results[0].result)) }
  }
}
