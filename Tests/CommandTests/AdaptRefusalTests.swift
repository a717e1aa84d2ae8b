import FoundationEssentials
import Maclaurin
import Testing

/// What `adapt` and `evaluate --posterior` refuse, by one sentence, with nothing written.
@Suite struct AdaptRefusalTests {
  private func arguments(_ golden: Golden) -> [String] {
    [
      "adapt", "--network", golden.network, "--parameters", golden.argument("theta0."),
      "--inputs", golden.argument("x1"), "--targets", golden.argument("y"), "--json", "--quiet",
    ]
  }

  @Test(arguments: [
    (["--compare", "best"], "kronecker, fine-tune and fine-tune:STEPS"),
    (["--compare", "fine-tune:0"], "fine-tune:STEPS"),
    (["--prior-std", "0"], "--prior-std must be"), (["--solver", "magic"], "--solver takes"),
    (["--posterior", "d"], "leave out --network"), (["--likelihood", "poisson"], "poisson"),
    (["--train-size", "3"], "go with --data"), (["--test-targets", "y.npy"], "--test-inputs"),
    (["--likelihood", "softmax", "--noise-std", "1"], "--likelihood gaussian"),
    (["--likelihood", "softmax"], "needs classes"),
    (["--likelihood", "softmax", "--per-layer-prior"], "--per-layer-prior goes with"),
    (["--likelihood", "softmax", "--probes", "4"], "--probes goes with"),
    (["--likelihood", "softmax", "--variance-method", "lanczos"], "--variance-method goes with"),
    (["--likelihood", "softmax", "--starts", "2"], "--starts goes with"),
    (["--noise-std", "0", "--compare", "diagonal"], "give a positive --noise-std"),
  ])
  func misuse(_ more: [String], _ words: String) throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let outcome = try Command.run(arguments(golden) + more + ["--out", "d"], in: folder)
    expectSentence(outcome, words, status: 2)
    #expect(folder.names() == [])
  }

  /// A network with two or four parameters, and more examples than that.
  private func prepared(_ units: Int, _ examples: Int) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(
      "net.json", #"{"input": [1], "layers": [{"dense": {"units": \#(units)}}]}"#)
    try folder.write(
      "x.npy", (0..<examples).map { Double($0 * 37 % examples) / Double(examples) - 0.5 },
      shape: [examples, 1])
    // The upper half is one class, but for every fifth example.
    try folder.write(
      "y.npy", (0..<examples).map { ($0 * 37 % examples * 2 < examples) == ($0 % 5 != 0) ? 0 : 1 },
      shape: [examples])
    let made = try Command.run(
      "init", "--model", "net.json", "--output", "p.safetensors", in: folder)
    #expect(made.status == 0, "\(made.errors)")
    return folder
  }

  private let small = [
    "adapt", "--network", "net.json", "--parameters", "p.safetensors", "--inputs", "x.npy",
    "--targets", "y.npy", "--json", "--quiet",
  ]

  /// What does not fit names what does.
  @Test func memory() throws {
    // A = 720 kB.
    var folder = try prepared(1, 300)
    var limited = small + ["--prior-std", "1", "--memory-limit", "500kB"]
    expectSentence(
      try Command.run(limited + ["--noise-std", "1", "--solver", "exact"], in: folder),
      "--solver exact needs", "fits (")
    expectSentence(
      try Command.run(limited + ["--noise-std", "0"], in: folder), "--solver exact needs",
      "fits (", "with a positive --noise-std")
    // 200 logits: A = 320 kB.
    folder = try prepared(2, 100)
    limited = small + ["--likelihood", "softmax", "--memory-limit", "200kB"]
    expectSentence(
      try Command.run(limited + ["--solver", "exact"], in: folder), "the exact solver needs",
      "--solver parameter-space fits")
    expectSentence(
      try Command.run(
        small + [
          "--likelihood", "softmax", "--prior-std", "1", "--solver", "parameter-space",
          "--memory-limit", "1kB",
        ], in: folder), "the parameter-space solver needs", "no solver fits")
    // Unasked it is taken, and the prior chosen as by the exact solver.
    let (free, tight) = (
      try Command.run(small + ["--likelihood", "softmax"], in: folder),
      try Command.run(limited, in: folder)
    )
    #expect(free.status == 0 && tight.status == 0, "\(free.errors)\(tight.errors)")
    #expect(try free.text("solver") == "exact" && tight.text("solver") == "parameter-space")
    #expect(try free.number("prior_std") == tight.number("prior_std"))
    #expect(
      try tight.text("solver_reason").contains("parameter space") && tight.json["search"] != nil)
    expectSentence(
      try Command.run(
        small + [
          "--likelihood", "softmax", "--prior-std", "1", "--solver", "parameter-space",
          "--cg-iterations", "1",
        ], in: folder), "in 1 iterations")
  }

  /// More examples than parameters and no noise.
  @Test func singular() throws {
    let folder = try prepared(1, 6)
    expectSentence(
      try Command.run(small + ["--prior-std", "1", "--noise-std", "0"], in: folder),
      "--noise-std")
  }

  /// Nothing that is read is replaced, and no report stays beside another result.
  @Test func overwriting() throws {
    let folder = try prepared(1, 6)
    let fixed = ["--prior-std", "1", "--noise-std", "0.5"]
    for (option, name) in [
      ("--network", "network.json"), ("--parameters", "parameters.safetensors"),
    ] {
      var words = small + fixed + ["--out", "."]
      let position = try #require(words.firstIndex(of: option))
      let bytes = try folder.bytes(words[position + 1])
      try folder.write(name, bytes)
      words[position + 1] = name
      expectSentence(try Command.run(words, in: folder), name, option, "--out")
      #expect(try folder.bytes(name) == bytes && !folder.names().contains("result.json"))
      try folder.remove(name)
    }
    let tested = try Command.run(
      small + fixed + ["--test-inputs", "x.npy", "--test-targets", "y.npy", "--out", "d"],
      in: folder)
    #expect(tested.status == 0, "\(tested.errors)")
    expectSentence(
      try Command.run(small + fixed + ["--out", "d"], in: folder), "report of another result")
    for option in [["--cg-tolerance", "1e-3"], ["--memory-limit", "1kB"]] {
      expectSentence(
        try Command.run(
          ["adapt", "--posterior", "d", "--inputs", "x.npy", "--targets", "y.npy"] + option,
          in: folder), "leave out --network", status: 2)
    }
  }

  @Test func badFiles() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    func run(_ option: String, _ file: String, _ more: String...) throws -> Command.Outcome {
      var words = arguments(golden)
      let position = try #require(words.firstIndex(of: option))
      words[position + 1] = file
      return try Command.run(words + more + ["--out", "d"], in: folder)
    }
    let wide = try Golden("empirical-cnn")
    expectSentence(
      try run("--parameters", wide.argument("theta0.")), "layers.0.weight", "[", "needs")
    expectSentence(try run("--network", wide.network, "--quiet"), "layers.0.weight")
    expectSentence(try run("--inputs", wide.argument("x1")), "[examples, 5]")
    try folder.write("labels.npy", [0.5, 1, 2, 0, 1, 1, 0], shape: [7])
    expectSentence(try run("--targets", "labels.npy"), "0.5 is not a whole number")
    for label in [-1, 1 << 20, 3_000_000_000, Int.max] {
      var bytes: [UInt8] = []
      for value in [0, 1, 2, 0, label] {
        withUnsafeBytes(of: Int64(value).littleEndian) { bytes += $0 }
      }
      try NumpyFile.write(
        NumericArray(shape: [5], elementType: .int64, bytes: bytes),
        to: "\(folder.path)/labels.npy")
      let words = label < 0 ? "labels outside 0" : "has the label \(label)"
      expectSentence(try run("--targets", "labels.npy"), words)
      expectSentence(
        try Command.run(
          "predict", "--model", "mlp:4x1", "--inputs", golden.argument("x1"), "--targets",
          "labels.npy", "--test-inputs", golden.argument("x2"), in: folder), words)
    }
    expectSentence(try run("--parameters", "nothing.safetensors"), "nothing.safetensors")
    try folder.write("file", "")
    let place = try Command.run(arguments(golden) + ["--out", "file/d"], in: folder)
    expectSentence(place, "is a file", "--out")
    #expect(folder.names() == ["file", "labels.npy"])
    // Without a run's folder the network has to be named.
    let outcome = try Command.run(
      "adapt", "--parameters", golden.argument("theta0."), "--data", "digits", in: folder)
    expectSentence(outcome, "give --network", status: 2)
  }

  @Test func badPosteriors() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let made = try Command.run(
      arguments(golden) + ["--prior-std", "0.5", "--noise-std", "0.1", "--out", "d"], in: folder)
    #expect(made.status == 0, "\(made.errors)")
    func evaluate(_ more: String...) throws -> Command.Outcome {
      try Command.run(["evaluate", "--posterior", "d"] + more, in: folder)
    }
    let inputs = golden.argument("x2")
    expectSentence(
      try evaluate("--inputs", inputs, "--output", "p.npy", "--probabilities"),
      "normal likelihood", status: 2)
    expectSentence(try evaluate("--data", "digits"), "inputs", "[1, 8, 8]")
    expectSentence(try evaluate("--data", "sine:0"), "[5]", "[1]")
    expectSentence(try evaluate("--inputs", inputs), "--output or --variance", status: 2)
    expectSentence(
      try evaluate("--inputs", inputs, "--output", "m.npy", "--run", "r"), "leave out",
      status: 2)
    expectSentence(
      try evaluate("--data", "digits", "--no-standardize"), "scales data itself", status: 2)
    expectSentence(
      try Command.run(
        "evaluate", "--network", golden.network, "--parameters", golden.argument("theta0."),
        "--inputs", inputs, "--output", "m.npy", "--variance", "v.npy", in: folder),
      "--variance goes with --posterior", status: 2)
    expectSentence(
      try Command.run(
        "evaluate", "--posterior", "nowhere", "--data", "digits", in: folder),
      "nowhere holds no posterior")
    expectSentence(
      try Command.run("adapt", "--posterior", "d", "--data", "digits", in: folder), "[1, 8, 8]")
    // Its own files, and numbers that overflow.
    for name in ["parameters.safetensors", "posterior.safetensors"] {
      let (before, file) = (try folder.bytes("d/\(name)"), "d/\(name):x")
      for option in ["--output", "--variance"] {
        expectSentence(try evaluate("--inputs", inputs, option, file), option, "d/\(name)")
      }
      #expect(try folder.bytes("d/\(name)") == before)
    }
    let single = try Command.run(
      arguments(golden)
        + ["--prior-std", "0.5", "--noise-std", "0.1", "--dtype", "float32", "--out", "d/single"],
      in: folder)
    #expect(single.status == 0, "\(single.errors)")
    try folder.write("d/large.npy", [Double](repeating: 1e200, count: 10), shape: [2, 5])
    for option in ["--output", "--variance"] {
      expectSentence(
        try Command.run(
          "evaluate", "--posterior", "d/single", "--inputs", "d/large.npy", option, "m.npy",
          in: folder), option, "not finite")
    }
    // Another network, and other parameters.
    let network = folder.text("d/network.json")
    try folder.write("d/network.json", network.replacing("tanh", with: "erf"))
    expectSentence(try evaluate("--inputs", inputs, "--output", "m.npy"), "layers are others")
    try folder.write("d/network.json", network)
    let file = try SafetensorsFile("\(folder.path)/d/parameters.safetensors")
    var tensors: [(name: String, array: NumericArray)] = []
    for name in file.names {
      var values = try file.tensor(name).doubles()
      if name == "layers.2.bias" { values[0] += 1 }
      tensors.append((name, NumericArray(values, shape: try file.info(name).shape)))
    }
    try SafetensorsFile.write(tensors, to: "\(folder.path)/d/parameters.safetensors")
    expectSentence(
      try evaluate("--inputs", inputs, "--output", "m.npy"), "layers.2.bias has other values")
    try folder.remove("d/posterior.safetensors")
    expectSentence(try evaluate("--inputs", inputs, "--output", "m.npy"), "holds no posterior")
    #expect(folder.names() == ["d"])
  }
}
