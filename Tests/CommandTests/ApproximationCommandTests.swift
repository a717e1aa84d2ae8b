import Maclaurin
import Testing

/// `gp --approximation`.
struct ApproximationCommandTests {
  private func run(_ golden: Golden, _ name: String, in folder: TemporaryFolder) throws
    -> Command.Outcome
  {
    try Command.run(
      GaussianProcessTests.arguments(golden) + GaussianProcessTests.hyperparameters(golden) + [
        "--mean", "m.npy", "--covariance", "c.npy", "--approximation", name, "--backend", "cpu",
        "--json", "--quiet",
      ], in: folder)
  }

  private func error(_ outcome: Command.Outcome, _ name: String) throws -> Double {
    guard case .object(let members)? = try outcome.json["approximation_error"],
      case .number(let value)? = members[name]
    else {
      Issue.record("no \(name) in \(outcome.output)")
      return .nan
    }
    return value
  }

  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func golden(_ name: String) throws {
    let golden = try Golden(name)
    let folder = try TemporaryFolder()
    let (mean, covariance) = (try golden.values("gp.mean"), try golden.values("gp.cov"))
    // More inducing examples than there are: all of them, and so the posterior itself.
    let all = try run(golden, "nystrom:50", in: folder)
    #expect(all.status == 0, "\(all.errors)")
    expectClose(try folder.array("m.npy").values, mean, relative: 1e-7, "mean")
    expectClose(try folder.array("c.npy").values, covariance, relative: 1e-7, "covariance")
    #expect(try error(all, "mean") < 1e-7 && error(all, "deviation") < 1e-6)
    #expect(try abs(error(all, "joint_divergence")) < 1e-6)
    #expect(try all.number("inducing_examples") == Double(golden.file.info("y").shape[0]))
    expectClose(
      [try all.number("log_marginal_likelihood_bound")],
      try golden.values("gp.log_marginal_likelihood"), relative: 1e-6, "bound")

    // The others keep the mean, and say how far the deviations are from the golden ones.
    for structure in ["diagonal", "kronecker"] {
      let outcome = try run(golden, structure, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try outcome.text("approximation") == structure)
      expectClose(try folder.array("m.npy").values, mean, relative: 1e-9, "mean")
      let found = try folder.array("c.npy").values
      let m = mean.count
      var logs = 0.0
      for i in 0..<m {
        let ratio = (found[i * m + i] / covariance[i * m + i]).squareRoot()
        logs += logarithm(ratio) * logarithm(ratio)
      }
      #expect(try error(outcome, "mean") < 1e-9)
      expectClose(
        [try error(outcome, "deviation")], [(logs / Double(m)).squareRoot()], relative: 1e-6,
        "deviation")
      #expect(try error(outcome, "marginal_divergence") > 0)
    }
  }

  /// log x by its series in (x − 1)/(x + 1).
  private func logarithm(_ x: Double) -> Double {
    let t = (x - 1) / (x + 1)
    var (sum, power) = (0.0, t)
    for i in 0..<2000 {
      sum += 2 * power / Double(2 * i + 1)
      power *= t * t
    }
    return sum
  }

  /// Cheaper covariances of a Laplace posterior: its mean, hence of two classes the same more probable
  /// one, for the difference of their logits is normal, and probabilities of their own.
  @Test func adapted() throws {
    let folder = try TemporaryFolder()
    _ = try Command.run(
      "train", "--data", "digits", "--classes", "0,1,2", "--model", "mlp:12x1", "--steps", "20",
      "--out", "run", "--json", "--quiet", in: folder)
    let outcome = try Command.run(
      "adapt", "--parameters", "run", "--data", "digits", "--classes", "3,8", "--train-size",
      "20", "--compare", "diagonal,kronecker", "--prior-std", "1", "--json", "--quiet", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    guard case .array(let methods)? = try outcome.json["methods"] else {
      Issue.record("no methods in \(outcome.output)")
      return
    }
    var (scores, accuracies) = ([String: Double](), [String: Double]())
    for case .object(let method) in methods {
      if case .string(let name)? = method["method"], case .number(let nll)? = method["nll"] {
        scores[name] = nll
        if case .number(let accuracy)? = method["accuracy"] { accuracies[name] = accuracy }
      }
    }
    let (diagonal, kronecker) = (
      try #require(scores["Laplace (diagonal covariance)"]),
      try #require(scores["Laplace (kronecker covariance)"])
    )
    let exact = try #require(scores["Laplace (all layers)"])
    let map = try #require(accuracies["MAP (all layers)"])
    #expect(accuracies["Laplace (diagonal covariance)"] == map)
    #expect(accuracies["Laplace (kronecker covariance)"] == map)
    #expect(diagonal > 0 && kronecker > 0 && diagonal != kronecker && diagonal != exact)
  }

  @Test func refusals() throws {
    let golden = try Golden("empirical-mlp")
    let folder = try TemporaryFolder()
    expectSentence(try run(golden, "banana", in: folder), "banana", "kronecker", status: 2)
    expectSentence(try run(golden, "nystrom:0", in: folder), "nystrom:0", status: 2)
    let arguments = GaussianProcessTests.arguments(golden)
    expectSentence(
      try Command.run(
        arguments + ["--likelihood", "softmax", "--approximation", "diagonal"], in: folder),
      "--approximation", "adapt --compare", status: 2)
    expectSentence(
      try Command.run(
        arguments + [
          "--prior-std", "1", "--noise-std", "0", "--approximation", "diagonal", "--quiet",
        ], in: folder), "--noise-std", "--approximation none")
  }
}
