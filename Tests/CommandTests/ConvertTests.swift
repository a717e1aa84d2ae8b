import Maclaurin
import Testing

/// `convert` against PyTorch: files that PyTorch wrote, with its own outputs and gradient.
struct ConvertTests {
  static let folder: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast().joined(separator: "/") + "/Torch"
  }()
  static let root = folder.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    .joined(separator: "/")

  private static let sequential = #"""
    {"input": [3, 8, 8], "layers": [
      {"conv": {"channels": 8, "kernel": 3, "padding": 1}}, "batch_norm", "silu",
      {"conv": {"channels": 8, "kernel": 3, "padding": 1, "groups": 8, "bias": false}},
      "batch_norm", "gelu_tanh", {"max_pool": {"window": 3, "stride": 2, "padding": 1}},
      {"conv": {"channels": 12, "kernel": 3, "groups": 4}}, "silu", "flatten",
      {"dense": {"units": 32}}, "silu", {"dense": {"units": 10}}]}
    """#

  private func expected(_ name: String) throws -> [Double] {
    try SafetensorsFile(Self.folder + "/values.safetensors").tensor(name).doubles()
  }

  private func convert(
    _ network: String, _ weights: String, _ more: String..., in folder: TemporaryFolder
  ) throws -> Command.Outcome {
    let outcome = try Command.run(
      [
        "convert", "--network", network, "--weights", weights, "--output", "p.safetensors",
        "--json",
      ]
        + more, in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    return outcome
  }

  private func outputs(
    _ network: String, _ inputs: String, _ more: String..., in folder: TemporaryFolder
  ) throws -> [Double] {
    let outcome = try Command.run(
      [
        "evaluate", "--network", network, "--parameters", "p.safetensors", "--inputs",
        inputs, "--output", "f.npy", "--backend", "openblas",
      ] + more, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try folder.array("f.npy").values
  }

  /// A convolution, a depthwise one and one in groups, batch norm, silu, gelu by tanh, a padded max
  /// pool; indices of two digits, which names sort otherwise.
  @Test(arguments: ["bfloat16", "float16", "float32"])
  func sequentialModels(_ type: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("n.json", Self.sequential)
    let weights = "\(Self.folder)/sequential-\(type).safetensors"
    let inputs = "\(Self.folder)/values.safetensors:sequential.inputs"
    let reference = try expected("sequential.\(type).outputs")
    let outcome = try convert("n.json", weights, "--dtype", "float64", in: folder)
    #expect(
      try outcome.number("parameters") == 2486 && outcome.number("trained_parameters") == 2454)
    guard case .array(let tensors)? = try outcome.json["tensors"] else {
      Issue.record("no tensors in \(outcome.output)")
      return
    }
    #expect(tensors.count == 17)
    // Layers without tensors count in both, so the indices are the same.
    for case .object(let tensor) in tensors {
      guard case .string(let name)? = tensor["name"], case .string(let source)? = tensor["from"]
      else {
        Issue.record("\(tensor)")
        continue
      }
      #expect(name == "layers." + source && tensor["dtype"] == .string(type))
    }
    expectClose(
      try outputs("n.json", inputs, "--dtype", "float64", in: folder), reference, relative: 1e-13,
      "float64")
    _ = try convert("n.json", weights, in: folder)
    expectClose(try outputs("n.json", inputs, in: folder), reference, relative: 2e-6, "float32")
  }

  @Test func gradients() throws {
    let folder = try TemporaryFolder()
    try folder.write("n.json", Self.sequential)
    try folder.write("u.npy", [Double](repeating: 1, count: 40), shape: [4, 10])
    let reference = try expected("sequential.gradient")
    for (type, bound) in [("float64", 1e-12), ("float32", 1e-5)] {
      _ = try convert(
        "n.json", "\(Self.folder)/sequential-float32.safetensors", "--dtype", type, in: folder)
      let outcome = try Command.run(
        "vjp", "--network", "n.json", "--parameters", "p.safetensors", "--inputs",
        "\(Self.folder)/values.safetensors:sequential.inputs", "--cotangents", "u.npy", "--output",
        "g.npy", "--dtype", type, "--backend", "openblas", in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      expectClose(try folder.array("g.npy").values, reference, relative: bound, type)
    }
  }

  /// docs/networks/resnet18.json, as wide as `width` says.
  static func resnet(width: Int, image: Int, classes: Int) -> String {
    var text = readText(root + "/docs/networks/resnet18.json")
    for channels in [64, 128, 256, 512] {
      text = text.replacing(
        "\"channels\": \(channels),", with: "\"channels\": \(channels * width / 64),")
    }
    return text.replacing("224, 224", with: "\(image), \(image)")
      .replacing("\"units\": 1000", with: "\"units\": \(classes)")
  }

  @Test func residualNetworks() throws {
    let folder = try TemporaryFolder()
    try folder.write("n.json", Self.resnet(width: 4, image: 32, classes: 5))
    let outcome = try convert(
      "n.json", "\(Self.folder)/resnet.safetensors", "--dtype", "float64", in: folder)
    #expect(try outcome.number("trained_parameters") == 44937)
    expectClose(
      try outputs(
        "n.json", "\(Self.folder)/values.safetensors:resnet.inputs", "--dtype", "float64",
        in: folder), try expected("resnet.outputs"), relative: 1e-13, "logits")
  }

  @Test func summaries() throws {
    let folder = try TemporaryFolder()
    let network = Self.root + "/docs/networks/resnet18.json"
    let json = try Command.run("summary", "--model", network, "--json", in: folder)
    #expect(try json.number("trained_parameters") == 11_689_512)
    #expect(try json.number("parameters") == 11_699_112)
    // 1.814 billion multiply-adds, as torchvision states.
    #expect(try abs(json.number("flops_per_example") / 2e9 - 1.814) < 0.001)
    let text = try Command.run("summary", "--model", network, in: folder)
    #expect(
      text.output.contains(
        "11689512 parameters are trained; 9600 are statistics of batch_norm, which are not."))
  }

  /// What the example of docs/importing.md exports, and its accuracy there.
  @Test func example() throws {
    let folder = try TemporaryFolder()
    let network = Self.root + "/docs/examples/digits-cnn.json"
    _ = try convert(network, "\(Self.folder)/example-model.safetensors", in: folder)
    let reference = try ArrayArgument(parsing: Self.folder + "/example-outputs.npy").read()
    expectClose(
      try outputs(network, Self.folder + "/example-inputs.npy", in: folder), reference.doubles(),
      relative: 2e-6, "logits")
    let outcome = try Command.run(
      "evaluate", "--network", network, "--parameters", "p.safetensors", "--data", "digits",
      "--classes", "0,1,2,3,4", "--backend", "openblas", "--json", in: folder)
    #expect(outcome.status == 0 && outcome.output.contains("\"test_accuracy\":1"), "\(outcome)")
    // Digits that it has not seen, from three examples of each or so; chance is 1/5.
    let adapted = try Command.run(
      "adapt", "--network", network, "--parameters", "p.safetensors", "--data", "digits",
      "--classes", "5,6,7,8,9", "--train-size", "15", "--layers", "last", "--out", "adapted",
      "--backend", "openblas", "--json", "--quiet", in: folder)
    #expect(adapted.status == 0, "\(adapted.errors)")
    let scored = try Command.run(
      "evaluate", "--posterior", "adapted", "--data", "digits", "--classes", "5,6,7,8,9",
      "--backend", "openblas", "--json", in: folder)
    #expect(try scored.number("accuracy") > 0.5, "\(scored)")
  }

  /// Parameters of our own only change their type.
  @Test func ownParameters() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "n.json",
      #"{"input": [3], "parameterization": "ntk", "layers": [{"dense": {"units": 4}}, "batch_norm"]}"#
    )
    let start = try Command.run(
      "init", "--model", "n.json", "--output", "own.safetensors", "--json", in: folder)
    let outcome = try convert("n.json", "own.safetensors", "--dtype", "float64", in: folder)
    #expect(try outcome.text("parameters_sha256") == start.text("parameters_sha256"))
    let (own, other) = (
      try folder.array("own.safetensors:layers.0.weight"),
      try folder.array("p.safetensors:layers.0.weight")
    )
    #expect(own.values == other.values)
  }

  /// What a layer multiplies its tensors by is taken out of foreign ones: the function is the model's.
  @Test func factors() throws {
    let folder = try TemporaryFolder()
    let layers = #"[{"dense": {"units": 4, "bias_std": 0.5}}, "tanh", {"dense": {"units": 2}}]"#
    try folder.write("plain.json", #"{"input": [3], "layers": \#(layers)}"#)
    try folder.write(
      "mup.json", #"{"input": [3], "parameterization": "mup", "layers": \#(layers)}"#)
    var tensors: [(name: String, array: NumericArray)] = []
    for (name, shape) in [("0.weight", [4, 3]), ("0.bias", [4]), ("2.weight", [2, 4])] {
      let values = (0..<shape.reduce(1, *)).map { Double($0 * 7 % 5) / 4 - 0.5 }
      tensors.append((name, NumericArray(values, shape: shape)))
    }
    tensors.append(("2.bias", NumericArray([0.25, -1], shape: [2])))
    try SafetensorsFile.write(tensors, to: folder.path + "/w.safetensors")
    try folder.write("x.npy", [0.5, -1, 2], shape: [1, 3])
    let outputs = try ["plain.json", "mup.json"].map { network in
      _ = try convert(network, "w.safetensors", "--dtype", "float64", in: folder)
      return try self.outputs(network, "x.npy", "--dtype", "float64", in: folder)
    }
    expectClose(outputs[1], outputs[0], relative: 1e-15, "mup")
  }

  /// Explicit pairs, on the command line and in a file, with the others by their order.
  @Test func maps() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "n.json", #"{"input": [2], "layers": [{"dense": {"units": 2}}, {"dense": {"units": 2}}]}"#)
    func tensor(_ name: String, _ shape: [Int], _ value: Double) -> (String, NumericArray) {
      (name, NumericArray([Double](repeating: value, count: shape.reduce(1, *)), shape: shape))
    }
    try SafetensorsFile.write(
      [
        tensor("a.weight", [2, 2], 1), tensor("a.bias", [2], 2), tensor("b.weight", [2, 2], 3),
        tensor("b.bias", [2], 4),
      ], to: folder.path + "/w.safetensors")
    func values() throws -> [Double] {
      try ["0.weight", "0.bias", "1.weight", "1.bias"].map {
        try folder.array("p.safetensors:layers.\($0)").values[0]
      }
    }
    // Nothing in "a" and "b" says which is first.
    expectSentence(
      try Command.run(
        "convert", "--network", "n.json", "--weights", "w.safetensors", "--output", "p.safetensors",
        in: folder), "it cannot be told when 'a' runs in w.safetensors", "--map")
    _ = try convert(
      "n.json", "w.safetensors", "--map", "layers.0.weight=b.weight", "layers.0.bias=b.bias",
      in: folder)
    #expect(try values() == [3, 4, 1, 2])
    try folder.write(
      "map.json",
      #"{"layers.0.weight": "a.weight", "layers.0.bias": "b.bias", "layers.1.bias": "a.bias"}"#)
    _ = try convert("n.json", "w.safetensors", "--map", "map.json", in: folder)
    #expect(try values() == [1, 4, 3, 2])
    // With a prefix names are without it.
    expectSentence(
      try Command.run(
        "convert", "--network", "n.json", "--weights", "w.safetensors:a.", "--output",
        "q.safetensors", "--map", "layers.0.weight=weight", "layers.0.bias=bias",
        "layers.1.weight=weight", in: folder), "'weight' to layers.0.weight and to layers.1.weight")
  }
}
