import FoundationEssentials
import Maclaurin
import Testing

/// What `predict` refuses, by one sentence.
@Suite struct PredictRefusalTests {
  /// The arguments that name a golden case's network and examples.
  private func arguments(_ golden: Golden) -> [String] {
    [
      "predict", "--network", golden.network, "--inputs", golden.argument("x1"), "--targets",
      golden.argument("y"), "--test-inputs", golden.argument("x2"),
    ]
  }

  /// An example that occurs twice: a sentence with an eigenvalue, and with a ridge that works.
  @Test func duplicates() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "net.json",
      #"{"input": [2], "layers": [{"dense": {"units": 8}}, "relu", {"dense": {"units": 1}}]}"#)
    try folder.write("x.npy", [1, 2, -1, 0.5, 1, 2], shape: [3, 2])
    try folder.write("y.npy", [1, 0, 2], shape: [3, 1])
    let base = [
      "predict", "--network", "net.json", "--inputs", "x.npy", "--targets", "y.npy",
      "--test-inputs", "x.npy", "--json",
    ]
    let refused = try Command.run(base, in: folder)
    expectSentence(refused, "not positive definite", "smallest eigenvalue", "relative ridge of")
    let words = refused.errors.split { " ,;\n".contains($0) }.map(String.init)
    let position = try #require(words.lastIndex(of: "of"))
    let ridge = words[position + 1]
    #expect(try #require(Double(ridge)) < 1e-6)
    let repaired = try Command.run(base + ["--ridge", ridge], in: folder)
    #expect(repaired.status == 0 && repaired.errors.isEmpty, "\(repaired.errors)")
    #expect(try repaired.number("smallest_eigenvalue") > 0)
    // At finite times nothing is missing; the condition number is infinite.
    let early = try Command.run(base + ["--time", "2", "--mean", "m.npy"], in: folder)
    #expect(early.status == 0 && !early.output.contains("nan"), "\(early.errors)")
    #expect(try early.json["condition_number"] == .null)
    let values = try folder.array("m.npy").values
    #expect(values.allSatisfy(\.isFinite) && values[0] == values[2])
  }

  @Test(arguments: [
    (["--loss", "cross_entropy"], "no end of training"),
    (["--momentum", "0.9", "--time", "1,inf"], "no time inf"),
    (["--solver", "ode"], "no time inf"),
    (["--momentum", "1"], "--momentum takes"),
    (["--time", "3,1"], "ascending"),
    (["--time=-1"], "--time takes"),
    (["--time", "nan"], "--time takes"),
    (["--ridge=-1"], "--ridge must"),
    (["--learning-rate", "0"], "--learning-rate must be positive"),
    (["--inference", "network", "--covariance", "c.npy"], "no covariance"),
    (["--inference", "gp", "--momentum", "0.5", "--time", "1"], "--inference network"),
    (["--width", "finite", "--kind", "nngp"], "--kind ntk"),
    (["--width", "finite", "--inference", "gp"], "--inference network"),
    (["--seed", "1"], "--width finite"),
    (["--initial-outputs", "f.npy"], "go together"),
    (["--model", "mlp:8x1"], "not both"),
    (["--train-size", "3"], "go with --data"),
  ])
  func misuse(_ more: [String], _ words: String) throws {
    let golden = try Golden("kernel-mlp-relu-ntk")
    let folder = try TemporaryFolder()
    let outcome = try Command.run(arguments(golden) + more + ["--json"], in: folder)
    expectSentence(outcome, words, status: 2)
    #expect(folder.names() == [])
  }

  @Test func badFiles() throws {
    let golden = try Golden("kernel-mlp-relu-ntk")
    let folder = try TemporaryFolder()
    try folder.write("x.npy", [1, 2, 3], shape: [1, 3])
    try folder.write("y.npy", [1, 2, 3], shape: [1, 3])
    try folder.write("nan.npy", [.nan, 2], shape: [1, 2])
    func run(_ option: String, _ file: String, _ more: String...) throws -> Command.Outcome {
      var words = arguments(golden)
      let position = try #require(words.firstIndex(of: option))
      words[position + 1] = file
      return try Command.run(words + more, in: folder)
    }
    expectSentence(try run("--inputs", "x.npy"), "x.npy", "[examples, 6]")
    expectSentence(try run("--targets", "y.npy"), "y.npy", "[5, 2]")
    expectSentence(try run("--targets", "nan.npy"), "nan.npy", "finite")
    expectSentence(try run("--test-inputs", "none.npy"), "none.npy")
    expectSentence(
      try run("--inputs", "x.npy", "--mean", "x.npy"), "x.npy", "--inputs", "--mean")
    expectSentence(
      try Command.run(
        "predict", "--data", "digits", "--model", "mlp:8x1", "--loss", "cross_entropy", "--targets",
        "centred", "--time", "1", in: folder), "centred")
    try folder.write(
      "net.json",
      #"{"input": [6], "layers": [{"dense": {"units": 2, "learning_rate": 3}}]}"#)
    expectSentence(
      try run("--network", folder.path + "/net.json"), "layers.0", "learning rate of its own")
    expectSentence(
      try Command.run(
        "predict", "--data", "digits", "--model", "mlp:8x1", "--symmetric", in: folder),
      "symmetric", "--inference network", status: 2)
    // Nothing was written over.
    #expect(try folder.array("x.npy").values == [1, 2, 3])
  }
}
