import FoundationEssentials
import Maclaurin
import Testing

/// `gp` against other people's numbers, and its options.
@Suite struct GaussianProcessTests {
  /// The arguments that name a golden case's network and examples.
  static func arguments(_ golden: Golden) -> [String] {
    [
      "gp", "--network", golden.network, "--parameters", golden.argument("theta0."), "--inputs",
      golden.argument("x1"), "--targets", golden.argument("y"), "--test-inputs",
      golden.argument("x2"),
    ]
  }

  static func hyperparameters(_ golden: Golden) throws -> [String] {
    [
      "--prior-std", String(try golden.values("gp.prior_std")[0]), "--noise-std",
      String(try golden.values("gp.noise_std")[0]),
    ]
  }

  private func object(
    _ outcome: Command.Outcome, notes: Bool = false
  ) throws -> [String: JSONValue] {
    #expect(outcome.status == 0 && (notes || outcome.errors.isEmpty), "\(outcome.errors)")
    // The one name that has a "nan" in it.
    let output = outcome.output.replacing("log_determinant_", with: "")
    #expect(!output.contains("nan") && !output.contains("null"))
    return try outcome.json
  }

  private func number(_ members: [String: JSONValue], _ name: String) throws -> Double {
    guard case .number(let number)? = members[name] else {
      Issue.record("no number \(name) in \(members)")
      return .nan
    }
    return number
  }

  // MARK: Golden cases

  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func golden(_ name: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let (mean, covariance) = (try golden.values("gp.mean"), try golden.values("gp.cov"))
    for backend in ["cpu", "opencl:0"] {
      let members = try object(
        Command.run(
          Self.arguments(golden) + Self.hyperparameters(golden) + [
            "--test-targets", golden.argument("gp.mean"), "--mean", "m.npy", "--covariance",
            "c.npy", "--variance", "v.safetensors:v", "--backend", backend, "--json", "--quiet",
          ], in: folder))
      expectClose(
        [try number(members, "log_marginal_likelihood")],
        try golden.values("gp.log_marginal_likelihood"), relative: 1e-9, "likelihood")
      let (m, c) = (try folder.array("m.npy"), try folder.array("c.npy"))
      #expect(m.shape == [3, 2] && c.shape == [6, 6])
      expectClose(m.values, mean, relative: 1e-9, "mean")
      expectClose(c.values, covariance, relative: 1e-9, "covariance")
      let v = try folder.array("v.safetensors:v")
      #expect(v.shape == [3, 2])
      expectClose(v.values, (0..<6).map { covariance[7 * $0] }, relative: 1e-9, "variances")
      #expect(members["solver"] == .string("exact") && members["search"] == nil)
      #expect(try number(members, "residual") < 1e-12)
      #expect(try number(members, "test_loss") < 1e-18)
      #expect(try number(members, "kernel_flops") > 0)
    }
  }

  /// The solvers that never make the kernel, and what they say of themselves.
  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func iterativeSolvers(_ name: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let (mean, covariance) = (try golden.values("gp.mean"), try golden.values("gp.cov"))
    for solver in ["cg", "parameter-space"] {
      let members = try object(
        Command.run(
          Self.arguments(golden) + Self.hyperparameters(golden) + [
            "--solver", solver, "--cg-tolerance", "1e-11", "--preconditioner-rank", "3",
            "--probes", "200", "--mean", "m.npy", "--covariance", "c.npy", "--json", "--quiet",
          ], in: folder))
      expectClose(try folder.array("m.npy").values, mean, relative: 1e-6, "mean")
      expectClose(try folder.array("c.npy").values, covariance, relative: 1e-6, "covariance")
      #expect(members["solver"] == .string(solver))
      #expect(members["solver_reason"] == .string("the \(solver) solver was asked for"))
      #expect(members["variance_method"] == .string("solves"))
      #expect(try number(members, "iterations") >= 1)
      #expect(try number(members, "residual") <= 1e-11)
      #expect(try number(members, "variance_residual") <= 1e-11)
      let error = try number(members, "log_determinant_standard_error")
      let expected = try golden.values("gp.log_marginal_likelihood")[0]
      let found = try number(members, "log_marginal_likelihood")
      #expect(error > 0 && error < 2 && abs(found - expected) <= 1.5 * error)
    }
  }

  /// All solvers in a plan, the one that fits, and what an iterative one cannot do.
  @Test func solverChoice() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let arguments = try Self.arguments(golden) + Self.hyperparameters(golden)
    let plan = try object(Command.run(arguments + ["--plan", "--json"], in: folder))
    guard case .array(let solvers)? = plan["solvers"] else {
      Issue.record("no solvers in \(plan)")
      return
    }
    #expect(plan["solver"] == .string("exact") && solvers.count == 3)
    expectSentence(
      try Command.run(arguments + ["--solver", "exact", "--memory-limit", "1kB"], in: folder),
      "--solver exact needs", "no solver fits")
    for solver in ["cg", "parameter-space"] {
      var without = arguments + ["--solver", solver]
      without[try #require(without.firstIndex(of: "--noise-std")) + 1] = "0"
      expectSentence(
        try Command.run(without, in: folder), "--solver \(solver) needs a noise above 0")
    }
    // σp and σ chosen without the kernel are near those that it chooses.
    let free = Self.arguments(golden) + ["--probes", "300", "--json", "--solver"]
    let exact = try object(Command.run(free + ["exact"], in: folder), notes: true)
    let cg = try object(Command.run(free + ["cg"], in: folder), notes: true)
    #expect(cg["search"] != nil && cg["log_determinant_standard_error"] != nil)
    for name in ["prior_std", "noise_std"] {
      let ratio = try number(cg, name) / number(exact, name)
      #expect(ratio > 0.7 && ratio < 1.4, "\(name) \(ratio)")
    }
    // Too few iterations are no secret.
    let short = try Command.run(
      arguments + [
        "--solver", "cg", "--preconditioner-rank", "0", "--cg-iterations", "2",
        "--cg-tolerance", "1e-12", "--json",
      ], in: folder)
    #expect(short.errors.contains("after 2 iterations, above the tolerance"))
    #expect(try number(object(short, notes: true), "residual") > 1e-12)
    expectSentence(
      try Command.run(arguments + ["--cg-tolerance", "2"], in: folder), "--cg-tolerance",
      status: 2)
    expectSentence(
      try Command.run(arguments + ["--probes", "1"], in: folder), "--probes takes 2", status: 2)
  }

  /// In float32 the kernel's products are rounded.
  @Test func singlePrecision() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    _ = try object(
      Command.run(
        Self.arguments(golden) + Self.hyperparameters(golden)
          + ["--mean", "m.npy", "--dtype", "float32", "--json", "--quiet"], in: folder))
    let values = try folder.array("m.npy").values
    expectClose(values, try golden.values("gp.mean"), relative: 1e-4, "mean")
  }

  // MARK: What the marginal likelihood chooses

  /// The largest likelihood is at least that of the neighbours, which `--prior-std` and `--noise-std` ask
  /// for; what is given is held.
  @Test func chosen() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    func run(_ more: [String]) throws -> [String: JSONValue] {
      try object(
        Command.run(Self.arguments(golden) + more + ["--json"], in: folder), notes: true)
    }
    let best = try run([])
    let (prior, noise) = (try number(best, "prior_std"), try number(best, "noise_std"))
    let highest = try number(best, "log_marginal_likelihood")
    guard case .object(let search)? = best["search"] else {
      Issue.record("no search in \(best)")
      return
    }
    #expect(search["bounds"] == .array([]) && search["starts"] == .number(5))
    for (p, s) in [(1.0, 1.0), (1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)] {
      let near = try run(["--prior-std", String(p * prior), "--noise-std", String(s * noise)])
      let value = try number(near, "log_marginal_likelihood")
      #expect(p == 1 && s == 1 ? abs(value - highest) < 1e-9 : value < highest)
    }
    let held = try run(["--noise-std", "0.3"])
    #expect(held["noise_std"] == .number(0.3))
    #expect(try number(held, "log_marginal_likelihood") < highest)
    let layered = try run(["--per-layer-prior", "--starts", "2"])
    #expect(try number(layered, "log_marginal_likelihood") >= highest - 1e-9)
    guard case .object(let priors)? = layered["layer_prior_std"] else {
      Issue.record("no priors in \(layered)")
      return
    }
    #expect(Set(priors.keys) == ["layers.0", "layers.2", "layers.4"])
  }

  // MARK: Files

  @Test func files() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    let base = try Self.arguments(golden) + Self.hyperparameters(golden)
    let members = try object(
      Command.run(
        base + [
          "--samples", "5", "--samples-output", "s.npy", "--seed", "3", "--leave-one-out", "l.npy",
          "--variance", "v.npy", "--report", "report", "--json",
        ], in: folder))
    let (samples, left) = (try folder.array("s.npy"), try folder.array("l.npy"))
    #expect(samples.shape == [5, 3, 2] && left.shape == [2, 5, 2])
    guard case .object(let summary)? = members["leave_one_out"],
      case .number(let rmse)? = summary["rmse"]
    else {
      Issue.record("no leave_one_out in \(members)")
      return
    }
    let y = try golden.values("y")
    let square = (0..<10).reduce(0) { $0 + (y[$1] - left.values[$1]) * (y[$1] - left.values[$1]) }
    expectClose([rmse], [(square / 10).squareRoot()], relative: 1e-12, "rmse")
    #expect(folder.text("report/report.html").contains("Predicted against true"))
    // Each output has its own σ in the table.
    let variances = try folder.array("v.npy").values
    let rows = folder.text("report/predictions.csv").split(separator: "\n").dropFirst()
    #expect(rows.count == 6)
    for (row, variance) in zip(rows, variances) {
      let cells = row.split(separator: ",", omittingEmptySubsequences: false)
      expectClose([Double(cells[4]) ?? .nan], [variance.squareRoot()], relative: 1e-12, "\(row)")
    }
    // Other moving tensors, and another mean before the data.
    _ = try object(
      Command.run(
        base + ["--layers", "last", "--prior-mean", "zero", "--mean", "m.npy", "--json"],
        in: folder))
    let difference = zip(try folder.array("m.npy").values, try golden.values("gp.mean")).map {
      $0 - $1
    }
    #expect(difference.contains { abs($0) > 0.01 })
    let text = try Command.run(base, in: folder)
    for word in ["log marginal likelihood", "prior std", "each example left out", "exact solver"] {
      #expect(text.output.contains(word), "\(word) in \(text.output)")
    }
    let plan = try object(Command.run(base + ["--plan", "--json"], in: folder))
    #expect(try number(plan, "peak_bytes") > 800 && plan["solver"] == .string("exact"))
    #expect(try number(plan, "parameters") == 209)
  }

  // MARK: Training

  /// The linear expansion trained to its end by gradient descent is the process without noise: a run's
  /// own outputs at the test examples.
  @Test func training() throws {
    let folder = try TemporaryFolder()
    let x = (0..<60).map { index in
      // Corners of a cube, moved a little, so that the kernel is well conditioned.
      let (row, column) = (index / 5, index % 5)
      return (row >> column & 1 == 1 ? 1.0 : -1) + 0.01 * Double(row)
    }
    try folder.write("x.npy", x, shape: [12, 5])
    try folder.write("y.npy", (0..<12).map { Double($0 * $0 % 7) / 3 - 1 }, shape: [12, 1])
    let data = ["--data", "npy:x.npy,y.npy", "--no-standardize"]
    let trained = try Command.run(
      ["train"] + data + [
        "--model", "mlp:24x1", "--activation", "tanh", "--weight-std", "1.4", "--order", "1",
        "--loss", "mse", "--optimizer", "momentum", "--momentum", "0.8", "--lr", "0.2",
        "--batch-size", "full", "--steps", "400", "--evaluate-every", "400", "--save-logits",
        "--dtype", "float64", "--out", "run", "--quiet", "--json",
      ], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(try trained.number("train_loss") < 1e-20)
    let members = try object(
      Command.run(
        ["gp"] + data + [
          "--network", "run/network.json", "--parameters", "run/initial.safetensors",
          "--prior-std", "1", "--noise-std", "1e-6", "--mean", "m.npy", "--json",
        ], in: folder))
    let (logits, mean) = (
      try folder.array("run/logits/step-400.npy"), try folder.array("m.npy")
    )
    #expect(logits.shape == mean.shape)
    expectClose(mean.values, logits.values, relative: 1e-8, "outputs")
    expectClose(
      [try number(members, "test_loss")], [try trained.number("test_loss")], relative: 1e-8,
      "loss")
    // A run's folder says which network it is.
    _ = try object(
      Command.run(
        ["gp"] + data + [
          "--parameters", "run", "--prior-std", "1", "--noise-std", "0.1", "--mean", "e.npy",
          "--json",
        ], in: folder))
  }

  // MARK: Refusals

  @Test func badInput() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    func run(_ more: String...) throws -> Command.Outcome {
      var arguments = try Self.arguments(golden) + Self.hyperparameters(golden)
      for (option, value) in zip(more, more.dropFirst()) where option.hasPrefix("--") {
        if let place = arguments.firstIndex(of: option) {
          arguments[place + 1] = value
        } else {
          arguments += [option, value]
        }
      }
      return try Command.run(arguments, in: folder)
    }
    let x = try golden.values("x1")
    // The first example twice.
    try folder.write("twice.npy", Array(x[..<20]) + x[..<5], shape: [5, 5])
    expectSentence(
      try run("--inputs", "twice.npy", "--noise-std", "0"), "examples 0 and 4 are the same",
      "--noise-std")
    #expect(try run("--inputs", "twice.npy", "--noise-std", "0.1").status == 0)
    var singular = Self.arguments(golden) + ["--noise-std", "0"]
    singular[try #require(singular.firstIndex(of: "--inputs")) + 1] = "twice.npy"
    expectSentence(
      try Command.run(singular, in: folder), "not positive definite", "--noise-std")
    // More outputs than parameters that move.
    expectSentence(
      try run("--layers", "layers.4.bias", "--noise-std", "0"), "10 outputs move with 2 parameters",
      "--noise-std")
    try folder.write("y.npy", [1, 2, 3, 4], shape: [2, 2])
    expectSentence(try run("--targets", "y.npy"), "y.npy", "[2, 2]", "[5, 2]")
    try folder.write("x.npy", [1, 2, 3], shape: [1, 3])
    expectSentence(try run("--test-inputs", "x.npy"), "x.npy", "[1, 3]", "5")
    expectSentence(try run("--mean", golden.argument("x1")), "is named by", "--mean")
    expectSentence(try run("--layers", "nothing"), "--layers nothing", "layers.0.weight")
    expectSentence(
      try Command.run(Self.arguments(golden) + ["--noise-std=-1"], in: folder),
      "--noise-std must", status: 2)
    expectSentence(try run("--prior-std", "0"), "--prior-std must", status: 2)
    expectSentence(try run("--solver", "guess"), "--solver takes", "exact", status: 2)
    expectSentence(try run("--samples", "3"), "--samples-output", status: 2)
    // Targets that are fitted already.
    try folder.write("zeros.npy", [Double](repeating: 0, count: 10), shape: [5, 2])
    var arguments = Self.arguments(golden) + ["--prior-mean", "zero"]
    arguments[try #require(arguments.firstIndex(of: "--targets")) + 1] = "zeros.npy"
    expectSentence(
      try Command.run(arguments, in: folder), "fits the targets exactly", "--prior-std")
    // Parameters of another network: the tensor and both shapes.
    try folder.write(
      "net.json",
      #"{"input": [5], "layers": [{"dense": {"units": 7}}, "tanh", {"dense": {"units": 2}}]}"#)
    expectSentence(
      try run("--network", folder.path + "/net.json"), "layers.0.weight", "[12, 5]", "[7, 5]")
  }
}
