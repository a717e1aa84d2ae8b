import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `gp --likelihood softmax`. Two classes of one feature without a bias, and a prior mean of 0, are a
/// logistic regression on the difference d = f₁ − f₀ = vx, v ~ N(0, 2σp²): its mode by bisection, its variance
/// and Laplace's evidence by formula.
@Suite("gp with classes") struct ClassificationTests {
  private let x = [-1.5, -0.7, -0.2, 0.4, 0.9, 2]
  private let labels = [0.0, 0, 1, 1, 0, 1]
  private let at = [-2, 0.5, 1.3]
  private let truth = [0.0, 0, 1]

  private func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }

  /// v̂, its precision, and log p(t).
  private func regression(_ priorStd: Double) -> (mode: Double, precision: Double, evidence: Double)
  {
    let variance = 2 * priorStd * priorStd
    var (low, high) = (-50.0, 50.0)
    for _ in 0..<200 {
      let v = (low + high) / 2
      var slope = -v / variance
      for (x, t) in zip(x, labels) { slope += (t - sigmoid(v * x)) * x }
      if slope > 0 { low = v } else { high = v }
    }
    var (precision, evidence) = (1 / variance, -low * low / (2 * variance))
    for (x, t) in zip(x, labels) {
      let s = sigmoid(low * x)
      precision += x * x * s * (1 - s)
      evidence += log(t == 1 ? s : 1 - s)
    }
    return (low, precision, evidence - log(precision * variance) / 2)
  }

  private func prepared() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("net.json", #"{"input": [1], "layers": [{"dense": {"units": 2}}]}"#)
    try folder.write("x.npy", x, shape: [6, 1])
    try folder.write("t.npy", labels, shape: [6])
    try folder.write("x2.npy", at, shape: [3, 1])
    try folder.write("t2.npy", truth, shape: [3])
    let made = try Command.run(
      ["init", "--model", "net.json", "--output", "p.safetensors"], in: folder)
    #expect(made.status == 0, "\(made.errors)")
    return folder
  }

  private let base = [
    "gp", "--network", "net.json", "--parameters", "p.safetensors", "--likelihood", "softmax",
    "--prior-mean", "zero", "--layers", "layers.0.weight", "--inputs", "x.npy", "--targets",
    "t.npy", "--test-inputs", "x2.npy", "--json", "--quiet",
  ]

  private func result(
    _ arguments: [String], _ folder: TemporaryFolder
  ) throws -> Command.Outcome {
    let outcome = try Command.run(base + arguments, in: folder)
    #expect(outcome.status == 0 && !outcome.output.contains("nan"), "\(outcome.errors)")
    return outcome
  }

  @Test(arguments: ["exact", "parameter-space"])
  func logisticRegression(solver: String) throws {
    let folder = try prepared()
    let (mode, precision, evidence) = regression(1.5)
    let outcome = try result(
      [
        "--solver", solver, "--prior-std", "1.5", "--test-targets", "t2.npy", "--mean", "m.npy",
        "--covariance", "c.npy", "--variance", "v.npy", "--probabilities", "p.npy",
        "--probability-method", "map", "--samples", "4", "--samples-output", "s.npy",
      ], folder)
    let (m, c) = (try folder.array("m.npy"), try folder.array("c.npy"))
    let (v, p) = (try folder.array("v.npy"), try folder.array("p.npy"))
    #expect(m.shape == [3, 2] && c.shape == [6, 6] && v.shape == [3, 2] && p.shape == [3, 2])
    #expect(try folder.array("s.npy").shape == [4, 3, 2])
    var (nll, right) = (0.0, 0.0)
    for (i, x) in at.enumerated() {
      let d = mode * x
      #expect(abs(m.values[2 * i + 1] - m.values[2 * i] - d) < 1e-7)
      for (j, y) in at.enumerated() {
        func entry(_ a: Int, _ b: Int) -> Double { c.values[(2 * i + a) * 6 + 2 * j + b] }
        let difference = entry(0, 0) + entry(1, 1) - entry(0, 1) - entry(1, 0)
        #expect(abs(difference - x * y / precision) < 1e-7)
      }
      #expect(v.values[2 * i] == c.values[2 * i * 7])
      #expect(abs(p.values[2 * i + 1] - sigmoid(d)) < 1e-7)
      nll -= log(truth[i] == 1 ? sigmoid(d) : sigmoid(-d)) / 3
      if (d > 0) == (truth[i] == 1) { right += 1 }
    }
    #expect(abs(try outcome.number("test_nll") - nll) < 1e-7)
    #expect(abs(try outcome.number("test_accuracy") - right / 3) < 1e-12)
    #expect(try outcome.number("test_ece") > 0)
    #expect(try outcome.text("solver") == solver)
    if solver == "exact" {
      #expect(abs(try outcome.number("log_marginal_likelihood") - evidence) < 1e-8)
    } else {
      #expect(try outcome.json["log_marginal_likelihood"] == nil)
    }
  }

  /// One-hot targets are the same; probit and samples agree with their definitions.
  @Test func probabilities() throws {
    let folder = try prepared()
    try folder.write(
      "hot.npy", labels.flatMap { $0 == 1 ? [0.0, 1] : [1, 0] }, shape: [6, 2])
    let (mode, precision, _) = regression(1.5)
    var arguments = ["--prior-std", "1.5", "--mean", "m.npy", "--variance", "v.npy"]
    arguments += ["--targets", "hot.npy", "--probabilities", "p.npy"]
    _ = try result(arguments + ["--probability-method", "probit"], folder)
    let (m, v) = (try folder.array("m.npy").values, try folder.array("v.npy").values)
    let probit = try folder.array("p.npy").values
    _ = try result(arguments + ["--probability-samples", "20000", "--seed", "4"], folder)
    let sampled = try folder.array("p.npy").values
    _ = try result(
      arguments + ["--probability-samples", "20000", "--seed", "4", "--backend", "opencl:0"], folder
    )
    let onDevice = try folder.array("p.npy").values
    for (i, x) in at.enumerated() {
      let scaled = (0..<2).map {
        m[2 * i + $0] / (1 + Double.pi / 8 * v[2 * i + $0]).squareRoot()
      }
      #expect(abs(probit[2 * i + 1] - sigmoid(scaled[1] - scaled[0])) < 1e-12)
      // ∫ σ(d + s z) φ(z) dz by the trapezoid rule.
      var exact = 0.0
      for step in -1000...1000 {
        let z = Double(step) / 100
        exact +=
          sigmoid(mode * x + abs(x) / precision.squareRoot() * z) * exp(-z * z / 2)
          / (2 * Double.pi).squareRoot() / 100
      }
      #expect(abs(sampled[2 * i + 1] - exact) < 0.01)
      #expect(abs(sampled[2 * i] + sampled[2 * i + 1] - 1) < 1e-12)
      #expect(abs(onDevice[2 * i] - sampled[2 * i]) < 1e-9)
    }
  }

  /// In parameter space few samples are drawn of the parameters: each is one of the logits' distribution.
  @Test func samplesOfParameters() throws {
    let folder = try prepared()
    let many = (0..<301).map { 1.3 + 1e-9 * Double($0) }
    try folder.write("x2.npy", many, shape: [301, 1])
    let outcome = try result(
      [
        "--prior-std", "1.5", "--solver", "parameter-space", "--probability-samples", "600",
        "--probabilities", "p.npy",
      ], folder)
    #expect(try outcome.text("probability_method") == "samples")
    let (mode, precision, _) = regression(1.5)
    var (exact, square) = (0.0, 0.0)
    for step in -1000...1000 {
      let z = Double(step) / 100
      let p = sigmoid(1.3 * (mode + z / precision.squareRoot()))
      let weight = exp(-z * z / 2) / (2 * Double.pi).squareRoot() / 100
      exact += weight * p
      square += weight * p * p
    }
    let p = try folder.array("p.npy")
    #expect(p.shape == [301, 2])
    #expect(abs(p.values[1] - exact) < 4 * ((square - exact * exact) / 600).squareRoot())
    #expect(p.values[1] > 0.5 && p.values[1] != p.values[0])
  }

  /// σp where the evidence is largest, by a dense search over the formula; and a page.
  @Test func chosenPriorAndReport() throws {
    let folder = try prepared()
    let outcome = try result(["--test-targets", "t2.npy", "--report", "page"], folder)
    let std = try outcome.number("prior_std")
    let found = regression(std).evidence
    #expect(abs(try outcome.number("log_marginal_likelihood") - found) < 1e-8)
    for step in -300...300 {
      #expect(regression(pow(10, Double(step) / 100)).evidence <= found + 1e-6)
    }
    let page = folder.text("page/report.html")
    #expect(page.contains("Laplace, probit") && page.contains("Reliability"))
    #expect(folder.text("page/figures/reliability.svg").contains("data-series=\"accuracy\""))
    #expect(folder.text("page/probabilities.csv").hasPrefix("example,class_0,class_1\n0,"))
    let plan = try result(["--plan"], folder)
    #expect(try plan.text("solver") == "exact" && plan.number("peak_bytes") > 0)
  }

  @Test(arguments: [
    (["--targets", "far.npy"], "labels outside 0…1"),
    (["--targets", "odd.npy"], "target of example 2 is no distribution"),
    (["--noise-std", "0.1"], "--noise-std goes with --likelihood gaussian"),
    (["--leave-one-out", "l.npy"], "--leave-one-out goes with"),
    (["--per-layer-prior"], "--per-layer-prior goes with"),
    (["--solver", "cg"], "not cg"),
    (["--probes", "4"], "--probes goes with"),
    (["--solver", "exact", "--memory-limit", "1kB"], "no solver fits"),
    (["--starts", "2"], "--starts goes with"),
    (["--probability-samples", "0"], "--probability-samples takes"),
    (["--probability-method", "all"], "probability-method"),
    (["--likelihood", "gaussian", "--probabilities", "p.npy"], "--likelihood softmax"),
    (["--network", "one.json", "--parameters", "one.safetensors"], "two outputs or more"),
  ])
  func refusals(arguments: [String], words: String) throws {
    let folder = try prepared()
    try folder.write("far.npy", [0, 1, 2, 0, 0, 1], shape: [6])
    try folder.write("odd.npy", [1, 0, 0, 1, 0.5, 0.2, 1, 0, 1, 0, 1, 0], shape: [6, 2])
    if arguments.contains("one.json") {
      try folder.write("one.json", #"{"input": [1], "layers": [{"dense": {"units": 1}}]}"#)
      _ = try Command.run(
        ["init", "--model", "one.json", "--output", "one.safetensors"], in: folder)
    }
    // Only what files hold is found out late.
    let isLate =
      words.contains("0…1") || words.contains("example 2") || words.contains("two outputs")
      || words.contains("solver fits")
    expectSentence(
      try Command.run(base + arguments, in: folder), words, status: isLate ? 1 : 2)
  }
}
