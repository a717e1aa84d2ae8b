import Networks
import Testing

/// A network with other outputs.
@Suite struct OutputsTests {
  private func description(_ json: String) throws -> NetworkDescription {
    try NetworkDescription(json: Array(json.utf8), named: "net.json")
  }

  @Test func theLastDenseLayerChanges() throws {
    let old = try description(
      #"{"input": [3], "symmetric": true, "layers": [{"dense": {"units": 4}}, "tanh", {"dense": {"units": 2, "weight_std": 1.5, "bias": false}}, {"dropout": {"rate": 0.1}}]}"#
    )
    let new = try old.replacing(outputs: 5)
    #expect(new.layers[2] == .dense(.init(units: 5, weightStd: 1.5, hasBias: false)))
    #expect(!new.isSymmetric && new.input == [3])
    for index in [0, 1, 3] { #expect(new.layers[index] == old.layers[index]) }
    #expect(try Network(new).outputCount == 5)
  }

  @Test(arguments: [
    (#"[{"dense": {"units": 2}}, "relu"]"#, "ends with relu"),
    (#"[{"conv": {"channels": 2, "kernel": 1}}, "global_avg_pool"]"#, "ends with global_avg_pool"),
  ])
  func networksWithoutOne(_ layers: String, _ words: String) throws {
    let old = try description("{\"input\": [1, 4, 4], \"layers\": \(layers)}")
    do {
      _ = try old.replacing(outputs: 3)
      Issue.record("\(layers) was taken")
    } catch {
      #expect("\(error)".contains(words) && "\(error)".contains("3 outputs"), "\(error)")
    }
  }
}
