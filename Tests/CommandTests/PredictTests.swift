import FoundationEssentials
import Maclaurin
import Testing

/// `predict` against other people's numbers, and its options.
@Suite struct PredictTests {
  /// The arguments that name a golden case's network and examples.
  private func arguments(_ golden: Golden) -> [String] {
    [
      "predict", "--network", golden.network, "--inputs", golden.argument("x1"), "--targets",
      golden.argument("y"), "--test-inputs", golden.argument("x2"),
    ]
  }

  private func object(_ outcome: Command.Outcome) throws -> [String: JSONValue] {
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(!outcome.output.contains("nan") && !outcome.output.contains("null"))
    return try outcome.json
  }

  private static let networks = ["kernel-mlp-relu-ntk", "kernel-mlp-relu-standard"]

  // MARK: Golden cases

  /// Means and covariances of ensembles, all times at once and each alone.
  @Test(arguments: networks, ["nngp", "ntk"])
  func ensembles(_ name: String, _ kind: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let more = [
      "--kind", kind, "--ridge", "1e-4", "--mean", "m.npy", "--covariance", "c.npy",
      "--deviation", "d.npy", "--json", "--quiet",
    ]
    let members = try object(
      Command.run(arguments(golden) + more + ["--time", "0.5,10,inf"], in: folder))
    #expect(members["time"] == .array([.number(0.5), .number(10), .string("inf")]))
    let (mean, covariance) = (try folder.array("m.npy"), try folder.array("c.npy"))
    let deviation = try folder.array("d.npy")
    #expect(
      mean.shape == [3, 3, 2] && covariance.shape == [3, 3, 3] && deviation.shape == [3, 3])
    for (index, time) in ["0.5", "10", "inf"].enumerated() {
      let expected = (
        mean: try golden.values("dynamics.\(kind).t\(time).mean"),
        covariance: try golden.values("dynamics.\(kind).t\(time).cov")
      )
      let text = "\(kind) t \(time)"
      expectClose(
        Array(mean.values[index * 6..<index * 6 + 6]), expected.mean, relative: 1e-11, text)
      expectClose(
        Array(covariance.values[index * 9..<index * 9 + 9]), expected.covariance,
        relative: 1e-11, text)
      expectClose(
        deviation.values[index * 3..<index * 3 + 3].map { $0 * $0 },
        [0, 4, 8].map { expected.covariance[$0] }, relative: 1e-11, text)
      let alone = try object(
        Command.run(arguments(golden) + more + ["--time", time], in: folder))
      #expect(alone["method"] == .string(time == "inf" ? "cholesky" : "eigendecomposition"))
      let single = (try folder.array("m.npy"), try folder.array("c.npy"))
      #expect(single.0.shape == [3, 2] && single.1.shape == [3, 3])
      expectClose(single.0.values, expected.mean, relative: 1e-11, text)
      expectClose(single.1.values, expected.covariance, relative: 1e-11, text)
    }
  }

  /// One network from zeros: in closed form, and by the differential equation.
  @Test(arguments: networks, [true, false])
  func network(_ name: String, isClosed: Bool) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let members = try object(
      Command.run(
        arguments(golden)
          + [
            "--inference", "network", "--ridge", "1e-4", "--time", "0.5,10", "--mean", "m.npy",
            "--solver", isClosed ? "auto" : "ode", "--test-targets",
            golden.argument("mse.t10.test"),
            "--tolerance", "1e-12", "--json", "--quiet",
          ], in: folder))
    let values = try folder.array("m.npy").values
    let tolerance = isClosed ? 1e-12 : 1e-9
    for (index, time) in ["0.5", "10"].enumerated() {
      expectClose(
        Array(values[index * 6..<index * 6 + 6]), try golden.values("mse.t\(time).test"),
        relative: tolerance, "t \(time)")
    }
    // ½·mean (f − y)², and 0 against itself.
    let (f, y) = (try golden.values("mse.t0.5.train"), try golden.values("y"))
    let loss = zip(f, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 20
    guard case .array(let losses)? = members["train_loss"], case .number(let first) = losses[0],
      case .array(let tests)? = members["test_loss"], case .number(let test) = tests[1]
    else {
      Issue.record("losses in \(members)")
      return
    }
    expectClose([first], [loss], relative: 1e-9, "loss")
    #expect(test < 1e-18)
    #expect((members["steps"] == nil) == isClosed)
    #expect(members["method"] == .string(isClosed ? "eigendecomposition" : "ode"))
  }

  /// K** − K*(K + ε)⁻¹K*ᵀ with the NTK for K, by Cramer's rule for one training example.
  @Test func gaussianProcess() throws {
    let golden = try Golden("kernel-mlp-relu-ntk")
    let folder = try TemporaryFolder()
    let (x, y) = (try golden.values("x1"), try golden.values("y"))
    try folder.write("x.npy", Array(x[..<6]), shape: [1, 6])
    try folder.write("y.npy", Array(y[..<2]), shape: [1, 2])
    let members = try object(
      Command.run(
        "predict", "--network", golden.network, "--inputs", "x.npy", "--targets", "y.npy",
        "--test-inputs", golden.argument("x2"), "--inference", "gp", "--ridge", "0.5", "--mean",
        "m.npy", "--covariance", "c.npy", "--json", in: folder))
    #expect(members["inference"] == .string("gp"))
    let own = try golden.values("ntk.11")[0]
    let cross = Array(try golden.values("ntk.12")[..<3])
    let mean = cross.flatMap { row in y[..<2].map { row / (1.5 * own) * $0 } }
    var covariance = try golden.values("ntk.22")
    for i in 0..<3 { for j in 0..<3 { covariance[i * 3 + j] -= cross[i] * cross[j] / (1.5 * own) } }
    expectClose(try folder.array("m.npy").values, mean, relative: 1e-12, "mean")
    expectClose(try folder.array("c.npy").values, covariance, relative: 1e-12, "covariance")
    expectClose([try number(members, "smallest_eigenvalue")], [1.5 * own], relative: 1e-12, "λ")
    expectClose([try number(members, "condition_number")], [1], relative: 1e-12, "condition")
    expectClose(
      [try number(members, "largest_stable_learning_rate")], [4 / own], relative: 1e-12, "rate")
  }

  private func number(_ members: [String: JSONValue], _ name: String) throws -> Double {
    guard case .number(let number)? = members[name] else {
      Issue.record("no number \(name) in \(members)")
      return .nan
    }
    return number
  }

  /// From given outputs: at time 0 they are the answer; zeros are the default.
  @Test func givenStart() throws {
    let golden = try Golden("kernel-mlp-relu-ntk")
    let folder = try TemporaryFolder()
    let (train, test) = ((0..<10).map { Double($0) / 7 - 0.5 }, (0..<6).map { 3 - Double($0) })
    try folder.write("f1.npy", train, shape: [5, 2])
    try folder.write("f2.npy", test, shape: [3, 2])
    let start = ["--initial-outputs", "f1.npy", "--initial-test-outputs", "f2.npy"]
    _ = try object(
      Command.run(
        arguments(golden) + start + ["--time", "0,inf", "--mean", "m.npy", "--json"], in: folder))
    let values = try folder.array("m.npy").values
    #expect(Array(values[..<6]) == test)
    // The end is the solve of y − f0, which is linear in f0.
    func end(_ more: [String]) throws -> [Double] {
      _ = try object(
        Command.run(
          arguments(golden) + more + ["--inference", "network", "--mean", "m.npy", "--json"],
          in: folder))
      return try folder.array("m.npy").values
    }
    let base = try end([])
    let once = try end(start)
    try folder.write("f1.npy", train.map { 2 * $0 }, shape: [5, 2])
    try folder.write("f2.npy", test.map { 2 * $0 }, shape: [3, 2])
    let twice = try end(start)
    expectClose(Array(values[6...]), once, relative: 1e-10, "two solvers")
    expectClose(
      zip(twice, base).map { $0 - $1 }, zip(once, base).map { 2 * ($0 - $1) }, relative: 1e-10,
      "linear")
  }

  // MARK: Data sets, tables, plans

  @Test func dataSet() throws {
    let folder = try TemporaryFolder()
    let base = [
      "predict", "--model", "mlp:32x2", "--weight-std", "1.4", "--data", "digits", "--train-size",
      "60", "--kind", "nngp", "--time", "5,inf", "--ridge", "1e-3",
    ]
    let members = try object(Command.run(base + ["--json"], in: folder))
    guard case .array(let accuracy)? = members["test_accuracy"],
      case .number(let last) = accuracy[1],
      case .array(let losses)? = members["train_loss"], losses.count == 2
    else {
      Issue.record("accuracies in \(members)")
      return
    }
    // Chance is 0.1.
    #expect(last > 0.7 && last <= 1)
    #expect(losses[1] == .number(0) && members["test_loss"] != nil)
    let text = try Command.run(base, in: folder)
    #expect(text.status == 0)
    for word in [
      "smallest eigenvalue", "condition number", "relative ridge", "test accuracy", "inf",
    ] {
      #expect(text.output.contains(word), "\(word) in \(text.output)")
    }
    let centred = try object(Command.run(base + ["--targets", "centred", "--json"], in: folder))
    #expect(centred["train_loss"] != members["train_loss"])
  }

  /// Labels are one-hot rows.
  @Test func labels() throws {
    let folder = try TemporaryFolder()
    try folder.write("net.json", #"{"input": [1], "layers": [{"dense": {"units": 3}}]}"#)
    try folder.write("x.npy", [0, 1, 3], shape: [3])
    try folder.write("labels.npy", [0, 2, 1], shape: [3])
    try folder.write("rows.npy", [1, 0, 0, 0, 0, 1, 0, 1, 0], shape: [3, 3])
    var means: [[Double]] = []
    for targets in ["labels.npy", "rows.npy"] {
      let members = try object(
        Command.run(
          "predict", "--network", "net.json", "--inputs", "x.npy", "--targets", targets,
          "--test-inputs", "x.npy", "--ridge", "0.1", "--mean", "m.npy", "--json", in: folder))
      #expect((members["train_accuracy"] != nil) == (targets == "labels.npy"))
      means.append(try folder.array("m.npy").values)
    }
    #expect(means[0] == means[1])
  }

  @Test func plan() throws {
    let folder = try TemporaryFolder()
    let base = ["predict", "--model", "mlp:8x1", "--data", "digits", "--plan", "--json"]
    let end = try object(Command.run(base, in: folder))
    let path = try object(Command.run(base + ["--time", "1"], in: folder))
    #expect(end["method"] == .string("cholesky") && path["method"] == .string("eigendecomposition"))
    // 1437 training examples: the matrix alone, and n³/3.
    #expect(try number(end, "peak_bytes") > 8 * 1437 * 1437)
    #expect(try number(end, "flops") > 1437 * 1437 * 1437 / 3)
    #expect(try number(path, "flops") > number(end, "flops"))
    let steps = try object(
      Command.run(base + ["--time", "1", "--loss", "cross_entropy"], in: folder))
    #expect(steps["method"] == .string("ode") && steps["flops_per_step"] != nil)
  }

  @Test func warnsOfLearningRates() throws {
    let golden = try Golden("kernel-mlp-relu-ntk")
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      arguments(golden) + ["--time", "1", "--learning-rate", "100", "--json"], in: folder)
    #expect(outcome.status == 0 && outcome.errors.contains("largest stable one"))
    #expect(try outcome.number("largest_stable_learning_rate") < 100)
  }
}
