import ArgumentParser
import Maclaurin

struct ExpandCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expand",
    abstract: "Taylor coefficients of a network's outputs along the ray from --center.",
    discussion: """
      Writes f_j = D^j f(x; θ0)[Δ,…,Δ]/j! for j = 0…K as [K+1, batch, outputs], Δ = θ − θ0, θ0 \
      from --center and θ from --parameters. With --targets also the loss of the expansion and, \
      with --gradient, its gradient with respect to θ. With --radius how far each example's expansion \
      converges: the nearest singularity of t ↦ f(θ0 + tΔ; x) in the complex plane; θ is t = 1.
      """)

  @Option(help: "Network file (JSON).")
  var network: String

  @Option(help: "Where the expansion is made, θ0: file.safetensors[:prefix.].")
  var center: String

  @Option(help: "Where it is evaluated, θ: file.safetensors[:prefix.].")
  var parameters: String

  @Option(help: "Inputs, [batch, features]: file.npy or file.safetensors:name.")
  var inputs: String

  @Option(help: "1 to 8 (1 to 64 in float64), or full for the network itself at θ.")
  var order = "1"

  @Option(
    help: """
      File for the coefficients: file.npy or file.safetensors[:name]. May be left out with --radius.
      """)
  var output: String?

  @Option(help: "Targets, [batch, outputs] or integer labels.")
  var targets: String?

  @Option(help: "mse or cross_entropy.")
  var loss = Loss.Kind.mse

  @Option(
    help: ArgumentHelp(
      "Loss and gradient of the k-th coefficient alone; k is the order then.", valueName: "k"))
  var coefficient: Int?

  @Option(help: "File for the gradient of the loss: a parameter set.")
  var gradient: String?

  @OptionGroup(title: "Convergence") var convergence: RadiusOptions
  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func run() throws {
    let type = try backend.scalarType()
    var order = try parsedOrder(type)
    if let coefficient {
      guard (1...8).contains(coefficient), targets != nil else {
        throw Misuse("--coefficient takes 1 to 8 and needs --targets, the loss's targets")
      }
      order = coefficient
    }
    guard gradient == nil || targets != nil else {
      throw Misuse("--gradient needs --targets, the loss's targets")
    }
    guard output != nil || convergence.radius else {
      throw Misuse("--output is missing: name a file for the coefficients")
    }
    try convergence.check(order: order, type)
    try checkOutputs()
    let network = try NetworkOptions.read(network)
    try backend.compute(report) { device in
      try expand(network, order: order, type, on: device)
    }
  }

  private func parsedOrder(_ type: ScalarType) throws -> Int {
    if order == "full" { return 0 }
    guard let number = Int(order), (1...ScalarType.float64.maximumOrder).contains(number) else {
      throw Misuse("--order takes full, 1 to 8 or, with --dtype float64, to 64, not \"\(order)\"")
    }
    guard number <= type.maximumOrder else {
      throw Misuse("--order \(number) needs --dtype float64; float32 goes to order 8")
    }
    return number
  }

  private func expand(
    _ network: Network, order: Int, _ type: ScalarType, on device: any Backend
  ) throws {
    let end = try ParameterSet(parsing: parameters).vector(network)
    let start = try ParameterSet(parsing: center).vector(network)
    if order > 0 { try network.checkStatistics(start, end) }
    let model = try Model(
      network, center: device.matrix(1, network.parameterCount, type, order == 0 ? end : start),
      order: order, on: device,
      movement: coefficient.map { MovementSettings(coefficient: $0) })
    if let displacement = model.displacement {
      // The difference of what the run's type holds, rounded once.
      let difference = zip(end, start).map { type.round($0) - type.round($1) }
      try device.upload(difference, to: displacement)
    }
    let x = try ArrayFiles.inputs(inputs, for: network, type, on: device)
    try model.updateScale()
    // All coefficients, whatever the loss is taken of.
    let jet = try network.pushforward(x, model.ray, algebra: model.algebra)
    let shape = [order + 1, x.rows, network.outputCount]
    let values = try coefficients(jet, model, order: order, on: device)
    let evaluated = try targets.map { try evaluateLoss($0, model, x, on: device) }
    if let output { try ArrayFiles.write(values, shape: shape, type, to: output) }
    if let gradient, let values = evaluated?.gradient {
      try SafetensorsFile.write(network.namedTensors(values, type: type), to: gradient)
    }

    var members: [String: JSONValue] = ["shape": .array(shape.map { .number(Double($0)) })]
    var lines: [String] = []
    if let output {
      members["output"] = .string(output)
      lines.append("coefficients \(shape) in \(output)")
    }
    if let loss = evaluated?.loss {
      members["loss"] = RunFiles.number(loss)
      lines.append("loss \(loss)")
    }
    if let gradient { lines.append("gradient in \(gradient)") }
    if convergence.radius {
      let found = try analyze(values, network, end, x, order: order, type, on: device)
      members.merge(found.record(withErrors: false)) { first, _ in first }
      let errors = found.errorTable
      lines += found.findings + [table([errors.header] + errors.rows)]
      if let out = convergence.out {
        try found.write(to: out)
        members["report"] = .string(out + "/report.html")
        lines.append("\(out)/report.html, \(out)/radius.json and \(out)/figures/")
      }
    }
    report.result(members, lines.joined(separator: "\n"), Trace(device, backend))
  }

  /// The coefficients' convergence, and errors by the network itself at θ.
  private func analyze(
    _ coefficients: [Double], _ network: Network, _ end: [Double], _ x: Matrix, order: Int,
    _ type: ScalarType, on device: any Backend
  ) throws -> ConvergenceReport {
    let model = try Model(
      network, center: device.matrix(1, network.parameterCount, type, end), order: 0, on: device)
    let values = try device.download(model.pushforward(x)[0])
    let analysis = try convergence.analysis(
      coefficients, values: values, network, batch: x.rows, order: order)
    return ConvergenceReport(
      analysis,
      settings: [
        "network": .string(self.network), "center": .string(center),
        "parameters": .string(parameters), "inputs": .string(inputs),
      ])
  }

  private func checkOutputs() throws {
    let inputs = [
      ("--network", network), ("--center", center), ("--parameters", parameters),
      ("--inputs", inputs), ("--targets", targets),
    ]
    if let output { try OutputFile.checkArray(output, inputs: inputs) }
    if let gradient {
      try OutputFile.check(
        gradient, option: "--gradient", inputs: inputs + [("--output", output)])
    }
  }

  /// Coefficients along Δ from those along sΔ: y_i = y′_i s^{−i}, exact but for underflow.
  private func coefficients(
    _ jet: Jet, _ model: Model, order: Int, on device: any Backend
  ) throws -> [Double] {
    let inverse = try model.scale.map { 1 / (try device.download($0)[0]) } ?? 1
    var values: [Double] = []
    var power = 1.0
    for i in 0...order {
      if i <= jet.degree {
        values += try device.download(jet[i]).map { $0 * power }
      } else {
        values += [Double](repeating: 0, count: jet.block * jet.columns)
      }
      power *= inverse
    }
    return values
  }

  private func evaluateLoss(
    _ argument: String, _ model: Model, _ x: Matrix, on device: any Backend
  ) throws -> (loss: Double, gradient: [Double]) {
    let (network, type) = (model.network, model.type)
    let y = try Self.targetMatrix(argument, rows: x.rows, outputs: network.outputCount)
    let targets = try device.matrix(x.rows, network.outputCount, type, y)
    let outputs = try Objective.Outputs(
      device, count: x.rows, outputs: network.outputCount, type: type)
    let vector = try device.matrix(1, network.parameterCount, type)
    try Objective(loss).gradient(
      model, inputs: x, targets: targets, into: vector, outputs: outputs)
    let factor = Objective(loss).factor(examples: x.rows, outputs: network.outputCount)
    let sum = try device.download(outputs.losses).reduce(0, +)
    return (sum * factor, try device.download(vector))
  }

  /// One row of targets per example; integer labels become one-hot rows.
  static func targetMatrix(_ argument: String, rows: Int, outputs: Int) throws -> [Double] {
    let array = try ArrayFiles.finite(argument)
    if array.shape == [rows], outputs > 1 {
      let labels = try array.integers()
      guard labels.allSatisfy({ (0..<outputs).contains($0) }) else {
        throw FileError(
          path: argument, problem: "has labels outside 0…\(outputs - 1)",
          advice: "the network has \(outputs) outputs")
      }
      return labels.flatMap { label in (0..<outputs).map { $0 == label ? 1.0 : 0 } }
    }
    guard array.count == rows * outputs else {
      throw FileError(
        path: argument, problem: "has shape \(array.shape)",
        advice: "give [\(rows), \(outputs)], one row per example")
    }
    return array.doubles()
  }
}
