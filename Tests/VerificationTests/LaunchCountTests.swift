import Compute
import Networks
import OpenBLASBackend
import OpenCLBackend
import Testing
import Training

/// How many kernel functions one training step launches, counted by name, so that every one more is
/// seen. Network: L = 4 dense layers, tanh but for the last; the second step of a run.
///
/// - Forward, per layer: one contraction with the weights (along a ray of order k ≥ 1,
///   W0 on all rows and Δ on those one degree below) and one jet_composition (identity with bias in the
///   last). One loss, and the sum of its losses: lanes and tree.
/// - Backward, per layer: one weight gradient (contraction) and one column_sums for the bias; but for the
///   first, whose input does not depend on the state, one contraction for the cotangent and one
///   jet_product_adjoint.
/// - One update for each run of tensors with one rate. One run of all tensors leaves the lanes of ‖Δ‖²,
///   so that their tree is what is left of it; several do not, and ‖Δ‖² takes lanes and a tree.
///   direction_scale, where k ≥ 1.
/// - Clipping: lanes and a tree of ‖g‖², clip_factor. Weight decay: nothing.
@Suite struct LaunchCountTests {
  private static let layers = 4

  struct Options: Sendable, CustomTestStringConvertible {
    var optimizer = TrainingSettings.Optimizer.sgd
    var clips = false
    var decays = false
    /// A layer with a rate of its own.
    var hasRates = false
    var testDescription: String {
      "\(optimizer)\(clips ? " clipped" : "")\(decays ? " decayed" : "")\(hasRates ? " rates" : "")"
    }

    static let all = [
      Options(), Options(optimizer: .momentum, decays: true),
      Options(optimizer: .adam, clips: true), Options(optimizer: .adamw, clips: true, decays: true),
      Options(clips: true, decays: true, hasRates: true),
    ]
  }

  /// Launches of functions other than contractions.
  private static func expected(_ order: Int, _ options: Options) -> [String: Int] {
    let isRay = order > 0
    // Before the layer, it, behind it.
    let pieces = options.hasRates ? 3 : 1
    let squares = (options.clips ? 1 : 0) + (isRay && pieces > 1 ? 1 : 0)
    let expected = [
      "jet_composition": layers, "loss": 1, "sum_lanes": 1, "column_sums": layers,
      "jet_product_adjoint": layers - 1, "update": pieces, "direction_scale": isRay ? 1 : 0,
      "sum_of_squares_lanes": squares,
      "reduction_tree": 1 + squares + (isRay && pieces == 1 ? 1 : 0),
      "clip_factor": options.clips ? 1 : 0,
    ]
    return expected.filter { $0.value > 0 }
  }

  /// Launches by kernel function of the second step on `backend`.
  private func launches(
    _ order: Int, _ options: Options, of backend: any Backend
  ) throws -> [String: Int] {
    let preset = try #require(try NetworkPreset(parsing: "mlp:19x\(Self.layers - 1)"))
    let network = try Network(
      preset.description(
        input: [7], outputs: 3, activation: .tanh, parameterization: .standard, weightStd: 1,
        biasStd: 0.1))
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 3, on: backend)
    let model = try Model(network, center: center, order: order, on: backend)
    var settings = TrainingSettings(
      order: order, loss: .mse, optimizer: options.optimizer, batchSize: 5, steps: 2)
    if options.clips { settings.clipNorm = 0.5 }
    if options.decays { settings.weightDecay = 0.01 }
    if options.hasRates { settings.layerRates = try LayerLearningRates(["layers.2.*=0.5"]) }
    let step = try TrainingStep(model, settings)
    let inputs = try backend.matrix(5, 7, .float32, (0..<35).map { Double($0 % 11) / 11 })
    let targets = try backend.matrix(5, 3, .float32, (0..<15).map { Double($0 % 4) })
    let lossSum = try backend.matrix(1, 1, .float32)
    var before: [String: Int] = [:]
    for number in 0..<2 {
      before = backend.statistics.launches
      try step.run(
        step: number, rate: 0.1, inputs: inputs, targets: targets, lossSum: lossSum, squares: nil)
    }
    return backend.statistics.launches.merging(before) { $0 - $1 }.filter { $0.value != 0 }
  }

  private func expect(
    _ backend: any Backend, _ contractions: (_ order: Int) -> [String: Int]
  ) throws {
    for options in Options.all {
      for order in [0, 1, 2, 4] {
        let expected = Self.expected(order, options).merging(contractions(order)) { $1 }
        let found = try launches(order, options, of: backend)
        #expect(found == expected, "order \(order), \(options.testDescription)")
      }
    }
  }

  @Test func deviceFamilyFusesJetContractions() throws {
    let jets = 2 * Self.layers - 1
    try expect(OpenCLBackend(deviceIndex: 0, family: .device)) { _ in
      ["jet_contraction": jets, "contraction": Self.layers]
    }
  }

  /// Products of a step one by one: two for a jet contraction along a ray, but for the adjoint of order
  /// 1, whose only cotangent goes back through W0.
  private static func products(_ order: Int) -> Int {
    layers * (order == 0 ? 1 : 2) + (layers - 1) * (order <= 1 ? 1 : 2) + layers
  }

  /// Each contraction packs both operands, then multiplies.
  @Test func hostFamilyPacksAndMultiplies() throws {
    try expect(OpenCLBackend(deviceIndex: 0, family: .host)) { order in
      let count = Self.products(order)
      return [
        "contraction_pack_a": count, "contraction_pack_b": count, "contraction_multiply": count,
      ]
    }
  }

  /// The CPU path runs the same functions on the host and launches nothing on a device.
  @Test func cpuPathLeavesDevicesAlone() throws {
    let device = try OpenCLBackend(deviceIndex: 0)
    try expect(OpenBLASBackend(threads: 2)) { ["contraction": Self.products($0)] }
    #expect(device.statistics.launches.isEmpty)
    #expect(device.statistics.uploadedBytes == 0)
  }
}
