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
}
