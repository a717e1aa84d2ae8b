import Maclaurin
import Testing

/// Network files that are wrong, or that do not fit the data or the parameters.
struct BadNetworkTests {
  @Test(
    arguments: [
      ("{", ["JSON"]), ("[]", ["object"]), ("{}", ["\"input\""]), ("", ["JSON"]),
      (#"{"input": [64]}"#, ["\"layers\""]),
      (#"{"input": [0], "layers": ["relu"]}"#, ["\"input\"", "positive"]),
      (#"{"input": [64], "layers": ["relu"]}"#, ["nothing to train"]),
      (#"{"input": [64], "layers": ["relo"]}"#, ["layer 0", "\"relo\"", "leaky_relu"]),
      (#"{"input": [64], "layers": ["dense"]}"#, ["layer 0", "units"]),
      (#"{"input": [64], "layers": [{"dense": {"units": 0}}]}"#, ["layer 0", "positive"]),
      (#"{"input": [64], "layers": [{"dense": {"units": 1.5}}]}"#, ["layer 0", "1.5"]),
      (#"{"input": [64], "layers": [{"dense": {"unit": 3}}]}"#, ["layer 0", "\"units\""]),
      (#"{"input": [64], "layers": [{"dense": {"units": 3, "x": 1}}]}"#, ["layer 0", "\"x\""]),
      (#"{"input": [64], "layers": [{"warp": {}}]}"#, ["layer 0", "\"warp\"", "dense"]),
      (#"{"input": [64], "layers": [7]}"#, ["layer 0", "number"]),
      (#"{"input": [64], "parameterization": "mupp", "layers": ["relu"]}"#, ["\"mupp\"", "ntk"]),
      (
        #"{"input": [64], "layers": [{"dense": {"units": 3}}, "relu"]}"#,
        ["layer 0 (dense)", "[3]", "[10]", "units"]
      ),
      (
        #"{"input": [7], "layers": ["tanh", {"dense": {"units": 10}}]}"#,
        ["layer 0 (tanh)", "[7]", "[1, 8, 8]"]
      ),
      (
        #"{"input": [9000000, 9000000, 9000000], "layers": [{"dense": {"units": 3}}]}"#,
        ["input", "features"]
      ),
      (
        #"{"input": [64], "layers": [{"dense": {"units": 1073741824}}, {"dense": {"units": 1073741824}}]}"#,
        ["layer 1 (dense)", "[1073741824, 1073741824]"]
      ),
      (String(repeating: "[", count: 200_000), ["JSON"]),
      (#"{"input": [64], "layers": [{"dropout": {}}]}"#, ["layer 0", "(dropout)", "no \"rate\""]),
      (#"{"input": [64], "layers": [{"dropout": {"rate": 1}}]}"#, ["layer 0", "below 1"]),
    ] as [(String, [String])])
  func file(_ text: String, _ words: [String]) throws {
    let folder = try TemporaryFolder()
    try folder.write("n.json", text)
    let outcome = try Command.run("train", "--model", "n.json", "--out", "run", in: folder)
    expectSentence(outcome)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
    #expect(folder.names() == ["n.json"])
  }

  /// Networks that do not take the images, 1×8×8: the layer and both sizes are named.
  @Test(
    arguments: [
      ("[3, 8, 8]", conv("3"), ["layer 0 (conv)", "[3, 8, 8]", "[1, 8, 8]"]),
      // As many numbers, but another shape.
      ("[1, 4, 16]", conv("3"), ["layer 0 (conv)", "[1, 4, 16]", "[1, 8, 8]"]),
      ("[64]", conv("3"), ["layer 0 (conv)", "image", "[64]"]),
      ("[1, 8, 8]", conv("9"), ["layer 0 (conv)", "9×9", "8×8"]),
      ("[1, 8, 8]", conv("[3, 11], \"padding\": 1"), ["layer 0 (conv)", "3×11", "8×8", "padding"]),
      (
        "[1, 8, 8]", "{\"avg_pool\": {\"window\": 4}}, \(conv("3"))",
        ["layer 1 (conv)", "3×3", "2×2"]
      ),
      ("[1, 8, 8]", "{\"max_pool\": {\"window\": [9, 1]}}", ["layer 0 (max_pool)", "9×1", "8×8"]),
      ("[1, 8, 8]", conv("0"), ["layer 0", "(conv)", "\"kernel\"", "is 0"]),
      ("[1, 8, 8]", conv("[1, 2, 3]"), ["layer 0", "\"kernel\"", "[1,2,3]"]),
      ("[1, 8, 8]", conv("1e30"), ["layer 0", "\"kernel\"", "1e+30"]),
      ("[1, 8, 8]", conv("1, \"stride\": 0"), ["layer 0", "\"stride\"", "is 0"]),
      ("[1, 8, 8]", conv("1, \"padding\": -1"), ["layer 0", "\"padding\"", "is -1"]),
      ("[1, 8, 8]", conv("1, \"dilation\": 2"), ["layer 0", "\"dilation\"", "stride"]),
      (
        "[1, 8, 8]", "{\"residual\": {\"main\": [\"relu\", \(conv("-3"))]}}",
        ["layer 0.main.1 of n.json (conv)", "is -3"]
      ),
      (
        "[1, 8, 8]",
        String(repeating: "{\"residual\": {\"main\": [", count: 70) + "\"relu\""
          + String(repeating: "]}}", count: 70), ["n.json", "nest at most 64"]
      ),
    ] as [(String, String, [String])])
  func images(_ input: String, _ layers: String, _ words: [String]) throws {
    try file("{\"input\": \(input), \"layers\": [\(layers), {\"dense\": {\"units\": 10}}]}", words)
  }

  private static func conv(_ kernel: String, channels: Int = 2) -> String {
    "{\"conv\": {\"channels\": \(channels), \"kernel\": \(kernel)}}"
  }

  /// Sizes whose products do not fit into 64 bits.
  @Test(
    arguments: [
      // Weights: 2⁶³ − 1 exactly.
      ("[218934409, 1, 1]", conv("7, \"padding\": \"same\"", channels: 859_764_727), "parameters"),
      ("[1, 65536, 65536]", conv("256", channels: 1 << 30), "outputs"),
      (
        "[512, 2048, 4096]", conv("[32768, 32767], \"padding\": \"same\"", channels: 512),
        "multiplications"
      ),
      ("[1, 8192, 8192]", "{\"max_pool\": {\"window\": 8192}}", "8192×8192"),
    ])
  func enormous(_ input: String, _ layers: String, _ word: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "n.json",
      "{\"input\": \(input), \"layers\": [\(layers), \"global_avg_pool\", "
        + "{\"dense\": {\"units\": 10}}]}")
    expectSentence(
      try Command.run("summary", "--model", "n.json", in: folder), "layer 0", word)
  }

  @Test func parametersOfAnotherNetwork() throws {
    let folder = try TemporaryFolder()
    #expect(
      try Command.run("init", "--model", "mlp:5x2", "--output", "p.safetensors", in: folder).status
        == 0)
    let train = ["train", "--out", "run", "--model"]
    expectSentence(
      try Command.run(train + ["mlp:6x2", "--initial", "p.safetensors"], in: folder),
      "layers.0.weight", "[5, 64]", "[6, 64]")
    expectSentence(
      try Command.run(train + ["mlp:5x3", "--initial", "p.safetensors"], in: folder),
      "layers.4.weight", "[10, 5]", "[5, 5]")
    expectSentence(
      try Command.run(train + ["mlp:5x2", "--initial", "p.safetensors:q."], in: folder),
      "q.layers.0.weight")
    #expect(folder.names() == ["p.safetensors"])
    // A network file says its activation itself.
    let golden = try Golden("jet-mlp-tanh")
    expectSentence(
      try Command.run("summary", "--model", golden.network, "--activation", "relu", in: folder),
      "--activation", status: 2)
  }

  @Test func parametersThatAreNoNumbers() throws {
    let folder = try TemporaryFolder()
    let shapes = [[4, 64], [4], [10, 4], [10]]
    let names = ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    let tensors = zip(names, shapes).map { name, shape in
      var values = [Float](repeating: 0.1, count: shape.reduce(1, *))
      if name == "layers.2.weight" { values[7] = .nan }
      return (name: name, array: NumericArray(values, shape: shape))
    }
    try SafetensorsFile.write(tensors, to: folder.path + "/p.safetensors")
    expectSentence(
      try Command.run("train", "--model", "mlp:4x1", "--initial", "p.safetensors", in: folder),
      "layers.2.weight", "nan")
  }
}
