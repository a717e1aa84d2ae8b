import Compute
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// What has no kernel at infinite width is refused with the layer's number, the reason and a way out.
@Suite struct KernelRefusalTests {
  private static let head = #"{"conv": {"channels": 4, "kernel": 1}}"#

  private func refusal(
    _ layers: String, _ rest: String = "", _ kind: KernelKind = .ntk
  ) throws -> String {
    let json = #"{"input": [4, 2, 2], \#(rest)"layers": [\#(layers)]}"#
    let network = try NetworkDescription(json: Array(json.utf8), named: "net.json")
    let error = #expect(throws: NetworkError.self, "\(json)") {
      _ = try InfiniteWidthKernel(network, kind)
    }
    return error?.description ?? ""
  }

  @Test(arguments: [
    (
      "{\"conv\": {\"channels\": 4, \"kernel\": 1, \"groups\": 2}}, \"relu\"",
      "layer 0 (conv) has 2 groups", "leave groups out"
    ),
    ("$, {\"batch_norm\": {}}", "layer 1 (batch_norm)", "take layer_norm"),
    ("$, {\"max_pool\": {\"window\": 2}}", "layer 1 (max_pool)", "take avg_pool"),
    ("$, \"relu\", {\"dropout\": {\"rate\": 0.5}}", "layer 2 (dropout)", "set its rate to 0"),
    ("$, {\"layer_norm\": {\"affine\": true}}", "layer 1 (layer_norm)", "\"affine\" to false"),
    ("\"relu\", $", "layer 0 (relu) works on the inputs themselves", "in front of it"),
    ("{\"layer_norm\": {}}, $", "layer 0 (layer_norm) works on the inputs themselves", "dense"),
    ("\"flatten\", \"erf\", {\"dense\": {\"units\": 1}}", "layer 1 (erf)", "inputs themselves"),
    ("$, \"relu\", \"relu\"", "layer 2 (relu) works on what layer 1 (relu) gives", "between them"),
    (
      "$, \"relu\", {\"avg_pool\": {\"window\": 2}}, \"erf\"",
      "layer 3 (erf) works on what layer 1 (relu) gives", "between them"
    ),
    ("$, \"relu\", {\"layer_norm\": {}}", "layer 2 (layer_norm) works on what layer 1 (relu)", ""),
    (
      "$, \"relu\", \"identity\", \"flatten\", \"tanh\"", "layer 4 (tanh) works on what layer 1", ""
    ),
    (
      "$, \"flatten\", {\"layer_norm\": {}}, \"relu\"",
      "layer 3 (relu) works on what layer 2 (layer_norm) gives", ""
    ),
    (
      "$, {\"residual\": {\"main\": [\"relu\"]}}, \"relu\"",
      "layer 1 (residual) adds two branches that depend on one another", "end with a dense"
    ),
    (
      "$, {\"residual\": {\"main\": [{\"layer_norm\": {}}]}}", "layer 1 (residual)",
      "depend on one another"
    ),
    (
      "$, {\"residual\": {\"main\": [$, \"relu\"], \"shortcut\": [$, \"relu\"]}}",
      "layer 1 (residual)", "depend on one another"
    ),
    (
      "$, \"relu\", {\"residual\": {\"main\": [$]}}, \"relu\"",
      "layer 3 (relu) works on what layer 1 (relu) gives", ""
    ),
    (
      "$, {\"residual\": {\"main\": [$, {\"residual\": {\"main\": [\"sin\", \"cos\", $]}}]}}",
      "layer 1.main.1.main.1 (cos) works on what layer 1.main.1.main.0 (sin) gives", ""
    ),
    ("{\"residual\": {\"main\": [$]}}", "layer 0 (residual) adds the inputs themselves", ""),
    (
      "$, {\"residual\": {\"main\": [\"relu\", {\"dense\": {\"units\": 16}}], \"shortcut\": "
        + "[\"flatten\"]}}", "layer 1 (residual) adds branches of 1×1 and 2×2 positions",
      "flattened behind it"
    ),
  ])
  func layers(_ layers: String, _ layer: String, _ way: String) throws {
    let text = try refusal(layers.replacing("$", with: Self.head))
    #expect(text.contains(layer) && text.contains(way), "\(text)")
    #expect(text.contains("--width finite"), "\(text)")
  }

  @Test func networks() throws {
    for (rest, words) in [
      (#""parameterization": "taylor", "#, "taylor"),
      (#""parameterization": "mup", "base_width": 32, "#, "base width 32"),
      (#""initialization": "glorot", "#, "glorot"),
    ] {
      let text = try refusal(Self.head, rest)
      #expect(text.contains(words) && text.contains("--width finite"), "\(text)")
    }
    let symmetric = #""symmetric": true, "#
    #expect(try refusal(Self.head, symmetric, .nngp).contains("--kind ntk"))
    // Without any parameters, as for networks that are built.
    #expect(try refusal("\"flatten\"") == refusal("{\"avg_pool\": {\"window\": 2}}"))
    // Shapes are those of the network that would be built.
    #expect(try refusal("\"flatten\", \(Self.head)").contains("layer 1 (conv) needs an image"))
  }

  /// An NNGP does not know what is trained.
  @Test func gainsOfNormalization() throws {
    func network(_ isAffine: Bool) -> NetworkDescription {
      NetworkDescription(
        input: [4],
        layers: [.dense(.init(units: 4)), .layerNorm(.init(isAffine: isAffine))])
    }
    let x = sample(12, seed: 1)
    let (plain, trained) = (
      try InfiniteWidthKernel(network(false), .nngp)(x),
      try InfiniteWidthKernel(network(true), .nngp)(x)
    )
    #expect(plain.nngp == trained.nngp && trained.ntk.isEmpty)
  }

  /// The table is what lowering does.
  @Test func support() {
    func support(_ name: String, _ kind: KernelKind) -> KernelSupport? {
      InfiniteWidthKernel.layerExamples.first { $0.name == name }.map {
        InfiniteWidthKernel.support(of: $0.layer, kind)
      }
    }
    for name in [
      "dense", "conv", "avg_pool", "global_avg_pool", "flatten", "layer_norm", "residual",
    ] {
      #expect(support(name, .nngp) == .closedForm && support(name, .ntk) == .closedForm, "\(name)")
    }
    #expect(support("layer_norm with affine", .nngp) == .closedForm)
    for (name, kind) in [
      ("layer_norm with affine", KernelKind.ntk), ("max_pool", .nngp), ("dropout", .ntk),
    ] {
      guard case .refused(let text)? = support(name, kind) else {
        Issue.record("\(name) is not refused")
        continue
      }
      #expect(text.contains("layer 1") && text.contains("--width finite"))
    }
    for activation in Activation.allCases {
      let isSeries = SeriesActivation(rawValue: activation.rawValue) != nil
      for kind in KernelKind.allCases {
        let found = InfiniteWidthKernel.support(of: .activation(activation), kind)
        #expect(found == (isSeries ? .series : .closedForm), "\(activation)")
      }
    }
  }
}
