import Compute
import GaussianProcesses
import Maclaurin
import Networks
import TestSupport

/// A small network and examples of it.
@BackendActor struct Problem {
  let network: Network
  let backend: any Backend
  let model: LinearizedNetwork
  let type: ScalarType

  init(
    outputs: Int = 2, type: ScalarType = .float64, on which: BackendUnderTest = .openblas2
  ) throws {
    network = try denseNetwork([4, 10, outputs], [.tanh])
    backend = try which.backend()
    self.type = type
    model = LinearizedNetwork(
      network,
      at: try backend.matrix(1, network.parameterCount, type, network.sampleParameters(seed: 7)),
      on: backend)
  }

  func inputs(_ count: Int, seed: UInt64) throws -> Matrix {
    try backend.matrix(count, 4, type, sample(4 * count, seed: seed).map { 2 * $0 })
  }

  func observations(_ count: Int, seed: UInt64) throws -> Observations {
    Observations(
      try inputs(count, seed: seed),
      targets: sample(count * network.outputCount, seed: seed + 100))
  }

  func posterior(
    _ observations: Observations, prior: Double = 0.6, noise: Double = 0.2
  ) throws -> ExactPosterior {
    try ExactPosterior(
      model, observations, GaussianHyperparameters(priorStd: prior, noiseStd: noise),
      by: LAPACK())
  }
}

extension Observations {
  /// Those of some examples.
  func selecting(_ rows: [Int], on backend: any Backend) throws -> Observations {
    let (width, outputs) = (inputs.columns, targets.count / count)
    let x = try backend.download(inputs)
    return Observations(
      try backend.matrix(
        rows.count, width, inputs.type,
        rows.flatMap { Array(x[($0 * width)..<(($0 + 1) * width)]) }),
      targets: rows.flatMap { Array(targets[($0 * outputs)..<(($0 + 1) * outputs)]) })
  }
}
