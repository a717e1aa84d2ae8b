import Compute
import Networks
import OpenBLASBackend
import OpenCLBackend
import Testing
import Training

/// The back ends are really used: kernel functions launched by one training step.
///
/// Network: dense + tanh, dense + tanh, dense; order 2; SGD without clipping or decay; float32.
/// What a step consists of:
/// - s: one reduction ‖Δ‖² (fewer than 65,536 elements: one level, so lanes and tree), then
///   direction_scale.
/// - Forward, one jet contraction per layer: degrees 0→1, 2→2, 2→2 (tanh raises degree 1 to the
///   order). Each is two plain contractions, W0 on all rows and Δ on those one degree below.
/// - One jet_composition per layer (tanh, tanh, identity with bias), one loss.
/// - Backward: per layer one weight gradient (contraction) and one column_sums for the bias; before
///   each but the last, jet_product_adjoint for tanh; cotangents pass through layers 3 and 2 (layer
///   1's input does not depend on Δ): two adjoint jet contractions, of two contractions each.
/// - The loss sum: one reduction, one level. One update_sgd.
@Suite struct LaunchCountTests {
  private static let shared = [
    "sum_of_squares_lanes": 1, "sum_lanes": 1, "reduction_tree": 2, "direction_scale": 1,
    "jet_composition": 3, "loss": 1, "column_sums": 3, "jet_product_adjoint": 2, "update_sgd": 1,
  ]
  /// 3 forward and 2 adjoint jet contractions of 2 contractions each, and 3 gradients.
  private static let contractions = (3 + 2) * 2 + 3

  /// Launches by kernel function of one step on `backend`.
  private func launches(of backend: any Backend) throws -> [String: Int] {
    let preset = try #require(try NetworkPreset(parsing: "mlp:19x2"))
    let network = try Network(
      preset.description(
        input: [7], outputs: 3, activation: .tanh, parameterization: .standard, weightStd: 1,
        biasStd: 0.1))
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 3, on: backend)
    let model = try Model(network, center: center, order: 2, on: backend)
    let settings = TrainingSettings(order: 2, loss: .mse, batchSize: 5, steps: 1)
    let step = try TrainingStep(model, settings)
    let inputs = try backend.matrix(5, 7, .float32, (0..<35).map { Double($0 % 11) / 11 })
    let targets = try backend.matrix(5, 3, .float32, (0..<15).map { Double($0 % 4) })
    let lossSum = try backend.matrix(1, 1, .float32)
    let before = backend.statistics.launches
    try step.run(
      step: 0, rate: 0.1, inputs: inputs, targets: targets, lossSum: lossSum, squares: nil)
    return backend.statistics.launches.merging(before) { $0 - $1 }.filter { $0.value != 0 }
  }

  @Test func deviceFamilyFusesJetContractions() throws {
    let expected = Self.shared.merging(["jet_contraction": 3 + 2, "contraction": 3]) { $1 }
    #expect(try launches(of: OpenCLBackend(deviceIndex: 0, family: .device)) == expected)
  }

  /// Each contraction packs both operands, then multiplies.
  @Test func hostFamilyPacksAndMultiplies() throws {
    let count = Self.contractions
    let expected = Self.shared.merging([
      "contraction_pack_a": count, "contraction_pack_b": count, "contraction_multiply": count,
    ]) { $1 }
    #expect(try launches(of: OpenCLBackend(deviceIndex: 0, family: .host)) == expected)
  }

  /// The CPU path runs the same functions on the host and launches nothing on a device.
  @Test func cpuPathLeavesDevicesAlone() throws {
    let device = try OpenCLBackend(deviceIndex: 0)
    let calls = try launches(of: OpenBLASBackend(threads: 2))
    #expect(calls == Self.shared.merging(["contraction": Self.contractions]) { $1 })
    #expect(device.statistics.launches.isEmpty)
    #expect(device.statistics.uploadedBytes == 0)
  }
}
