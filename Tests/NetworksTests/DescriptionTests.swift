import Compute
import DataSets
import Networks
import TestSupport
import Testing

/// Network files: what they mean, and the sentences about what is wrong in them.
@Suite struct DescriptionTests {
  private func description(_ json: String) throws -> NetworkDescription {
    try NetworkDescription(json: Array(json.utf8), named: "net.json")
  }

  @Test func defaults() throws {
    let parsed = try description(
      #"{"input": [5], "layers": [{"dense": {"units": 7}}, "relu", {"dense": {"units": 2, "bias": false}}]}"#
    )
    #expect(parsed.input == [5])
    #expect(parsed.parameterization == .standard)
    #expect(
      parsed.layers == [
        .dense(.init(units: 7, weightStd: 1, biasStd: 0, hasBias: true)), .activation(.relu),
        .dense(.init(units: 2, weightStd: 1, biasStd: 0, hasBias: false)),
      ])
  }

  @Test func tensorsAndTheirOrder() throws {
    let network = try Network(
      description(
        #"{"input": [1, 2, 3], "layers": ["flatten", {"dense": {"units": 4}}, {"tanh": {}}, "sigmoid", {"dense": {"units": 2, "bias": false}}]}"#
      ))
    #expect(network.inputCount == 6 && network.outputCount == 2)
    #expect(
      network.parameters.map(\.name) == ["layers.1.weight", "layers.1.bias", "layers.4.weight"])
    #expect(network.parameters.map(\.shape) == [[4, 6], [4], [2, 4]])
    #expect(network.parameters.map(\.offset) == [0, 24, 28])
    #expect(network.parameterCount == 36)
    #expect(network.layers.map(\.outputShape) == [[6], [4], [4], [4], [2]])
    #expect(network.layers.map(\.products) == [0, 24, 0, 0, 8])
    #expect(network.layers.map(\.parameterCount) == [0, 28, 0, 0, 8])
  }

  @Test(arguments: [
    #"{"input":[5],"layers":[{"dense":{"units":7}}]}"#,
    #"{"input":[3,8,8],"parameterization":"ntk","layers":["flatten",{"dense":{"units":7,"weight_std":1.5,"bias_std":0.1}},"leaky_relu",{"dense":{"units":2,"bias":false}}]}"#,
    #"{"input":[5],"parameterization":"improved_standard","width_scale":4,"layers":[{"dense":{"units":7}}]}"#,
    #"{"input":[5],"parameterization":"taylor","taylor_order":3,"layers":[{"dense":{"units":7}},"gelu"]}"#,
    #"{"input":[5],"parameterization":"mup","base_width":32,"layers":[{"dense":{"units":7,"multiplier":0.3}},"gelu"]}"#,
    #"{"input":[2,5,5],"layers":[{"conv":{"channels":2,"kernel":2,"bias_multiplier":3,"learning_rate":0.1}},{"layer_norm":{"affine":true,"learning_rate":2,"bias_learning_rate":0}},{"dense":{"units":7,"learning_rate":0.1,"bias_learning_rate":1}}]}"#,
    #"{"input":[4,7,7],"layers":[{"batch_norm":{"epsilon":0.001,"affine":false}},{"conv":{"channels":6,"kernel":3,"groups":2}},{"batch_norm":{"learning_rate":2,"bias_learning_rate":0}},"silu",{"max_pool":{"window":3,"stride":2,"padding":[1,0,2,1]}},{"max_pool":{"window":2,"padding":"same"}},"gelu_tanh",{"dense":{"units":2}}]}"#,
  ])
  func roundTrip(_ json: String) throws {
    let parsed = try description(json)
    #expect(try NetworkDescription(json: parsed.json, named: "again") == parsed)
  }

  @Test func everyActivationHasItsName() throws {
    let names = [
      "identity", "relu", "leaky_relu", "tanh", "sigmoid", "exp", "erf", "softplus", "sin", "cos",
      "swish", "gelu", "quadratic", "abs", "sign", "gaussian", "gelu_tanh",
    ]
    for name in names {
      let parsed = try description(
        #"{"input": [2], "layers": [{"dense": {"units": 2}}, "\#(name)"]}"#)
      #expect(parsed.layers[1].name == name)
    }
    #expect(Activation.allCases.count == names.count)
    let silu = try description(#"{"input": [2], "layers": [{"dense": {"units": 2}}, "silu"]}"#)
    #expect(silu.layers[1] == .activation(.swish))
  }

  @Test func widthScaleMakesStandardImproved() throws {
    let parsed = try description(
      #"{"input": [2], "width_scale": 3, "layers": [{"dense": {"units": 2}}]}"#)
    #expect(parsed.parameterization == .improvedStandard(widthScale: 3))
  }

  /// Each wrong file with words that its sentence must have.
  @Test(arguments: [
    ("{", "net.json"),
    ("[1]", "object"),
    (#"{"layers": ["relu"]}"#, "input"),
    (#"{"input": [0], "layers": ["relu"]}"#, "positive"),
    (#"{"input": [2, 3], "layers": ["relu"]}"#, "2 extents"),
    (#"{"input": [2]}"#, "layers"),
    (#"{"input": [2], "layers": []}"#, "layers"),
    (#"{"input": [2], "layers": ["relu"], "width": 3}"#, #""width""#),
    (#"{"input": [2], "layers": ["rleu"]}"#, #"layer 0 of net.json is of an unknown kind "rleu""#),
    (#"{"input": [2], "layers": ["relu", {"dens": {"units": 3}}]}"#, "layer 1"),
    (#"{"input": [2], "layers": ["dense"]}"#, "units"),
    (#"{"input": [2], "layers": [{"dense": {}}]}"#, #"layer 0 of net.json (dense) has no "units""#),
    (#"{"input": [2], "layers": [{"dense": {"units": 2.5}}]}"#, "2.5"),
    (#"{"input": [2], "layers": [{"dense": {"units": -1}}]}"#, "positive integer"),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "unit": 3}}]}"#, #""unit""#),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "weight_std": -1}}]}"#, "weight_std"),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "bias": 1}}]}"#, "bias"),
    (#"{"input": [2], "layers": [7]}"#, "layer 0"),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "multiplier": 0}}]}"#, "positive"),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "bias_multiplier": -1}}]}"#, "positive"),
    (#"{"input": [2], "layers": [{"dense": {"units": 3, "learning_rate": -1}}]}"#, "negative"),
    (#"{"input": [2], "layers": [{"layer_norm": {"multiplier": 2}}]}"#, "learning_rate"),
    (
      #"{"input": [2], "parameterization": "mup", "width_scale": 2, "layers": ["relu"]}"#,
      "width_scale"
    ),
    (
      #"{"input": [2], "parameterization": "mup", "base_width": 0, "layers": ["relu"]}"#,
      "base_width"
    ),
    (#"{"input": [2], "base_width": 3, "layers": ["relu"]}"#, "base_width"),
    (#"{"input": [1, 4, 4], "layers": ["conv"]}"#, "channels and kernel"),
    (#"{"input": [1, 4, 4], "layers": [{"conv": {"channels": 3}}]}"#, "kernel"),
    (
      #"{"input": [2, 4, 4], "layers": [{"conv": {"channels": 3, "kernel": 1, "groups": 0}}]}"#,
      "positive integer"
    ),
    (
      #"{"input": [2, 4, 4], "layers": [{"avg_pool": {"window": 2, "padding": 1}}]}"#,
      #"unknown member "padding"; known are window and stride"#
    ),
    (
      #"{"input": [2, 4, 4], "layers": [{"max_pool": {"window": 2, "padding": -1}}]}"#,
      #""padding" of layer 0"#
    ),
    (#"{"input": [2], "layers": [{"batch_norm": {"multiplier": 2}}]}"#, "learning_rate"),
    (#"{"input": [2], "layers": [{"batch_norm": {"epsilon": -1}}]}"#, "epsilon"),
    (#"{"input": [1, 4, 4], "layers": [{"conv": {"channels": 3, "kernel": 0}}]}"#, "kernel"),
    (#"{"input": [1, 4, 4], "layers": [{"conv": {"channels": 3, "kernel": [1, 2, 3]}}]}"#, "pair"),
    (
      #"{"input": [1, 4, 4], "layers": [{"conv": {"channels": 3, "kernel": 3, "padding": "full"}}]}"#,
      "padding"
    ),
    (
      #"{"input": [1, 4, 4], "layers": [{"conv": {"channels": 3, "kernel": 3, "padding": [1, 1]}}]}"#,
      "[1,1]"
    ),
    (#"{"input": [1, 4, 4], "layers": [{"max_pool": {}}]}"#, "window"),
    (#"{"input": [4], "layers": [{"residual": {"main": []}}]}"#, "main"),
    (#"{"input": [4], "layers": [{"residual": {"main": ["relu", "rleu"]}}]}"#, "main.1"),
    (#"{"input": [4], "layers": [{"dropout": {"rate": 1}}]}"#, "below 1"),
    (#"{"input": [4], "layers": [{"dropout": {}}]}"#, "rate"),
    (#"{"input": [4], "initialization": "he", "layers": ["relu"]}"#, "lecun and glorot"),
    (
      #"{"input": [4], "initialization": "glorot", "parameterization": "ntk", "layers": ["relu"]}"#,
      "standard"
    ),
    (#"{"input": [2], "parameterization": "mupp", "layers": ["relu"]}"#, "mupp"),
    (
      #"{"input": [2], "parameterization": "ntk", "width_scale": 2, "layers": ["relu"]}"#,
      "width_scale"
    ),
    (
      #"{"input": [2], "parameterization": "taylor", "taylor_order": 0, "layers": ["relu"]}"#,
      "taylor_order"
    ),
  ])
  func wrongFiles(_ json: String, _ words: String) throws {
    let error = #expect(throws: NetworkError.self) { _ = try description(json) }
    let sentence = try #require(error).description
    #expect(sentence.contains(words), "\(sentence)")
    #expect(!sentence.contains("\n"))
  }

  @Test func nothingToTrain() throws {
    let parsed = try description(#"{"input": [2], "layers": ["relu"]}"#)
    let error = #expect(throws: NetworkError.self) { _ = try Network(parsed) }
    #expect(error?.description.contains("nothing to train") == true)
  }

  /// A wrong shape names the tensor's layer and both shapes.
  @Test func parameterFiles() throws {
    let network = try denseNetwork([3, 4, 2], [.tanh])
    let values = network.sampleParameters(seed: 1)
    func file(_ tensors: [(name: String, array: NumericArray)]) throws -> SafetensorsFile {
      try SafetensorsFile(bytes: SafetensorsFile.encode(tensors), name: "p.safetensors")
    }
    let named = network.namedTensors(values, type: .float64, prefix: "theta.")
    #expect(try network.readParameters(file(named), prefix: "theta.") == values)

    var wrong = named
    wrong[2].array = NumericArray([Double](repeating: 0, count: 10), shape: [2, 5])
    var error = #expect(throws: NetworkError.self) {
      _ = try network.readParameters(file(wrong), prefix: "theta.")
    }
    for words in ["layers.2.weight", "[2, 5]", "[2, 4]"] {
      #expect(error?.description.contains(words) == true)
    }
    error = #expect(throws: NetworkError.self) {
      _ = try network.readParameters(file(Array(named[..<3])), prefix: "theta.")
    }
    #expect(error?.description.contains("layers.2.bias") == true)
    wrong = named
    wrong[1].array = NumericArray([0, Double.infinity, 0, 0], shape: [4])
    error = #expect(throws: NetworkError.self) {
      _ = try network.readParameters(file(wrong), prefix: "theta.")
    }
    #expect(error?.description.contains("layers.0.bias") == true)
  }

  @Test func presets() throws {
    let preset = try #require(try NetworkPreset(parsing: "mlp:512x3"))
    #expect(preset == .mlp(width: 512, depth: 3))
    #expect(try NetworkPreset(parsing: "cnn-thick") == .cnn(channels: 512, layers: 4))
    #expect(
      try NetworkPreset(parsing: "wrn:1-2-16") == .wrn(blocks: 1, width: 2, channels: 16))
    #expect(try NetworkPreset(parsing: "net.json") == nil)
    for text in [
      "mlp:", "mlp:5", "mlp:0x3", "mlp:5x-1", "mlp:axb", "mlp:5x3x2", "cnn:5", "cnn:8x0", "wrn:2-4",
      "wrn:2x4x16",
    ] {
      let error = #expect(throws: NetworkError.self) { _ = try NetworkPreset(parsing: text) }
      #expect(error?.description.contains(text) == true)
    }
    let description = preset.description(
      input: [1, 8, 8], outputs: 10, activation: .gelu, parameterization: .ntk, weightStd: 1.5,
      biasStd: 0.1)
    let network = try Network(description)
    #expect(
      network.parameters.filter { $0.shape.count == 2 }.map(\.shape) == [
        [512, 64], [512, 512], [512, 512], [10, 512],
      ])
    #expect(description.layers[1] == .activation(.gelu) && description.layers.count == 7)
    #expect(try NetworkPreset(parsing: "mlp:4x0") == .mlp(width: 4, depth: 0))
  }
}
