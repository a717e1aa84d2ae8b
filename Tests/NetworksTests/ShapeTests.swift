import Compute
import Networks
import Testing

/// Shapes and names of convolutional and residual networks, and what is said where they do not fit.
@Suite struct ShapeTests {
  private func network(_ input: [Int], _ layers: String) throws -> Network {
    let text = "{\"input\": \(input), \"layers\": [\(layers)]}"
    return try Network(NetworkDescription(json: Array(text.utf8), named: "net.json"))
  }

  /// Outputs by the rules of TensorFlow (same) and PyTorch (numbers).
  @Test(arguments: [
    ("\"kernel\": 3", [2, 5, 4]),
    ("\"kernel\": 3, \"padding\": \"same\"", [2, 7, 6]),
    ("\"kernel\": [3, 2], \"stride\": 2, \"padding\": \"same\"", [2, 4, 3]),
    ("\"kernel\": 3, \"stride\": [3, 2], \"padding\": \"valid\"", [2, 2, 2]),
    ("\"kernel\": 5, \"stride\": 2, \"padding\": 2", [2, 4, 3]),
    ("\"kernel\": 3, \"padding\": [2, 0, 0, 1]", [2, 7, 5]),
    ("\"kernel\": [7, 6]", [2, 1, 1]),
  ])
  func outputsOfConvolutions(_ settings: String, _ shape: [Int]) throws {
    let network = try network([3, 7, 6], "{\"conv\": {\"channels\": 2, \(settings)}}")
    #expect(network.layers[0].outputShape == shape)
    #expect(network.outputCount == shape.reduce(1, *))
    let weights = network.parameters[0].shape
    #expect(weights.count == 4 && weights[0] == 2 && weights[1] == 3)
    #expect(network.layers[0].products == weights.reduce(1, *) * shape[1] * shape[2])
  }

  /// Outputs by the rules of PyTorch (numbers) and TensorFlow (same).
  @Test(arguments: [
    ("\"window\": 3, \"stride\": 2, \"padding\": 1", [3, 4, 3]),
    ("\"window\": 2, \"padding\": \"same\"", [3, 4, 3]),
    ("\"window\": [2, 3], \"stride\": 1, \"padding\": [1, 0, 0, 2]", [3, 7, 6]),
    ("\"window\": [2, 3]", [3, 3, 2]),
    ("\"window\": 9, \"padding\": [1, 1, 2, 1]", [3, 1, 1]),
  ])
  func outputsOfMaxPools(_ settings: String, _ shape: [Int]) throws {
    let network = try network([3, 7, 6], "\"relu\", {\"max_pool\": {\(settings)}}, \(Self.dense)")
    #expect(network.layers[1].outputShape == shape)
  }

  private static let dense = "{\"dense\": {\"units\": 2}}"

  /// Weights [outputs, inputs/groups, …]; the fan-in, and with it the start, is that of one group.
  @Test func groups() throws {
    let network = try network(
      [6, 7, 6], "{\"conv\": {\"channels\": 4, \"kernel\": [3, 2], \"groups\": 2}}, \(Self.dense)")
    #expect(network.parameters[0].shape == [4, 3, 3, 2])
    #expect(network.layers[0].outputShape == [4, 5, 5] && network.layers[0].products == 72 * 25)
    #expect(abs(network.parameters[0].initialStd - 1 / (18.0).squareRoot()) < 1e-15)
  }

  @Test func namesInResidualBlocks() throws {
    let conv = "{\"conv\": {\"channels\": 4, \"kernel\": 3, \"padding\": \"same\"}}"
    let network = try network(
      [2, 6, 6],
      """
      "relu", {"residual": {"main": ["relu", \(conv), {"residual": {"main": [\(conv)]}}],
        "shortcut": [{"conv": {"channels": 4, "kernel": 1, "bias": false}}]}},
      {"dense": {"units": 3}}
      """)
    #expect(
      network.parameters.map(\.name) == [
        "layers.1.main.1.weight", "layers.1.main.1.bias", "layers.1.main.2.main.0.weight",
        "layers.1.main.2.main.0.bias", "layers.1.shortcut.0.weight", "layers.2.weight",
        "layers.2.bias",
      ])
    #expect(network.parameters[5].shape == [3, 4 * 36])
    let again = try NetworkDescription(json: network.description.json, named: "again")
    #expect(again == network.description)
  }

  /// Hidden widths are multiplied by the width scale, inputs and the last layer are not.
  @Test func widthScaleReachesConvolutions() throws {
    let text = """
      {"input": [3, 5, 5], "parameterization": "improved_standard", "width_scale": 4, "layers": [
        {"conv": {"channels": 6, "kernel": 3, "weight_std": 2}}, "relu",
        {"conv": {"channels": 5, "kernel": 3}}, {"dense": {"units": 2}}]}
      """
    let network = try Network(NetworkDescription(json: Array(text.utf8), named: "net.json"))
    #expect(
      network.parameters.filter { $0.shape.count > 1 }.map(\.shape) == [
        [24, 3, 3, 3], [20, 24, 3, 3], [2, 20],
      ])
    // σw/√N over the base fan-in: 27 inputs, then 6·9.
    #expect(abs(network.parameters[0].initialStd - 2 / (27.0).squareRoot()) < 1e-15)
    #expect(abs(network.parameters[2].initialStd - 1 / (54.0).squareRoot()) < 1e-15)
  }

  /// Weights N(0, 2/(fan_in + fan_out)), biases of 10⁻⁶ (convolutions) and 10⁻² (dense).
  @Test func glorot() throws {
    let text = """
      {"input": [3, 5, 5], "initialization": "glorot", "layers": [
        {"conv": {"channels": 6, "kernel": 3}}, {"dense": {"units": 2}}]}
      """
    let network = try Network(NetworkDescription(json: Array(text.utf8), named: "net.json"))
    let stds = network.parameters.map(\.initialStd)
    let expected = [
      (2 / Double(27 + 54)).squareRoot(), 1e-6, (2 / Double(54 + 2)).squareRoot(), 0.01,
    ]
    for (std, wanted) in zip(stds, expected) { #expect(abs(std - wanted) < 1e-15) }
  }

  @Test(arguments: [
    ([3, 4, 4], "{\"conv\": {\"channels\": 2, \"kernel\": 5}}", ["layer 0 (conv)", "5×5", "4×4"]),
    (
      [3, 4, 4],
      "{\"conv\": {\"channels\": 2, \"kernel\": 3}}, {\"conv\": {\"channels\": 2, \"kernel\": 3}}",
      ["layer 1 (conv)", "3×3", "2×2"]
    ),
    ([7], "{\"conv\": {\"channels\": 2, \"kernel\": 1}}", ["layer 0 (conv)", "[7]"]),
    (
      [6, 4, 4], "{\"conv\": {\"channels\": 4, \"kernel\": 1, \"groups\": 3}}",
      ["layer 0 (conv) has 3 groups", "6 channels in and 4 out"]
    ),
    (
      [5, 4, 4], "{\"conv\": {\"channels\": 4, \"kernel\": 1, \"groups\": 2}}",
      ["layer 0 (conv) has 2 groups", "5 channels in and 4 out"]
    ),
    (
      [5, 4, 4], "{\"max_pool\": {\"window\": 2, \"padding\": 2}}",
      ["layer 0 (max_pool)", "windows of 2×2", "[2, 2, 2, 2]", "less than the window"]
    ),
    (
      [5, 4, 4], "{\"max_pool\": {\"window\": 7, \"padding\": 1}}",
      ["layer 0 (max_pool)", "a window of 7×7", "4×4 positions before padding"]
    ),
    (
      [3, 4, 4], "\"flatten\", {\"conv\": {\"channels\": 2, \"kernel\": 1}}",
      ["layer 1 (conv)", "[48]"]
    ),
    (
      [3, 4, 4],
      "{\"residual\": {\"main\": [{\"conv\": {\"channels\": 2, \"kernel\": 1}}]}}",
      ["layer 0 (residual)", "[2, 4, 4]", "[3, 4, 4]"]
    ),
    (
      [3, 4, 4],
      "{\"residual\": {\"main\": [{\"residual\": {\"main\": [{\"conv\": {\"channels\": 3, "
        + "\"kernel\": 9}}]}}]}}",
      ["layer 0.main.0.main.0 (conv)", "9×9"]
    ),
  ])
  func whatDoesNotFitIsNamed(_ input: [Int], _ layers: String, _ words: [String]) throws {
    let error = #expect(throws: NetworkError.self) { _ = try network(input, layers) }
    let sentence = try #require(error).description
    for word in words { #expect(sentence.contains(word), "\(sentence)") }
  }
}
