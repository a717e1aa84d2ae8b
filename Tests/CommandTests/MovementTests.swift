import Maclaurin
import Testing

/// Randomized networks and single coefficients by the command.
struct MovementTests {
  private static let train = [
    "train", "--model", "mlp:24x1", "--activation", "tanh", "--parameterization", "ntk",
    "--freeze", "layers.2", "--steps", "9", "--batch-size", "64", "--checkpoint-every", "4",
    "--movement-std", "0.1", "--evaluation-draws", "5", "--randomize", "signs",
    "--movement-penalty", "1e-4", "--noise", "1e-3", "--json", "--out", "run",
  ]

  /// What a run reports is what `evaluate` finds in its folder, and what predictions give.
  @Test(arguments: [
    [], ["--sign-order", "3"], ["--order", "2", "--symmetric"], ["--order", "3"],
    ["--coefficient", "2", "--output-signs"], ["--output-scale", "3"],
  ])
  func evaluationsAgreeWithTheRun(_ options: [String]) throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(Self.train + options, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let evaluated = try Command.run(["evaluate", "--run", "run", "--json"], in: folder)
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    for name in ["train_loss", "test_loss", "test_accuracy"] {
      #expect(try evaluated.number(name) == run.number(name), "\(name)")
    }
    let again = try Command.run(Self.train + options + ["--resume"], in: folder)
    #expect(try again.text("parameters_sha256") == run.text("parameters_sha256"))
    let other = try Command.run(Self.train + options + ["--resume", "--noise", "2e-3"], in: folder)
    #expect(other.status != 0 && other.errors.contains("--noise"), "\(other.errors)")
    let metrics = try String(decoding: folder.bytes("run/metrics.csv"), as: UTF8.self)
    #expect(metrics.contains("penalty"))
  }

  /// Outputs that start at 0 have the loss log 10 at the start, whatever the inputs.
  @Test func symmetricStartsHaveTheLossOfNoKnowledge() throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(
      [
        "train", "--model", "mlp:24x1", "--parameterization", "ntk", "--symmetric",
        "--output-signs", "--lr", "0", "--steps", "1", "--json",
      ], in: folder)
    #expect(abs(try run.number("test_loss") - 2.302585092994046) < 1e-6)
    #expect(abs(try run.number("train_loss") - run.number("test_loss")) < 1e-6)
  }

  @Test func studiesCompareOtherModels() throws {
    let folder = try TemporaryFolder()
    for option in [["--randomize", "signs"], ["--coefficient", "2"]] {
      let outcome = try Command.run(["study", "--orders", "1"] + option, in: folder)
      expectSentence(outcome, status: 2)
      #expect(outcome.errors.contains("--randomize and --coefficient"))
    }
  }

  /// `curvature --run` is at the final movement, with the run's draws and its penalty; what training
  /// measures at its end is the same where the examples are.
  @Test(arguments: [
    [], ["--sign-order", "3"], ["--order", "2", "--movement-exponent", "3"],
    ["--coefficient", "2"], ["--output-scale", "3"],
  ])
  func curvatureOfRuns(_ options: [String]) throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(
      Self.train + [
        "--train-size", "40", "--batch-size", "20", "--diagnostics", "--diagnostic-probes", "40",
        "--diagnostic-products", "6",
      ] + options, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let curvature = ["curvature", "--run", "run", "--products", "6", "--json", "--quiet"]
    let result = try Command.run(curvature, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    let json = try result.json
    #expect(json["draws"] == .number(5))
    #expect(json["coefficient"] == (options.contains("--coefficient") ? .number(2) : nil))
    let evaluated = try Command.run(["evaluate", "--run", "run", "--json"], in: folder)
    #expect(try result.number("mean_output_loss") == evaluated.number("train_loss"))
    let (loss, lossOfMean) = (
      try result.number("loss"), try result.number("mean_output_loss")
    )
    if options.contains("--coefficient") {
      // Of two layers the quadratic coefficient does not depend on signs.
      #expect(abs(loss - lossOfMean) < 1e-6 * loss)
    } else {
      // The loss is convex in the outputs.
      #expect(loss > lossOfMean)
    }
    let metrics = try MetricsFile(folder, "run")
    #expect(try metrics.last("penalty") == result.number("penalty"))
    #expect(try result.number("penalty") > 0)
    #expect(try metrics.last("sharpness") == result.number("hessian_max"))
    #expect(try metrics.last("hessian_min") == result.number("hessian_min"))
    #expect(!metrics.names.contains("ntk_max"))
    let whole = try Command.run(curvature + ["--order", "full"], in: folder)
    #expect(try whole.json["draws"] == nil && whole.json["penalty"] == nil)
    #expect(try whole.number("loss") != result.number("loss"))
  }

  /// A penalty alone, of the network itself.
  @Test func curvatureOfAPenalty() throws {
    let folder = try TemporaryFolder()
    let options = Self.train.filter { $0 != "--randomize" && $0 != "signs" }
    let run = try Command.run(
      options.filter { $0 != "--evaluation-draws" && $0 != "5" } + [
        "--train-size", "40", "--batch-size", "20", "--kernel-probes", "3",
      ], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let result = try Command.run(
      ["curvature", "--run", "run", "--products", "4", "--json", "--quiet"], in: folder)
    #expect(try result.number("loss") == run.number("train_loss"), "\(result.errors)")
    let metrics = try MetricsFile(folder, "run")
    #expect(try metrics.last("penalty") == result.number("penalty"))
    #expect(try result.json["draws"] == nil)
  }

  @Test func tangentKernelsOfDrawsAreRefused() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      Self.train + ["--kernel-probes", "4"], in: folder)
    expectSentence(outcome, "--kernel-probes", "--randomize", status: 2)
    #expect(!folder.names().contains("run"))
  }

  /// Columns of a run's metrics.csv.
  private struct MetricsFile {
    let names: [String]
    let lines: [[String]]

    init(_ folder: TemporaryFolder, _ run: String) throws {
      let text = try String(decoding: folder.bytes("\(run)/metrics.csv"), as: UTF8.self)
      let lines = text.split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
      names = lines.first ?? []
      self.lines = Array(lines.dropFirst())
    }

    func last(_ name: String) throws -> Double {
      let column = try #require(names.firstIndex(of: name))
      return Double(lines.last { !$0[column].isEmpty }?[column] ?? "") ?? .nan
    }
  }

  /// `expand --coefficient`: the loss of a golden coefficient alone, and Euler's relation for its
  /// gradient, ⟨∇L, Δ⟩ = k·⟨∂L/∂F, F⟩, since F is homogeneous of degree k in Δ.
  @Test(arguments: [1, 2, 3], ["openblas", "opencl"])
  func expandedCoefficients(_ k: Int, _ backend: String) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("jet-mlp-tanh")
    let outcome = try Command.run(
      [
        "expand", "--network", golden.network, "--center", golden.argument("theta0."),
        "--parameters", golden.argument("theta."), "--inputs", golden.argument("x"),
        "--coefficient", "\(k)", "--targets", golden.argument("y"), "--loss", "mse", "--output",
        "c.npy", "--gradient", "g.safetensors", "--dtype", "float64", "--backend", backend,
        "--json",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let all = try golden.file.tensor("coefficients")
    let block = all.shape[1] * all.shape[2]
    let own = Array(all.doubles()[(k * block)..<((k + 1) * block)])
    let targets = try golden.values("y")
    #expect(targets.count == own.count)
    let loss = zip(own, targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    expectClose(
      [try outcome.number("loss")], [loss / Double(2 * block)], relative: 1e-10, "loss")
    let coefficients = try folder.array("c.npy").values
    expectClose(
      coefficients, Array(all.doubles()[..<((k + 1) * block)]), relative: 1e-10, "coefficients")
    let gradient = try SafetensorsFile(folder.path + "/g.safetensors")
    var slope = 0.0
    for name in gradient.names {
      let delta = zip(try golden.values("theta." + name), try golden.values("theta0." + name)).map {
        $0 - $1
      }
      slope += zip(try gradient.tensor(name).doubles(), delta).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let euler = zip(own, targets).reduce(0) { $0 + ($1.0 - $1.1) * $1.0 }
    expectClose([slope], [Double(k) * euler / Double(block)], relative: 1e-9, "Euler's relation")
  }
}
