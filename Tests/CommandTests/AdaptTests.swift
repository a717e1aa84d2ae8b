import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `adapt` and `evaluate --posterior`: against other people's numbers, against each other, and against
/// numbers made anew from what they write.
@Suite struct AdaptTests {
  private func object(_ outcome: Command.Outcome) throws -> [String: JSONValue] {
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try outcome.json
  }

  /// The members of the methods of a result, in order.
  private func methods(_ members: [String: JSONValue]) throws -> [[String: JSONValue]] {
    guard case .array(let values)? = members["methods"] else {
      Issue.record("no methods in \(members)")
      return []
    }
    return values.compactMap { if case .object(let method) = $0 { method } else { nil } }
  }

  private func number(_ members: [String: JSONValue], _ name: String) -> Double {
    if case .number(let number)? = members[name] { number } else { .nan }
  }

  private func arguments(_ golden: Golden) throws -> [String] {
    [
      "adapt", "--network", golden.network, "--parameters", golden.argument("theta0."),
      "--prior-std", "\(try golden.values("gp.prior_std")[0])", "--noise-std",
      "\(try golden.values("gp.noise_std")[0])", "--json", "--quiet",
    ]
  }

  // MARK: Numbers

  /// The posterior of explicit Jacobians, through the folder and `evaluate`.
  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func golden(_ name: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let members = try object(
      Command.run(
        arguments(golden) + [
          "--inputs", golden.argument("x1"), "--targets", golden.argument("y"), "--out", "d",
        ], in: folder))
    #expect(try methods(members).isEmpty && members["solver"] == .string("exact"))
    #expect(
      folder.names("d") == [
        "network.json", "parameters.safetensors", "posterior.safetensors", "result.json",
      ])
    let outcome = try Command.run(
      "evaluate", "--posterior", "d", "--inputs", golden.argument("x2"), "--output", "m.npy",
      "--variance", "v.npy", "--json", in: folder)
    _ = try object(outcome)
    let (mean, variance) = (try folder.array("m.npy"), try folder.array("v.npy"))
    expectClose(mean.values, try golden.values("gp.mean"), relative: 1e-9, "mean")
    let covariance = try golden.values("gp.cov")
    let size = mean.values.count
    expectClose(
      variance.values, (0..<size).map { covariance[$0 * size + $0] }, relative: 1e-9, "variance")
    #expect(mean.shape == variance.shape && mean.shape.count == 2)
  }

  /// Two batches one after the other are what both are at once.
  @Test func update() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let (x, y) = (try golden.values("x1"), try golden.values("y"))
    let rows = try golden.file.info("x1").shape[0]
    let (features, outputs) = (x.count / rows, y.count / rows)
    let first = rows / 2
    try folder.write("x1.npy", Array(x[..<(first * features)]), shape: [first, features])
    try folder.write("y1.npy", Array(y[..<(first * outputs)]), shape: [first, outputs])
    let rest = rows - first
    try folder.write("x2.npy", Array(x[(first * features)...]), shape: [rest, features])
    try folder.write("y2.npy", Array(y[(first * outputs)...]), shape: [rest, outputs])
    _ = try object(
      Command.run(
        arguments(golden) + ["--inputs", "x1.npy", "--targets", "y1.npy", "--out", "d1"],
        in: folder))
    let members = try object(
      Command.run(
        "adapt", "--posterior", "d1", "--inputs", "x2.npy", "--targets", "y2.npy",
        "--test-inputs", golden.argument("x2"), "--test-targets", golden.argument("gp.mean"),
        "--out", "d2", "--json", "--quiet", in: folder))
    #expect(number(members, "examples") == Double(rows))
    // The test targets are the mean itself.
    #expect(try number(#require(methods(members).first), "rmse") < 1e-8)
    _ = try object(
      Command.run(
        "evaluate", "--posterior", "d2", "--inputs", golden.argument("x2"), "--output", "m.npy",
        "--variance", "v.npy", "--json", in: folder))
    expectClose(
      try folder.array("m.npy").values, try golden.values("gp.mean"), relative: 1e-8, "mean")
    let covariance = try golden.values("gp.cov")
    let variances = try folder.array("v.npy").values
    let size = variances.count
    expectClose(
      variances, (0..<size).map { covariance[$0 * size + $0] }, relative: 1e-8, "variance")
  }

  /// A table whose columns have sizes of their own: inputs go in and means come out in its units, scaled
  /// as the run scaled them; the scores are those of what is written.
  @Test func units() throws {
    let folder = try TemporaryFolder()
    func table(_ name: String, _ count: Int, _ phase: Double) throws -> [[Double]] {
      let rows = (0..<count).map { index -> [Double] in
        let (a, b) = (Double(index * 7 % count) / Double(count), Double(index) / Double(count))
        return [100 + 30 * a, b / 50, 500 + 80 * sin(3 * a + phase) + 40 * b * b]
      }
      let lines = rows.map { $0.map { "\($0)" }.joined(separator: ",") }
      try folder.write(name, "a,b,y\n" + lines.joined(separator: "\n") + "\n")
      return rows
    }
    _ = try table("old.csv", 60, 0)
    let rows = try table("new.csv", 30, 0.5)
    _ = try object(
      Command.run(
        "train", "--data", "csv:old.csv:y", "--model", "mlp:12x1", "--activation", "tanh",
        "--optimizer", "adam", "--lr", "0.02", "--steps", "60", "--batch-size", "16", "--out",
        "run", "--json", "--quiet", in: folder))
    let adapted = try object(
      Command.run(
        "adapt", "--parameters", "run", "--data", "csv:new.csv:y", "--out", "d", "--json",
        "--quiet", in: folder))
    let found = try methods(adapted)
    #expect(found.count == 2)
    let tests = rows.indices.filter { $0 % 5 == 0 }.map { rows[$0] }
    try folder.write("x.npy", tests.flatMap { [$0[0], $0[1]] }, shape: [tests.count, 2])
    _ = try object(
      Command.run(
        "evaluate", "--posterior", "d", "--inputs", "x.npy", "--output", "m.npy", "--variance",
        "v.npy", "--json", in: folder))
    let (mean, variance) = (try folder.array("m.npy").values, try folder.array("v.npy").values)
    let errors = zip(mean, tests).map { $0 - $1[2] }
    let squares = errors.reduce(0) { $0 + $1 * $1 }
    expectClose(
      [number(found[0], "rmse")], [(squares / Double(tests.count)).squareRoot()],
      relative: 1e-12, "rmse")
    // The unit of the noise: the deviation of the run's training targets.
    let file = try SafetensorsFile("\(folder.path)/d/posterior.safetensors")
    let deviation = try file.tensor("target_deviations").doubles()[0]
    let noise = number(adapted, "noise_std") * deviation
    let nll = zip(errors, variance).reduce(0) {
      $0 + 0.5
        * (log(2 * Double.pi * ($1.1 + noise * noise)) + $1.0 * $1.0 / ($1.1 + noise * noise))
    }
    expectClose(
      [number(found[0], "nll")], [nll / Double(tests.count)], relative: 1e-9, "nll")
    #expect(squares < 40 * 40 * Double(tests.count))
    // The same from the data set, bit for bit.
    let scored = try object(
      Command.run(
        "evaluate", "--posterior", "d", "--data", "csv:new.csv:y", "--json", in: folder))
    for name in ["rmse", "nll"] { #expect(scored[name] == found[0][name]) }
    // The run's own scaling: its training rows are those whose index is no multiple of 5.
    let old = try table("old.csv", 60, 0)
    let values = old.indices.filter { $0 % 5 != 0 }.map { old[$0][2] }
    let average = values.reduce(0, +) / Double(values.count)
    let spread = values.reduce(0) { $0 + ($1 - average) * ($1 - average) }
    expectClose(
      [deviation, try file.tensor("target_means").doubles()[0]],
      [(spread / Double(values.count)).squareRoot(), average], relative: 1e-12, "scaling")
    // Arrays are scaled by it, too; without a run's folder they are taken as they are.
    let network = ["--network", "run/network.json", "--parameters", "run/final.safetensors"]
    for (source, isScaled) in [(["--parameters", "run"], true), (network, false)] {
      try folder.write("y.npy", tests.map { $0[2] }, shape: [tests.count])
      _ = try object(
        Command.run(
          ["adapt"] + source + [
            "--inputs", "x.npy", "--targets", "y.npy", "--noise-std", "0.1", "--prior-std", "0.1",
            "--out", "arrays", "--json", "--quiet",
          ], in: folder))
      let kept = try SafetensorsFile("\(folder.path)/arrays/posterior.safetensors")
      #expect(kept.contains("target_means") == isScaled)
    }
  }

  // MARK: Classes

  /// New outputs, probabilities, comparisons, an update; scores made anew from what is written.
  @Test func classes() throws {
    let folder = try TemporaryFolder()
    _ = try object(
      Command.run(
        "train", "--data", "digits", "--classes", "0,1,2,3", "--model", "mlp:16x1",
        "--activation", "tanh", "--epochs", "2", "--out", "run", "--json", "--quiet", in: folder))
    let data = ["--data", "digits", "--classes", "7,8,9"]
    let outcome = try Command.run(
      ["adapt", "--parameters", "run"] + data + [
        "--train-size", "15", "--compare", "last-layer,fine-tune,fine-tune:30", "--out", "d",
        "--json",
      ], in: folder)
    let members = try object(outcome)
    #expect(outcome.errors.contains("layers.2.weight and layers.2.bias are freshly drawn"))
    #expect(members["fresh"] == .array([.string("layers.2.weight"), .string("layers.2.bias")]))
    #expect(members["likelihood"] == .string("softmax") && members["noise_std"] == nil)
    let found = try methods(members)
    let names = found.map { if case .string(let name)? = $0["method"] { name } else { "" } }
    #expect(
      names == [
        "Laplace, all layers", "Laplace, all layers, most probable", "Laplace, last layer",
        "fine-tuning, \(Int(number(members, "fine_tuning_steps"))) steps",
        "fine-tuning, 30 steps",
      ])
    // Chance is 1/3.
    #expect(found.dropLast(2).allSatisfy { number($0, "accuracy") > 0.6 })
    #expect(found.allSatisfy { number($0, "nll") > 0 && number($0, "ece") >= 0 })
    let scored = try object(
      Command.run(["evaluate", "--posterior", "d"] + data + ["--json"], in: folder))
    for name in ["accuracy", "nll", "ece"] { #expect(scored[name] == found[0][name]) }
    // From the inputs themselves: the embedded digits' test rows of these classes.
    let set = try DataSetSpecification.digits.load(
      {
        var options = DataSetOptions()
        options.classes = ["7", "8", "9"]
        return options
      }())
    guard case .classes(let labels, 3) = set.testTargets else {
      Issue.record("three classes")
      return
    }
    try folder.write("x.npy", set.test.doubles(), shape: [set.test.count, 64])
    for (option, file) in [("--probabilities", "p.npy"), ("--classes", "c.npy")] {
      _ = try object(
        Command.run(
          "evaluate", "--posterior", "d", "--inputs", "x.npy", "--output", file, option, "--json",
          in: folder))
    }
    let (probabilities, chosen) = (
      try folder.array("p.npy").values, try folder.array("c.npy").values
    )
    var (loss, hits) = (0.0, 0)
    for (row, label) in labels.enumerated() {
      let p = probabilities[row * 3..<row * 3 + 3]
      #expect(abs(p.reduce(0, +) - 1) < 1e-12 && p.allSatisfy { $0 > 0 })
      loss -= log(p[row * 3 + Int(label)])
      if chosen[row] == Double(label) { hits += 1 }
      #expect(p.max() == p[row * 3 + Int(chosen[row])])
    }
    let count = Double(labels.count)
    expectClose([number(found[0], "nll")], [loss / count], relative: 1e-12, "nll")
    #expect(number(found[0], "accuracy") == Double(hits) / count)
    // Fine-tuning is training.
    _ = try object(
      Command.run(
        ["train", "--network", "d/network.json"].map { $0 == "--network" ? "--model" : $0 } + data
          + [
            "--train-size", "15", "--initial", "d/parameters.safetensors", "--optimizer", "adam",
            "--lr", "0.001", "--steps", "30", "--batch-size", "full", "--dtype", "float64",
            "--out", "tuned", "--json", "--quiet",
          ], in: folder))
    let tuned = try JSONValue(text: folder.bytes("tuned/result.json"), named: "result.json")
    if case .object(let result) = tuned {
      expectClose(
        [number(found[4], "nll"), number(found[4], "accuracy")],
        [number(result, "test_loss"), number(result, "test_accuracy")], relative: 1e-9, "trained")
    }
    // More examples of the same classes: as all of them at once, with the same σp.
    _ = try object(
      Command.run(
        ["adapt", "--posterior", "d"] + data + [
          "--train-size", "12", "--data-seed", "1", "--out", "more", "--json", "--quiet",
        ], in: folder))
    let all = try SafetensorsFile("\(folder.path)/more/posterior.safetensors")
    #expect(try all.info("inputs").shape == [27, 64])
    for (name, file) in [("inputs", "x27.npy"), ("targets", "y27.npy")] {
      try ArrayArgument(parsing: "\(folder.path)/\(file)").write(all.tensor(name))
    }
    _ = try object(
      Command.run(
        "adapt", "--network", "d/network.json", "--parameters", "d/parameters.safetensors",
        "--inputs", "x27.npy", "--targets", "y27.npy", "--likelihood", "softmax", "--prior-mean",
        "zero", "--prior-std", "\(number(members, "prior_std"))", "--out", "once", "--json",
        "--quiet", in: folder))
    var means: [[Double]] = []
    for name in ["more", "once"] {
      _ = try object(
        Command.run(
          "evaluate", "--posterior", name, "--inputs", "x.npy", "--output", "m.npy", "--json",
          in: folder))
      means.append(try folder.array("m.npy").values)
    }
    expectClose(means[0], means[1], relative: 1e-8, "all at once")
    // A page with both.
    let page = folder.text("d/report.html")
    for word in ["Laplace, last layer", "fine-tuning, 30 steps", "<svg", "ECE"] {
      #expect(page.contains(word), "\(word)")
    }
  }

  /// A normal likelihood on classes, centred, of the last layer, with the prior around 0.
  @Test func normalClasses() throws {
    let folder = try TemporaryFolder()
    _ = try object(
      Command.run(
        "train", "--data", "digits", "--classes", "0,1", "--model", "mlp:8x1", "--steps", "3",
        "--out", "run", "--json", "--quiet", in: folder))
    let members = try object(
      Command.run(
        "adapt", "--parameters", "run", "--data", "digits", "--classes", "2,3", "--train-size",
        "20", "--likelihood", "gaussian", "--targets", "centred", "--layers", "last",
        "--prior-mean", "zero", "--compare", "last-layer", "--json", "--quiet", in: folder))
    let found = try methods(members)
    #expect(found.count == 2 && members["layers"] == .string("last"))
    #expect(number(found[0], "accuracy") > 0.7 && found[0]["ece"] == nil)
    #expect(members["out"] == nil && folder.names() == ["run"])
  }
}
