import Maclaurin
import Testing

/// Data controls from the command line into run.json, and back for --resume and evaluate.
struct TaskControlsTests {
  private static let base = [
    "train", "--model", "mlp:16x1", "--activation", "tanh", "--epochs", "2", "--batch-size", "32",
    "--json", "--backend", "openblas",
  ]

  private static let controls: [(options: [String], members: [String])] = [
    (
      [
        "--train-size", "200", "--classes", "3,0,8", "--label-noise", "0.2", "--data-seed", "7",
        "--split", "seeded", "--test-share", "0.3", "--validation-share", "0.1",
      ],
      [
        #""train-size" : 200"#, #""classes" : "3,0,8""#, #""label-noise" : 0.2"#,
        #""data-seed" : 7"#, #""split" : "seeded""#, #""test-share" : 0.3"#,
      ]
    ),
    (
      ["--whiten", "zca", "--whiten-epsilon", "0.01", "--targets", "centred", "--loss", "mse"],
      [#""whiten" : "zca""#, #""whiten-epsilon" : 0.01"#, #""targets" : "centred""#]
    ),
    (
      [
        "--augment", "crop:1,flip", "--augment-offsets", "image", "--normalize", "0.3/0.4",
        "--order", "2",
      ],
      [
        #""augment" : "crop:1,flip""#, #""augment-offsets" : "image""#, #""normalize" : "0.3/0.4""#,
      ]
    ),
    (
      ["--data", "synthetic:staircase:n=300,test=50,dimension=8,degree=2", "--label-noise", "0.1"],
      [#""data" : "synthetic:staircase:n=300,test=50,dimension=8,degree=2""#]
    ),
  ]

  @Test(arguments: 0..<4)
  func settingsComeBack(_ number: Int) throws {
    let (options, members) = Self.controls[number]
    let folder = try TemporaryFolder()
    let whole = try Command.run(Self.base + options + ["--out", "whole"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    for member in members { #expect(folder.text("whole/run.json").contains(member), "\(member)") }

    // Evaluated from the folder alone.
    let evaluated = try Command.run("evaluate", "--run", "whole", "--json", in: folder)
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    for name in ["train_loss", "test_loss"] {
      let (own, expected) = (try evaluated.number(name), try whole.number(name))
      #expect(own == expected, "\(name)")
    }

    // Gone on with from the checkpoint before the last.
    _ = try Command.run(Self.base + options + ["--out", "broken"], in: folder)
    try folder.remove("broken/result.json")
    let end = try whole.number("steps")
    let steps = Int(end)
    try folder.remove("broken/checkpoints/step-\(steps).safetensors")
    let resumed = try Command.run(
      Self.base + options + ["--out", "broken", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try resumed.text("parameters_sha256") == whole.text("parameters_sha256"))

    // Other data are other runs.
    let other = try Command.run(
      Self.base + options + ["--out", "whole", "--resume", "--data-seed", "99"], in: folder)
    expectSentence(other, "--data-seed")
  }

  /// What the command trains on is what the library loads.
  @Test func examplesAreTheLibrarys() throws {
    let folder = try TemporaryFolder()
    let options = Self.controls[0].options
    _ = try Command.run(Self.base + options + ["--out", "run"], in: folder)
    var expected = DataSetOptions(testShare: 0.3, validationShare: 0.1)
    expected.classes = ["3", "0", "8"]
    expected.split = .seeded
    expected.dataSeed = 7
    expected.trainSize = 200
    let set = try Digits.load(expected)
    let counts = [set.train.count, set.validation?.count ?? 0, set.test.count]
    let text = folder.text("run/run.json").filter { !$0.isWhitespace }
    #expect(text.contains(#""examples":[\#(counts.map(String.init).joined(separator: ","))]"#))
  }

  /// run.json without any of these members, and without the run's normalisation.
  @Test func olderRuns() throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(Self.base + ["--out", "run"], in: folder)
    let text = folder.text("run/run.json")
    for name in [
      "split", "data-seed", "train-size", "classes", "label-noise", "whiten", "targets", "augment",
      "normalize",
    ] {
      #expect(!text.contains("\"\(name)\""), "only what was asked for: \(name)")
    }
    let evaluated = try Command.run("evaluate", "--run", "run", "--json", in: folder)
    #expect(try evaluated.number("test_loss") == run.number("test_loss"))
    let again = try Command.run(Self.base + ["--out", "run", "--resume"], in: folder)
    #expect(try again.text("parameters_sha256") == run.text("parameters_sha256"))
  }

  /// CIFAR-10 is normalised by default: the run says so, and one from before evaluates as it was.
  @Test func cifar10() throws {
    let folder = try TemporaryFolder()
    func batch(_ number: Int) -> [UInt8] {
      var bytes: [UInt8] = []
      for record in 0..<4 {
        bytes.append(UInt8((number + record) % 10))
        for pixel in 0..<3072 {
          let value: Int = pixel * (7 + record) + number * 31
          bytes.append(UInt8(truncatingIfNeeded: value))
        }
      }
      return bytes
    }
    for number in 1...5 { try folder.write("data_batch_\(number).bin", batch(number)) }
    try folder.write("test_batch.bin", batch(6))
    func train(_ more: [String], _ out: String) throws -> Command.Outcome {
      let outcome = try Command.run(
        [
          "train", "--data", "cifar10:.", "--model", "mlp:4x1", "--steps", "2", "--batch-size", "8",
          "--json", "--out", out,
        ] + more, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome
    }
    let normalized = try train([], "normalized")
    let plain = try train(["--normalize", "none"], "plain")
    #expect(folder.text("normalized/run.json").contains(#""normalize" : "cifar10""#))
    #expect(!folder.text("plain/run.json").contains("normalize"))
    #expect(try normalized.number("test_loss") != plain.number("test_loss"))
    let numbers = ".4914,.4822,.4465/.2023,.1994,.2010"
    let given = try train(["--normalize", numbers], "given")
    #expect(try given.text("parameters_sha256") == normalized.text("parameters_sha256"))
    for (name, run) in [("normalized", normalized), ("plain", plain)] {
      let evaluated = try Command.run("evaluate", "--run", name, "--json", in: folder)
      #expect(try evaluated.number("test_loss") == run.number("test_loss"), "\(name)")
    }
    // By hand: the first test pixel of each channel, and the order of planes.
    let data = try CIFAR10Folder.load(folder.path)
    #expect(data.test.doubles(rows: 0..<1)[1024] == Double(batch(6)[1025]) / 255)
    #expect(data.train.doubles(rows: 19..<20)[3071] == Double(batch(5)[4 * 3073 - 1]) / 255)
    try folder.write("data_batch_3.bin", Array(batch(3).dropLast(100)))
    expectSentence(
      try Command.run("train", "--data", "cifar10:.", "--model", "mlp:4x1", in: folder),
      "data_batch_3.bin", "12192", "2973 bytes into record 3")
    try folder.remove("data_batch_3.bin")
    expectSentence(
      try Command.run("train", "--data", "cifar10:.", "--model", "mlp:4x1", in: folder),
      "data_batch_3.bin", "No such file")
  }

  @Test func evaluateTakesTheSameOptions() throws {
    let folder = try TemporaryFolder()
    _ = try Command.run(Self.base + ["--classes", "1,2", "--out", "run"], in: folder)
    let arguments = [
      "evaluate", "--network", "run/network.json", "--parameters", "run/final.safetensors",
      "--data", "digits", "--json",
    ]
    let own = try Command.run("evaluate", "--run", "run", "--json", in: folder)
    let same = try Command.run(arguments + ["--classes", "1,2"], in: folder)
    #expect(try same.number("test_loss") == own.number("test_loss"))
    let swapped = try Command.run(arguments + ["--classes", "2,1"], in: folder)
    #expect(try swapped.number("test_loss") > own.number("test_loss"))
    expectSentence(try Command.run(arguments, in: folder), "[2]", "[10]")
    expectSentence(
      try Command.run("evaluate", "--run", "run", "--train-size", "10", in: folder), "--data",
      status: 2)
  }

  @Test func badOptions() throws {
    let folder = try TemporaryFolder()
    let misuse: [([String], String)] = [
      (["--label-noise", "-1"], "--label-noise"), (["--label-noise", "nan"], "--label-noise"),
      (["--train-size", "0"], "--train-size"), (["--augment", "rotate"], "--augment"),
      (["--normalize", "1,2/3"], "--normalize"), (["--whiten-epsilon", "-1"], "--whiten-epsilon"),
      (["--whiten", "cholesky"], "whiten"), (["--split", "random"], "split"),
      (["--augment-offsets", "image"], "--augment crop"), (["--targets", "two_hot"], "targets"),
      (["--data-seed", "99999999999999999"], "--data-seed"),
    ]
    for (options, word) in misuse {
      expectSentence(try Command.run(Self.base + options, in: folder), word, status: 2)
    }
    let failures: [([String], [String])] = [
      (["--train-size", "5000"], ["5000", "1437"]), (["--classes", "1,x"], ["'x'", "0 to 9"]),
      (["--label-noise", "1.2"], ["1.2", "0 to 1"]), (["--augment", "crop:8"], ["8 × 8"]),
      (["--targets", "centred"], ["--loss mse"]), (["--normalize", "cifar10"], ["1 channel"]),
      (["--data", "synthetic:parity", "--augment", "flip"], ["[20]", "no images"]),
      (["--data", "synthetic:ring"], ["ring", "staircase"]),
      (["--data", "synthetic:parity:dimension=2"], ["degree", "3"]),
      (["--data", "synthetic:parity", "--test-share", "0.2"], ["test set of its own"]),
    ]
    for (options, words) in failures {
      let outcome = try Command.run(Self.base + options, in: folder)
      expectSentence(outcome)
      for word in words { #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)") }
    }
    // The network's images and the data's.
    try folder.write(
      "image.json",
      #"{"input": [3, 8, 8], "layers": ["flatten", {"dense": {"units": 10}}]}"#)
    expectSentence(
      try Command.run("train", "--model", "image.json", in: folder), "[3, 8, 8]", "[1, 8, 8]")
    try folder.write(
      "turned.json",
      #"{"input": [8, 8, 1], "layers": ["flatten", {"dense": {"units": 10}}]}"#)
    expectSentence(
      try Command.run("train", "--model", "turned.json", in: folder), "[8, 8, 1]", "[1, 8, 8]",
      "channels")
  }

  /// A study on images that are normalised on the way into the network has the numbers, the distance of
  /// the kernel included, of one on images that are normalised already: (x − ½)·4 is exact for
  /// multiples of 1/256.
  @Test func studiesNormaliseEverywhere() throws {
    let folder = try TemporaryFolder()
    let values = (0..<(40 * 36)).map { Double($0 * 7919 % 257) / 256 }
    try folder.write("x.npy", values, shape: [40, 1, 6, 6])
    try folder.write("normal.npy", values.map { ($0 - 0.5) * 4 }, shape: [40, 1, 6, 6])
    try folder.write("y.npy", (0..<40).map { Double($0 % 3) }, shape: [40])
    func study(_ name: String, _ more: [String]) throws -> String {
      let outcome = try Command.run(
        [
          "study", "--data", "npy:\(name).npy,y.npy", "--no-standardize", "--model", "cnn:3x2",
          "--activation", "tanh", "--orders", "2,full", "--steps", "5", "--batch-size", "8",
          "--out",
          "of-\(name)",
        ] + more, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return folder.text("of-\(name)/study.csv")
    }
    let prepared = try study("normal", [])
    #expect(try study("x", ["--normalize", "0.5/0.25"]) == prepared)
    #expect(CSVText(prepared).rows.contains { ($0.number("kernel_distance") ?? 0) > 0 })
  }
}
