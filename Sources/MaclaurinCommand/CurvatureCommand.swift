import ArgumentParser
import FoundationEssentials
import Maclaurin

struct CurvatureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "curvature",
    abstract: "The loss, its gradient's norm and its Hessian's extreme eigenvalues at a point.",
    discussion: """
      With --run, at the final parameters of a run, for the model and the loss that it trained (with \
      random signs the mean over its evaluation's draws, with a penalty their sum), on its training \
      examples. Else for a network at --parameters or, with --order K and --center, for \
      its expansion, with respect to the displacement. Eigenvalues by Lanczos's method on exact \
      Hessian-vector products: within its residual of each there is an eigenvalue.
      """)

  @Option(name: .customLong("run"), help: "A run's folder.")
  var folder: String?

  @Option(help: "Network file (JSON).")
  var network: String?

  @Option(help: "Where an expansion is made, θ0: file.safetensors[:prefix.].")
  var center: String?

  @Option(help: "The point, θ: file.safetensors[:prefix.].")
  var parameters: String?

  @Option(help: "Inputs, [batch, features]: file.npy or file.safetensors:name.")
  var inputs: String?

  @Option(help: "Targets, [batch, outputs] or integer labels.")
  var targets: String?

  @Option(
    help: "full for the network itself, or 1 to 8 (default: as the run was trained, else full).")
  var order: String?

  @Option(help: "mse or cross_entropy (default: the run's, else mse).")
  var loss: Loss.Kind?

  @Option(help: ArgumentHelp("Examples to take, the first ones.", valueName: "n"))
  var examples = 1024

  @Option(help: ArgumentHelp("Most products with the Hessian.", valueName: "n"))
  var products = 200

  @Option(
    help: ArgumentHelp(
      "Residuals wanted, relative to the eigenvalue of the largest magnitude.", valueName: "r"))
  var tolerance = 1e-3

  @Option(
    help: ArgumentHelp(
      "The gradient's norm up to which a point counts as stationary, ε.", valueName: "ε"))
  var gradientTolerance = 1e-3

  @Option(
    help: ArgumentHelp(
      "How negative the smallest eigenvalue may be at a second-order stationary point (default √ε).",
      valueName: "τ"))
  var curvatureTolerance: Double?

  @Option(help: ArgumentHelp("Seed of the first vector.", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func validate() throws {
    let given = [network, parameters, inputs, targets].map { $0 != nil }
    let isRun = folder != nil && !given.contains(true) && center == nil
    guard isRun || folder == nil && !given.contains(false) else {
      throw ValidationError(
        "give --run alone, or --network, --parameters, --inputs and --targets")
    }
    guard examples >= 1, products >= 1 else {
      throw ValidationError("--examples and --products take positive numbers")
    }
    let reals = [
      ("--tolerance", tolerance), ("--gradient-tolerance", gradientTolerance),
      ("--curvature-tolerance", curvatureTolerance ?? 0),
    ]
    for (name, value) in reals where !(value >= 0 && value.isFinite) {
      throw ValidationError("\(name) must be a number that is not negative, and is \(value)")
    }
  }

  func run() throws {
    let type = try backend.scalarType()
    let order = try order.map { try TrainingOptions.parsedOrder($0, of: "--order") }
    if let folder {
      guard FileManager.default.fileExists(atPath: folder + "/run.json") else {
        throw TrainingError("\(folder) holds no run (no run.json); check --run")
      }
      guard order ?? 0 == 0 else {
        throw Misuse("--order takes full with --run, whose own order is the default")
      }
    } else if (order ?? 0) > 0, center == nil {
      throw Misuse("--order \(order ?? 0) needs --center, where the expansion is made")
    }
    let network = try NetworkOptions.read(network ?? folder.map { $0 + "/network.json" } ?? "")
    try backend.compute(report) { device in
      let point =
        try folder.map { try runPoint($0, network, type, device) }
        ?? givenPoint(network, order ?? 0, type, device)
      try show(point, on: device)
    }
  }

  /// A model at a state, with its loss and examples.
  private struct Point {
    var model: Model
    var loss: Loss.Kind
    var examples: ResidentExamples
    var isTrainable: [Bool]?
    var movement: MovementSettings?
  }

  private func runPoint(
    _ folder: String, _ network: Network, _ type: ScalarType, _ device: any Backend
  ) throws -> Point {
    let model = try EvaluateCommand.trainedModel(
      in: folder, isFull: order != nil, network, type, device)
    let set = try RunRecord.data(of: folder).load()
    let loss =
      try loss ?? RunRecord.loss(of: folder) ?? (set.classCount == nil ? .mse : .crossEntropy)
    try TrainCommand.check(network, against: set, loss: loss)
    return Point(
      model: model, loss: loss,
      examples: try ResidentExamples(set.train, type: type, on: device),
      isTrainable: try FreezePattern.trainable(
        network.parameters, frozen: RunRecord.frozen(of: folder)),
      movement: order == nil ? try RunRecord.movement(of: folder)?.settings : nil)
  }

  private func givenPoint(
    _ network: Network, _ order: Int, _ type: ScalarType, _ device: any Backend
  ) throws -> Point {
    let end = try ParameterSet(parsing: parameters ?? "").vector(network)
    let start = try center.map { try ParameterSet(parsing: $0).vector(network) }
    if let start { try network.checkStatistics(start, end) }
    let model = try Model(
      network,
      center: device.matrix(
        1, network.parameterCount, type, order == 0 ? end : start ?? end),
      order: order, on: device)
    if let displacement = model.displacement, let start {
      try device.upload(
        zip(end, start).map { type.round($0) - type.round($1) }, to: displacement)
    }
    let x = try ArrayFiles.inputs(inputs ?? "", for: network, type, on: device)
    let y = try ExpandCommand.targetMatrix(
      targets ?? "", rows: x.rows, outputs: network.outputCount)
    return Point(
      model: model, loss: loss ?? .mse,
      examples: ResidentExamples(
        inputs: x, targets: try device.matrix(x.rows, network.outputCount, type, y),
        isClassification: false))
  }

  private func show(_ point: Point, on device: any Backend) throws {
    let count = min(examples, point.examples.count)
    let risk = try TrainingRisk(
      point.model, loss: point.loss, examples: point.examples, count: count,
      isTrainable: point.isTrainable, movement: point.movement)
    let landscape = try Landscape(
      risk, Lanczos(tolerance: tolerance, limit: products, seed: seed))
    guard landscape.isFinite else {
      throw TrainingError(
        "the loss or its derivatives are not finite at this point; take parameters of a run that "
          + "has not diverged")
    }
    let least = curvatureTolerance ?? gradientTolerance.squareRoot()
    let isFlat = landscape.gradientNorm <= gradientTolerance
    let isCurvedUp = landscape.hessian.smallest.value >= -least
    let isMinimum = isFlat && isCurvedUp && landscape.hessian.isConverged
    if !landscape.hessian.isConverged {
      report.note(
        "The residuals are above --tolerance after \(landscape.hessian.products) products; "
          + "raise --products")
    }
    let ends = landscape.hessian
    let statement =
      isMinimum
      ? "second-order stationary: ‖g‖ ≤ \(gradientTolerance) and λmin ≥ −\(least)"
      : !isFlat
        ? "not stationary: ‖g‖ > \(gradientTolerance)"
        : isCurvedUp
          ? "stationary; whether of second order needs more --products"
          : "stationary, but not of second order: λmin < −\(least)"
    let movement = try MovementReport(point.model, risk, point.loss, point.examples, count)
    var members: [String: JSONValue] =
      [
        "order": .string(point.model.order == 0 ? "full" : String(point.model.order)),
        "examples": .number(Double(count)), "loss_kind": .string(point.loss.rawValue),
        "loss": .number(movement.loss), "gradient_norm": .number(landscape.gradientNorm),
        "hessian_max": .number(ends.largest.value),
        "hessian_max_residual": .number(ends.largest.residual),
        "hessian_min": .number(ends.smallest.value),
        "hessian_min_residual": .number(ends.smallest.residual),
        "products": .number(Double(ends.products)), "converged": .bool(ends.isConverged),
        "gradient_tolerance": .number(gradientTolerance), "curvature_tolerance": .number(least),
        "stationary": .bool(isFlat), "second_order_stationary": .bool(isMinimum),
      ]
    members.merge(movement.members) { $1 }
    report.result(
      members,
      table(
        movement.rows + [
          ["gradient norm", String(landscape.gradientNorm)],
          ["largest eigenvalue", "\(ends.largest.value) ± \(ends.largest.residual)"],
          ["smallest eigenvalue", "\(ends.smallest.value) ± \(ends.smallest.residual)"],
          ["products", String(ends.products)],
        ]) + "\n" + statement, Trace(device, backend))
  }
}
