import Maclaurin
import Testing

/// What `convert` refuses, with a sentence that names the tensor.
struct ConvertRefusalTests {
  private static let network = #"""
    {"input": [2], "layers": [{"dense": {"units": 3}}, "batch_norm", "relu",
      {"dense": {"units": 2, "bias": false}}]}
    """#
  private static let shapes: [(String, [Int])] = [
    ("0.weight", [3, 2]), ("0.bias", [3]), ("1.weight", [3]), ("1.bias", [3]),
    ("1.running_mean", [3]), ("1.running_var", [3]), ("1.num_batches_tracked", []),
    ("3.weight", [2, 3]),
  ]

  /// A folder with the network and its weights, changed by `change`.
  private func prepared(
    _ change: (inout [String: NumericArray]) -> Void = { _ in }
  ) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("n.json", Self.network)
    var tensors: [String: NumericArray] = [:]
    for (name, shape) in Self.shapes { tensors[name] = Self.filled(shape, 0.5) }
    change(&tensors)
    try SafetensorsFile.write(
      tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      to: folder.path + "/w.safetensors")
    return folder
  }

  private static func filled(_ shape: [Int], _ value: Double) -> NumericArray {
    NumericArray([Double](repeating: value, count: shape.reduce(1, *)), shape: shape)
  }

  private func run(_ folder: TemporaryFolder, _ more: String...) throws -> Command.Outcome {
    try Command.run(
      ["convert", "--network", "n.json", "--weights", "w.safetensors", "--output", "p.safetensors"]
        + more, in: folder)
  }

  @Test func works() throws {
    let folder = try prepared()
    let outcome = try run(folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
    let rows = outcome.output.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(rows.contains(["layers.1.running_var", "1.running_var", "[3]", "float64"]))
    #expect(rows.contains(["layers.3.weight", "3.weight", "[2,", "3]", "float64"]))
    #expect(outcome.output.contains("27 parameters, 21 of them trained, in p.safetensors"))
    #expect(!outcome.output.contains("num_batches_tracked"))
  }

  @Test(arguments: [
    (
      "0.weight", [2, 3],
      ["'0.weight' in w.safetensors has shape [2, 3]", "layers.0.weight", "[3, 2]"]
    ),
    ("1.running_var", [4], ["'1.running_var' in w.safetensors has shape [4]", "needs [3]"]),
    ("3.weight", [2, 3, 1, 1], ["[2, 3, 1, 1]", "layers.3.weight", "needs [2, 3]"]),
  ])
  func shapes(_ name: String, _ shape: [Int], _ words: [String]) throws {
    let folder = try prepared { $0[name] = Self.filled(shape, 1) }
    let outcome = try run(folder)
    expectSentence(outcome, "--map")
    for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    #expect(folder.names() == ["n.json", "w.safetensors"])
  }

  @Test func whatIsMissingOrLeftOver() throws {
    expectSentence(
      try run(prepared { $0["0.bias"] = nil }), "layers.0 of the network (weight, bias)",
      "'0' of w.safetensors (weight)", "nothing in the file is 'layers.0.bias'")
    expectSentence(
      try run(prepared { $0["3.bias"] = Self.filled([2], 1) }), "layers.3",
      "the network has no place for '3.bias'")
    expectSentence(
      try run(prepared { $0["3.weight"] = nil }), "has no tensors for 'layers.3.weight'")
    expectSentence(
      try run(prepared { $0["5.weight"] = Self.filled([2, 2], 1) }),
      "no place for '5.weight' of w.safetensors")
    // One behind the other: the first that does not fit is named.
    expectSentence(
      try run(
        prepared { tensors in
          for name in tensors.keys where name.hasPrefix("1.") { tensors[name] = nil }
        }),
      "layers.1 of the network (weight, bias, running_mean, running_var)", "'3' of w.safetensors")
  }

  @Test func values() throws {
    expectSentence(
      try run(prepared { $0["0.bias"] = Self.filled([3], .nan) }), "'0.bias' in w.safetensors",
      "not finite")
    expectSentence(
      try run(prepared { $0["3.weight"] = Self.filled([2, 3], 1e300) }), "'3.weight'", "1e+300",
      "not finite as float32", "--dtype float64")
    let folder = try prepared { $0["3.weight"] = Self.filled([2, 3], 1e300) }
    #expect(try run(folder, "--dtype", "float64").status == 0)
    expectSentence(
      try run(prepared { $0["1.running_var"] = Self.filled([3], -0.25) }), "'1.running_var'",
      "-0.25", "must not be negative")
    // Parameters with a negative variance are no parameters anywhere else either.
    try SafetensorsFile.write(
      Self.shapes.filter { !$0.1.isEmpty }.map {
        ("layers." + $0.0, Self.filled($0.1, $0.0.hasSuffix("var") ? -1 : 1))
      }, to: folder.path + "/bad.safetensors")
    try folder.write("x.npy", [1, 2], shape: [1, 2])
    expectSentence(
      try Command.run(
        "evaluate", "--network", "n.json", "--parameters", "bad.safetensors", "--inputs", "x.npy",
        "--output", "f.npy", in: folder), "\"layers.1.running_var\"", "must not be negative")
  }

  @Test func maps() throws {
    let folder = try prepared()
    expectSentence(
      try run(folder, "--map", "layers.7.weight=0.weight"), "'layers.7.weight'", "no such tensor",
      "'layers.0.weight'")
    expectSentence(
      try run(folder, "--map", "layers.0.weight=7.weight"), "'7.weight'",
      "w.safetensors does not have", "'0.bias'")
    expectSentence(
      try run(folder, "--map", "layers.0.bias=1.bias", "layers.1.bias=1.bias"),
      "'1.bias' to layers.0.bias and to layers.1.bias")
    expectSentence(
      try run(folder, "--map", "layers.0.bias=1.bias", "layers.0.bias=0.bias"),
      "\"layers.0.bias\" twice")
    expectSentence(
      try run(folder, "--map", "layers.0.weight=3.weight", "layers.3.weight=0.weight"),
      "'3.weight' in w.safetensors",
      "[2, 3]", "[3, 2]")
    expectSentence(try run(folder, "--map", "none.json"), "none.json", "neither a pair")
    try folder.write("list.json", "[1]")
    expectSentence(try run(folder, "--map", "list.json"), "list.json must hold an object")
    try folder.write("number.json", #"{"layers.0.weight": 3}"#)
    expectSentence(
      try run(folder, "--map", "number.json"), "\"layers.0.weight\" of number.json", "not 3")
    try folder.write("broken.json", "{")
    expectSentence(try run(folder, "--map", "broken.json"), "broken.json is not valid JSON")
  }

  @Test func files() throws {
    let folder = try prepared()
    for file in ["n.json", "w.safetensors", "map.json"] {
      try folder.write("map.json", "{}")
      let before = try folder.bytes(file)
      expectSentence(
        try Command.run(
          "convert", "--network", "n.json", "--weights", "w.safetensors", "--map", "map.json",
          "--output", file, in: folder), file, "--output")
      #expect(try folder.bytes(file) == before)
    }
    expectSentence(
      try Command.run(
        "convert", "--network", "n.json", "--weights", "model.pt", "--output", "p.safetensors",
        in: folder), "model.pt", "safetensors.torch.save_file")
    try folder.write("w.safetensors", "no tensors at all")
    expectSentence(try run(folder), "w.safetensors", "safetensors file")
    expectSentence(
      try Command.run(
        "convert", "--network", "mlp:3x1", "--weights", "w.safetensors", "--output",
        "p.safetensors", in: folder), "mlp:3x1")
    expectSentence(try run(folder, "--dtype", "float16"), "float16", status: 2)
  }
}
