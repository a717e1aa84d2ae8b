import Compute
import Jets
import TestSupport
import Testing

@testable import Networks

/// Symmetric starts: outputs of 0.
@BackendActor @Suite struct SymmetryTests {
  private func description(
    _ widths: [Int], signs: Bool, _ parameterization: Parameterization = .ntk
  ) -> NetworkDescription {
    var layers: [LayerDescription] = []
    for width in widths {
      layers += [.dense(.init(units: width, biasStd: 0.3)), .activation(.tanh)]
    }
    layers.append(.dense(.init(units: 3, biasStd: 0.2)))
    return NetworkDescription(
      input: [7], parameterization: parameterization, layers: layers, isSymmetric: true,
      hasOutputSigns: signs)
  }

  private func outputs(_ network: Network, on backend: any Backend) throws -> ([Double], [Double]) {
    let vector = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(vector, seed: 3, on: backend)
    let x = try backend.matrix(5, 7, .float32, sample(35, seed: 1))
    let jet = try network.pushforward(
      x, ParameterJet(center: vector), algebra: JetAlgebra(backend, order: 0))
    return (try backend.download(jet[0]), try backend.download(vector))
  }

  /// Products of outgoing weights that are not ±1 leave their rounding errors.
  @Test(arguments: BackendUnderTest.canonical)
  func outputsAreZeroUpToRounding(_ place: BackendUnderTest) throws {
    let network = try Network(description([20, 30], signs: false, .standard))
    let (outputs, parameters) = try outputs(network, on: place.backend())
    // 15 pairs of products below 1, each off by at most 2⁻²⁴.
    #expect(outputs.allSatisfy { abs($0) <= 15 * 0x1p-23 })
    let weights = parameters[network.parameters[4].range]
    #expect(Set(weights.map { abs($0) }).count > 40)
    #expect(parameters[network.parameters[5].range].allSatisfy { $0 == 0 })
  }

  @Test(arguments: BackendUnderTest.canonical, [[4], [20, 30], [6, 2050]])
  func outputsAreExactlyZeroWithSigns(_ place: BackendUnderTest, _ widths: [Int]) throws {
    let network = try Network(description(widths, signs: true))
    let (outputs, parameters) = try outputs(network, on: place.backend())
    #expect(outputs.allSatisfy { $0 == 0 })
    let last = network.parameters.count - 2
    let weights = Array(parameters[network.parameters[last].range])
    #expect(weights.allSatisfy { abs($0) == 1 })
    // Pairs, and signs of both kinds first in them.
    #expect(
      stride(from: 0, to: weights.count, by: 2).allSatisfy { weights[$0] == -weights[$0 + 1] })
    #expect(
      widths == [4] || Set(stride(from: 0, to: weights.count, by: 2).map { weights[$0] }).count == 2
    )
    let incoming = Array(parameters[network.parameters[last - 2].range])
    let columns = network.parameters[last - 2].shape[1]
    #expect(Array(incoming[..<columns]) == Array(incoming[columns..<(2 * columns)]))
    #expect(Set(incoming).count == incoming.count / 2)
  }

  @Test func oddWidthsAndOtherNetworksAreRefused() {
    func message(_ layers: [LayerDescription]) -> String {
      do {
        _ = try Network(NetworkDescription(input: [7], layers: layers, isSymmetric: true))
        return ""
      } catch { return "\(error)" }
    }
    let last = LayerDescription.dense(.init(units: 3))
    let odd = message([.dense(.init(units: 5)), .activation(.relu), last])
    #expect(odd.contains("layers.0.weight") && odd.contains("5") && odd.contains("even"))
    #expect(message([last]).contains("symmetric"))
    #expect(message([.dense(.init(units: 4)), .layerNorm(.init()), last]).contains("symmetric"))
    #expect(message([.dense(.init(units: 4)), .dropout(rate: 0.1), last]) == "")
  }

  @Test func networkFilesSayIt() throws {
    let one = description([4], signs: true)
    #expect(try NetworkDescription(json: one.json, named: "it") == one)
    #expect(String(decoding: one.json, as: UTF8.self).contains("\"output_signs\""))
  }
}
