import Compute
import DataSets
import FoundationEssentials
import GaussianProcesses
import Maclaurin
import Networks
import TestSupport
import Testing

/// The posterior that GPyTorch and laplace-torch compute (Fixtures/make_peers.py), in float64 and in
/// float32.
struct PeerPosteriorTests {
  static let network =
    #"{"input": [5], "layers": [{"dense": {"units": 8}}, "tanh", {"dense": {"units": 6}}, "tanh", {"dense": {"units": 1}}]}"#

  @Test(arguments: [(ScalarType.float64, 1e-10), (.float32, 1e-4)])
  func samePosterior(_ type: ScalarType, _ bound: Double) async throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().path() + "/Fixtures"
    let file = try SafetensorsFile(path + "/peers.safetensors")
    func values(_ name: String) throws -> [Double] { try file.tensor(name).doubles() }
    let network = try Network(
      NetworkDescription(json: [UInt8](Self.network.utf8), named: "network.json"))
    _ = try await BackendUnderTest.onEach { backend in
      let center = try backend.matrix(
        1, network.parameterCount, type, network.readParameters(file, prefix: ""))
      let x = try backend.matrix(24, 5, type, values("x"))
      let posterior = try ExactPosterior(
        LinearizedNetwork(network, at: center, on: backend),
        Observations(x, targets: values("y")),
        GaussianHyperparameters(
          priorStd: values("prior_std")[0], noiseStd: values("noise_std")[0]), by: LAPACK())
      let likelihood = try values("gpytorch.log_marginal_likelihood")[0]
      #expect(abs(posterior.logMarginalLikelihood - likelihood) < bound * abs(likelihood))
      let prediction = try posterior.predict(
        backend.matrix(10, 5, type, values("x_test")), .variances)
      #expect(relativeError(prediction.mean, try values("gpytorch.mean")) < bound)
      #expect(relativeError(prediction.covariance, try values("gpytorch.variance")) < bound)
      #expect(relativeError(prediction.covariance, try values("laplace.variance")) < bound)
    }
  }
}
