import Maclaurin
import Testing

/// `expand --order` above 8 and `expand --radius`.
struct RadiusCommandTests {
  /// A network, θ0 and θ, and inputs of 5 examples.
  private func prepare(_ layers: String, in folder: TemporaryFolder) throws -> [String] {
    try folder.write("net.json", "{\"input\": [3], \"layers\": [\(layers)]}")
    for (name, seed) in [("a", "1"), ("b", "2")] {
      let outcome = try Command.run(
        "init", "--model", "net.json", "--seed", seed, "--dtype", "float64", "--output",
        "\(name).safetensors", "--backend", "cpu", in: folder)
      try #require(outcome.status == 0, "\(outcome.errors)")
    }
    try folder.write("x.npy", (0..<15).map { Double($0 * 7 % 11) / 5 - 1 }, shape: [5, 3])
    return [
      "expand", "--network", "net.json", "--center", "a.safetensors", "--parameters",
      "b.safetensors", "--inputs", "x.npy", "--backend", "cpu",
    ]
  }

  private static func layers(_ activation: String) -> String {
    "{\"dense\": {\"units\": 6}}, \"\(activation)\", {\"dense\": {\"units\": 2}}"
  }

  @Test func reportOfRadii() throws {
    let folder = try TemporaryFolder()
    let expand = try prepare(Self.layers("tanh"), in: folder)
    let outcome = try Command.run(
      expand + [
        "--dtype", "float64", "--order", "64", "--radius", "--tolerance", "0.001", "--out",
        "report",
        "--output", "c.npy", "--json",
      ], in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(folder.names("report") == ["figures", "radius.json", "report.html"])
    #expect(folder.names("report/figures") == ["error.svg", "radius.svg", "step.svg"])
    let members = try outcome.json
    #expect(members["analyticity"] == .string("poles") && members["gates"] == .bool(false))
    guard case .array(let examples)? = members["examples"] else { return #expect(Bool(false)) }
    #expect(examples.count == 5)
    // One hidden layer: pre-activations are linear in t, and singular at iπ/2 + iπn.
    let network = try NetworkDescription(
      json: folder.bytes("net.json"), named: "net.json")
    let built = try Network(network)
    let center = try built.readParameters(SafetensorsFile(folder.path + "/a.safetensors"))
    let end = try built.readParameters(SafetensorsFile(folder.path + "/b.safetensors"))
    let x = try folder.array("x.npy").values
    for (example, value) in examples.enumerated() {
      guard case .object(let found) = value, case .number(let radius)? = found["radius"] else {
        Issue.record("example \(example) has no radius")
        continue
      }
      var nearest = Double.infinity
      for unit in 0..<6 {
        var (a, d) = (center[18 + unit], end[18 + unit] - center[18 + unit])
        for i in 0..<3 {
          a += center[unit * 3 + i] * x[example * 3 + i]
          d += (end[unit * 3 + i] - center[unit * 3 + i]) * x[example * 3 + i]
        }
        nearest = min(nearest, (a * a + Double.pi * Double.pi / 4).squareRoot() / abs(d))
      }
      #expect(abs(radius / nearest - 1) < 0.01, "example \(example): \(radius), not \(nearest)")
      #expect(found["converges"] == .bool(radius > 1))
    }
  }

  /// Networks without singularities have no radius, and say so.
  @Test(arguments: [("relu", "polynomial", true), ("quadratic", "polynomial", false)])
  func polynomialsEnd(_ activation: String, _ kind: String, _ gates: Bool) throws {
    let folder = try TemporaryFolder()
    let expand = try prepare(Self.layers(activation), in: folder)
    let arguments = ["--dtype", "float64", "--order", "20", "--radius"]
    let outcome = try Command.run(expand + arguments + ["--json"], in: folder)
    #expect(try outcome.text("analyticity") == kind)
    #expect(try outcome.json["gates"] == .bool(gates))
    #expect(try outcome.json["radius_median"] == .null)
    let text = try Command.run(expand + arguments, in: folder)
    #expect(text.status == 0 && text.output.contains("ends"), "\(text.output)\(text.errors)")
    #expect(text.output.contains("gates") == gates)
  }

  @Test func entireNetworksHaveNoRadius() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      prepare(Self.layers("erf"), in: folder)
        + ["--dtype", "float64", "--order", "40", "--radius", "--json"], in: folder)
    #expect(try outcome.text("analyticity") == "entire")
    #expect(try outcome.json["radius_median"] == .null)
    #expect(try outcome.number("within_factor_two") > 0.5)
  }

  @Test(
    arguments: [
      (["--order", "65", "--dtype", "float64", "--output", "c.npy"], ["64", "\"65\""]),
      (["--order", "9", "--output", "c.npy"], ["--dtype float64", "order 8"]),
      (["--order", "0", "--output", "c.npy"], ["1 to 8"]),
      (["--order", "20"], ["--dtype float64"]),
      (["--order", "20", "--dtype", "float64"], ["--output"]),
      (["--order", "8", "--dtype", "float64", "--radius"], ["16", "64"]),
      (["--order", "8", "--radius"], ["--dtype float64"]),
      (["--order", "2", "--output", "c.npy", "--tolerance", "1"], ["--radius"]),
      (["--order", "2", "--output", "c.npy", "--out", "r"], ["--radius"]),
      (["--order", "20", "--dtype", "float64", "--radius", "--tolerance=-1"], ["--tolerance"]),
    ] as [([String], [String])])
  func misuse(_ arguments: [String], _ words: [String]) throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      prepare(Self.layers("tanh"), in: folder) + arguments, in: folder)
    expectSentence(outcome, status: 2)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
  }

  @Test func radiusNeedsAFolder() throws {
    let folder = try TemporaryFolder()
    let expand = try prepare(Self.layers("tanh"), in: folder)
    try folder.write("file", "x")
    let arguments = ["--order", "20", "--dtype", "float64", "--radius", "--out", "file"]
    expectSentence(try Command.run(expand + arguments, in: folder), "is a file")
  }
}
