import Compute
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Work and memory of kernels at finite width, counted.
@BackendActor @Suite struct EmpiricalCostTests {
  private func count(
    _ preset: String, input: [Int], examples: Int, outputs: KernelOutputs = .trace,
    passBytes: Int = EmpiricalKernel.defaultPassBytes
  ) throws -> (null: NullBackend, network: Network, bytes: Int) {
    let description = try NetworkPreset(parsing: preset)!.description(
      input: input, outputs: 10, activation: .relu, parameterization: .standard, weightStd: 1,
      biasStd: 0)
    let (network, null) = (try Network(description), NullBackend())
    let kernel = try EmpiricalKernel(
      network, .ntk, at: null.matrix(1, network.parameterCount, .float32),
      null.matrix(examples, network.inputCount, .float32), outputs: outputs,
      passBytes: passBytes, on: null)
    let before = null.statistics.liveBytes
    _ = try kernel.whole()
    return (null, network, null.statistics.peakBytes - before)
  }

  /// Forward, back with 10 cotangents (not to the inputs), y yᵀ and Σ_o δ_o δ_oᵀ of four layers.
  @Test func dense() throws {
    let (null, network, bytes) = try count("mlp:2048x3", input: [784], examples: 64)
    let widths = [784, 2048, 2048, 2048, 10]
    var products = 0
    for layer in 0..<4 {
      let (inputs, outputs) = (widths[layer], widths[layer + 1])
      products += 64 * inputs * outputs
      if layer > 0 { products += 640 * inputs * outputs }
      products += 64 * 64 * (inputs + 10 * outputs)
    }
    #expect(null.contractionCost.flops / (2 * Double(products)) < 1.001)
    #expect(null.cost.flops / (2 * Double(products)) < 1.01)
    // A hundredth of the Jacobian, 640 rows of all parameters.
    #expect(bytes < 640 * network.parameterCount * 4 / 100)
    #expect(null.statistics.launches.values.reduce(0, +) < 150)
  }

  /// Forward, back, weight gradients of every output and example, and their products.
  @Test func convolutional() throws {
    let (null, _, _) = try count("cnn:64x4", input: [3, 32, 32], examples: 16)
    let layers = [(900, 27), (784, 576), (676, 576), (576, 576)]
    var products = 0
    for (index, (positions, patch)) in layers.enumerated() {
      products += 16 * positions * patch * 64
      if index > 0 { products += 160 * positions * patch * 64 }
      products += 160 * positions * patch * 64 + 16 * 16 * 10 * patch * 64
    }
    products += 176 * 640 + 256 * (64 + 10 * 10)
    #expect(null.contractionCost.flops / (2 * Double(products)) < 1.01)
    #expect(null.cost.flops / (2 * Double(products)) < 1.1)
  }

  /// A residual network, whose Jacobian would have 10 rows of 3.2 million for each example: no pass holds
  /// more than a third of it, and a smaller bound is kept.
  @Test func residual() throws {
    let whole = try count("wrn:2-4-128", input: [3, 32, 32], examples: 2)
    let jacobian = 20 * whole.network.parameterCount * 4
    #expect(whole.bytes < jacobian / 3)
    let bound = 32 << 20
    let cut = try count("wrn:2-4-128", input: [3, 32, 32], examples: 2, passBytes: bound)
    #expect(cut.bytes < bound + bound / 4)
    #expect(cut.null.cost.flops < 1.5 * whole.null.cost.flops)
  }
}
