import FoundationEssentials
import Maclaurin
import TestSupport
import Testing

/// `curvature`, `--optimizer gauss-newton` and `--diagnostics` as users meet them.
struct CurvatureTests {
  private static let network = """
    {"input": [3], "layers": [{"dense": {"units": 4, "bias_std": 0.1}}, "tanh",
      {"dense": {"units": 2, "bias_std": 0.1}}]}
    """

  /// A folder with a network, two sets of parameters, inputs and targets.
  private func makePoint() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("n.json", Self.network)
    for seed in ["1", "2"] {
      let outcome = try Command.run(
        "init", "--model", "n.json", "--seed", seed, "--output", "p\(seed).safetensors", in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    try folder.write("x.npy", sample(15, seed: 3), shape: [5, 3])
    try folder.write("y.npy", sample(10, seed: 4), shape: [5, 2])
    return folder
  }

  private static let point = [
    "curvature", "--network", "n.json", "--parameters", "p2.safetensors", "--inputs", "x.npy",
    "--targets", "y.npy", "--dtype", "float64", "--backend", "openblas",
  ]

  /// Loss and gradient are those of `expand`; the eigenvalues' directions are confirmed by central
  /// differences of its losses: xᵀHx of the loss along any x lies between them.
  @Test(arguments: ["full", "2"]) func agreesWithExpand(_ order: String) throws {
    let folder = try makePoint()
    let center = ["--center", "p1.safetensors", "--order", order]
    let result = try Command.run(
      Self.point + center + ["--tolerance", "1e-9", "--json"], in: folder)
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    let expanded = try Command.run(
      [
        "expand", "--network", "n.json", "--parameters", "p2.safetensors", "--inputs", "x.npy",
        "--targets", "y.npy", "--dtype", "float64", "--backend", "openblas", "--output", "f.npy",
        "--gradient", "g.safetensors", "--json",
      ] + center, in: folder)
    #expect(try abs(result.number("loss") - expanded.number("loss")) < 1e-14)
    let network = try Network(
      NetworkDescription(json: Array(Self.network.utf8), named: "n.json"))
    let gradient = try network.readParameters(
      SafetensorsFile(folder.path + "/g.safetensors"), prefix: "")
    #expect(try abs(result.number("gradient_norm") - norm(gradient)) < 1e-12)

    // (L(θ + hx) − 2L(θ) + L(θ − hx))/h² for a few unit vectors x.
    let theta = try network.readParameters(
      SafetensorsFile(folder.path + "/p2.safetensors"), prefix: "")
    func loss(_ parameters: [Double]) throws -> Double {
      try SafetensorsFile.write(
        network.namedTensors(parameters, type: .float64),
        to: folder.path + "/moved.safetensors")
      return try Command.run(
        [
          "expand", "--network", "n.json", "--parameters", "moved.safetensors", "--inputs", "x.npy",
          "--targets", "y.npy", "--dtype", "float64", "--backend", "openblas", "--output",
          "f.npy", "--json",
        ] + center, in: folder
      ).number("loss")
    }
    let (h, most, least) = (
      1e-3, try result.number("hessian_max"), try result.number("hessian_min")
    )
    for seed in 0..<2 as Range<UInt64> {
      let x = sample(theta.count, seed: 20 + seed)
      let unit = x.map { $0 / norm(x) }
      let (up, down) = (
        try loss(zip(theta, unit).map { $0 + h * $1 }),
        try loss(zip(theta, unit).map { $0 - h * $1 })
      )
      let curvature = try (up + down - 2 * expanded.number("loss")) / (h * h)
      #expect(curvature < most && curvature > least)
    }
    #expect(most > 0.1)
    guard case .bool(let isStationary)? = try result.json["second_order_stationary"] else {
      Issue.record("no statement in \(result.output)")
      return
    }
    #expect(!isStationary)
  }

  /// A least-squares problem solved by one Gauss–Newton step is a second-order stationary point;
  /// the run brings its order, its loss and its data.
  @Test func runs() throws {
    let folder = try TemporaryFolder()
    let train = [
      "train", "--data", "digits", "--train-size", "20", "--model", "mlp:8x1", "--activation",
      "tanh", "--loss", "mse", "--order", "1", "--steps", "3", "--batch-size", "full",
      "--optimizer", "gauss-newton", "--lr", "1", "--damping", "0", "--cg-iterations", "400",
      "--cg-tolerance", "1e-9", "--dtype", "float64", "--backend", "openblas",
      "--diagnostics", "--diagnostic-probes", "5", "--diagnostic-products", "10",
      "--evaluate-every", "2", "--out", "run", "--json",
    ]
    let outcome = try Command.run(train, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let result = try Command.run(
      "curvature", "--run", "run", "--dtype", "float64", "--gradient-tolerance", "1e-6", "--json",
      in: folder)
    #expect(result.status == 0, "\(result.errors)")
    let json = try result.json
    #expect(json["order"] == .string("1") && json["loss_kind"] == .string("mse"))
    #expect(json["examples"] == .number(20))
    #expect(json["second_order_stationary"] == .bool(true), "\(result.output)")
    #expect(try abs(result.number("loss") - outcome.number("train_loss")) < 1e-12)
    // The Hessian of an expansion of order 1 is JᵀJ/(nO).
    #expect(try result.number("hessian_min") > -1e-10)

    // One product is not enough to call it so.
    let early = try Command.run(
      "curvature", "--run", "run", "--dtype", "float64", "--gradient-tolerance", "1e-6",
      "--products", "1", "--json", "--quiet", in: folder)
    #expect(try early.json["converged"] == .bool(false))
    #expect(try early.json["stationary"] == .bool(true))
    #expect(try early.json["second_order_stationary"] == .bool(false))

    let whole = try Command.run(
      "curvature", "--run", "run", "--order", "full", "--dtype", "float64", "--json", in: folder)
    #expect(try whole.json["order"] == .string("full"))
    #expect(try whole.number("loss") > result.number("loss"))

    let header = try #require(folder.text("run/metrics.csv").split(separator: "\n").first)
    for name in [
      "cg_iterations", "cg_residual", "sharpness", "hessian_min", "hessian_residual", "ntk_max",
      "ntk_eigenvalue_5", "target_alignment", "effective_rank",
    ] { #expect(header.split(separator: ",").contains(Substring(name)), "\(name)") }
    #expect(!header.contains("stability_limit"))
    for figure in ["sharpness", "tangent-kernel", "alignment", "conjugate-gradients"] {
      #expect(folder.names("run/figures").contains("\(figure).svg"), "\(figure)")
    }
    // Resuming needs the same settings.
    let other = try Command.run(
      train.map { $0 == "400" ? "399" : $0 } + ["--resume"], in: folder)
    expectSentence(other, status: 1)
    #expect(other.errors.contains("--cg-iterations 400"))
  }

  @Test func studiesTakeThemToo() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      "study", "--data", "digits", "--train-size", "30", "--model", "mlp:6x1", "--orders", "1,full",
      "--steps", "2", "--batch-size", "10", "--diagnostics", "--diagnostic-probes", "3",
      "--diagnostic-products", "5", "--optimizer", "gauss-newton", "--damping", "0.1", "--out",
      "study", "--backend", "openblas", "--json", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for order in ["1", "full"] {
      #expect(folder.text("study/seed-0/order-\(order)/metrics.csv").contains("sharpness"))
    }
  }

  @Test(
    arguments: [
      (["--damping", "1"], ["--damping", "gauss-newton"]),
      (["--cg-tolerance", "1"], ["gauss-newton"]),
      (["--optimizer", "gauss-newton", "--clip-norm", "1"], ["--clip-norm", "--damping"]),
      (["--optimizer", "gauss-newton", "--damping=-1"], ["--damping", "-1"]),
      (["--optimizer", "gauss-newton", "--damping", "nan"], ["--damping"]),
      (["--optimizer", "gauss-newton", "--cg-tolerance", "inf"], ["--cg-tolerance"]),
      (["--optimizer", "gauss-newton", "--cg-iterations", "0"], ["--cg-iterations"]),
      (["--diagnostic-probes", "8"], ["--diagnostics"]),
      (["--diagnostics", "--diagnostic-probes", "0"], ["--diagnostic-probes"]),
      (["--diagnostics", "--diagnostic-products=-3"], ["--diagnostic-products"]),
    ] as [([String], [String])])
  func misuseOfTraining(_ arguments: [String], _ words: [String]) throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      ["train", "--model", "mlp:4x1", "--steps", "1"] + arguments, in: folder)
    expectSentence(outcome, status: 2)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
  }

  @Test func dropoutIsRefused() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "n.json",
      #"{"input": [64], "layers": [{"dropout": {"rate": 0.5}}, {"dense": {"units": 10}}]}"#)
    let outcome = try Command.run(
      "train", "--model", "n.json", "--steps", "1", "--optimizer", "gauss-newton", in: folder)
    expectSentence(outcome, status: 1)
    #expect(outcome.errors.contains("dropout"))
  }

  @Test func misuseOfCurvature() throws {
    let folder = try makePoint()
    for (arguments, status, word) in [
      (["curvature"], 2, "--run"),
      (["curvature", "--run", "x", "--network", "n.json"], 2, "--run alone"),
      (["curvature", "--run", "none"], 1, "run.json"),
      (Self.point + ["--order", "2"], 2, "--center"), (Self.point + ["--order", "9"], 2, "1 to 8"),
      (Self.point + ["--examples", "0"], 2, "--examples"),
      (Self.point + ["--products", "0"], 2, "--products"),
      (Self.point + ["--tolerance=-1"], 2, "--tolerance"),
      (Self.point + ["--curvature-tolerance", "nan"], 2, "--curvature-tolerance"),
    ] as [([String], Int32, String)] {
      let outcome = try Command.run(arguments, in: folder)
      expectSentence(outcome, status: status)
      #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)")
    }
    // Numbers that overflow are refused, not printed.
    try folder.write("huge.npy", [Double](repeating: 1e200, count: 10), shape: [5, 2])
    let outcome = try Command.run(
      Self.point.map { $0 == "y.npy" ? "huge.npy" : $0 }, in: folder)
    expectSentence(outcome, status: 1)
  }
}
