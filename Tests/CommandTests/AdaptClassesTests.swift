import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `adapt` with classes: new outputs, probabilities, comparisons, both solvers.
@Suite struct AdaptClassesTests: AdaptSuite {
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
        "Laplace (all layers)", "MAP (all layers)", "Laplace (last layer)", "MAP (last layer)",
        "fine-tuning (\(Int(number(members, "fine_tuning_steps"))) steps)",
        "fine-tuning (30 steps)",
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
    guard case .object(let result) = tuned else {
      Issue.record("no object: \(tuned)")
      return
    }
    expectClose(
      [number(found[5], "nll"), number(found[5], "accuracy")],
      [number(result, "test_loss"), number(result, "test_accuracy")], relative: 1e-9, "trained")
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
    for word in ["Laplace (last layer)", "fine-tuning (30 steps)", "<svg", "ECE"] {
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
    // A run's folder is not written into, and a softmax takes no centred rows.
    let base = ["adapt", "--parameters", "run", "--data", "digits", "--classes", "2,3"]
    expectSentence(try Command.run(base + ["--out", "run"], in: folder), "holds a run")
    expectSentence(
      try Command.run(base + ["--targets", "centred"], in: folder), "--likelihood gaussian",
      status: 2)
    #expect(number(found[0], "accuracy") > 0.7 && found[0]["ece"] == nil)
    #expect(members["out"] == nil && folder.names() == ["run"])
  }

  /// Classes in parameter space are those of function space.
  @Test func classesInParameterSpace() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let rows = try golden.file.info("x1").shape[0]
    let outputs = try golden.file.info("y").shape[1]
    let targets = (0..<rows * outputs).map { $0 % outputs == $0 / outputs % outputs ? 1.0 : 0 }
    try folder.write("t.npy", targets, shape: [rows, outputs])
    var probabilities: [[Double]] = []
    for solver in ["exact", "parameter-space"] {
      _ = try object(
        Command.run(
          "adapt", "--network", golden.network, "--parameters", golden.argument("theta0."),
          "--inputs", golden.argument("x1"), "--targets", "t.npy", "--likelihood", "softmax",
          "--prior-std", "0.5", "--solver", solver, "--out", "d", "--json", "--quiet", in: folder))
      _ = try object(
        Command.run(
          "evaluate", "--posterior", "d", "--inputs", golden.argument("x2"), "--output", "p.npy",
          "--probabilities", "--json", in: folder))
      probabilities.append(try folder.array("p.npy").values)
    }
    expectClose(probabilities[1], probabilities[0], relative: 1e-6, "probabilities")
    let outcome = try Command.run(
      "adapt", "--network", golden.network, "--parameters", golden.argument("theta0."),
      "--inputs", golden.argument("x1"), "--targets", "t.npy", "--likelihood", "softmax",
      "--solver", "cg", in: folder)
    expectSentence(outcome, "parameter-space, not cg", status: 2)
  }
}
