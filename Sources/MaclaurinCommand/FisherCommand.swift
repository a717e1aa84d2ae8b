import ArgumentParser
import Maclaurin

extension OutputLikelihood: ExpressibleByArgument {}

struct FisherCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fisher",
    abstract:
      "A network's Fisher information: exact products, its diagonal, its largest eigenvalues.",
    discussion: """
      F = (1/n) Σ Jᵀ H J over the inputs, J the Jacobian of the outputs, H = 1 (gaussian) or \
      diag(p) − ppᵀ with p = softmax of the outputs. Products take one pass forward and one back, no \
      differences; the diagonal is summed layer by layer; eigenvalues come from Lanczos's method, with \
      residuals ‖Fx − λx‖. F is 0 where tensors are left out by --layers.
      """)

  @OptionGroup var jacobian: JacobianOptions

  @Option(help: "softmax or gaussian.")
  var likelihood: OutputLikelihood

  @Option(
    help: ArgumentHelp(
      "Tensors that count: all, last (those of the last layer), or patterns of names with commas "
        + "between.", valueName: "which"))
  var layers = "all"

  @Option(help: "Vectors v, [V, P] or [P], in the order of the flat parameter vector.")
  var vector: String?

  @Option(help: "File for F·v, in the shape of the vectors.")
  var output: String?

  @Option(help: "File for the diagonal of F, [P].")
  var diagonal: String?

  @Option(help: ArgumentHelp("Find the K largest eigenvalues of F.", valueName: "K"))
  var eigenvalues: Int?

  @Option(
    help: ArgumentHelp(
      "File for their unit eigenvectors, [K, P]; a .safetensors file has the eigenvalues too.",
      valueName: "file"))
  var eigenvectors: String?

  func validate() throws {
    guard (vector == nil) == (output == nil) else {
      throw ValidationError("--vector and --output go together")
    }
    guard vector != nil || diagonal != nil || eigenvalues != nil else {
      throw ValidationError(
        "give --vector and --output, --diagonal, or --eigenvalues: there is nothing to compute")
    }
    guard eigenvectors == nil || eigenvalues != nil else {
      throw ValidationError("--eigenvectors goes with --eigenvalues K")
    }
    if let eigenvalues, eigenvalues < 1 {
      throw ValidationError("--eigenvalues takes a positive number, not \(eigenvalues)")
    }
  }

  func run() throws {
    var outputs: [(option: String, file: String)] = []
    for (option, file) in [
      ("--output", output), ("--diagonal", diagonal), ("--eigenvectors", eigenvectors),
    ] {
      guard let file else { continue }
      // Files that do not exist yet cannot be told apart by their contents.
      if let other = outputs.first(where: { Self.path($0.file) == Self.path(file) }) {
        throw Misuse("\(other.option) and \(option) name one file, \(file); give each its own")
      }
      outputs.append((option, file))
    }
    try jacobian.compute(outputs: outputs, vectors: vector.map { [("--vector", $0)] } ?? []) {
      try run(at: $0)
    }
  }

  private static func path(_ argument: String) -> String {
    (try? ArrayArgument(parsing: argument))?.path ?? argument
  }

  private func run(at point: JacobianOptions.Point) throws {
    let (network, device) = (point.network, point.device)
    let model = LinearizedNetwork(
      network, at: point.center, scales: try TensorSelection.scales(layers, network), on: device)
    let fisher = try FisherInformation(model, likelihood, point.inputs)
    var lines: [String] = []
    var members: [String: JSONValue] = [
      "parameters": .number(Double(network.parameterCount)),
      "examples": .number(Double(point.inputs.rows)),
    ]
    func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
    if let vector, let output {
      let shape = try product(fisher, vector, output, point)
      members["output"] = .string(output)
      members["shape"] = numbers(shape.map(Double.init))
      lines.append("F·v \(shape) in \(output)")
    }
    if let diagonal {
      let values = try FisherDiagonal(model, likelihood, point.inputs).values()
      try ArrayFiles.checkFinite(values, "--diagonal")
      try ArrayFiles.write(values, shape: [values.count], point.type, to: diagonal)
      members["diagonal"] = .string(diagonal)
      members["trace"] = .number(values.reduce(0, +))
      lines.append("The diagonal of F [\(values.count)] in \(diagonal)")
    }
    if let count = eigenvalues {
      let pairs = try Lanczos(tolerance: point.type == .float64 ? 1e-10 : 1e-5, limit: 300)
        .leading(count, of: fisher)
      // There are none where products are not finite.
      try ArrayFiles.checkFinite(
        pairs.values.isEmpty ? [.nan] : pairs.values.map(\.value), "--eigenvalues")
      try ArrayFiles.checkFinite(pairs.values.map(\.residual), "--eigenvalues")
      members["eigenvalues"] = numbers(pairs.values.map(\.value))
      members["residuals"] = numbers(pairs.values.map(\.residual))
      members["products"] = .number(Double(pairs.products))
      var rows = [["eigenvalue of F", "residual"]]
      for value in pairs.values { rows.append([number(value.value), number(value.residual)]) }
      lines.append(table(rows))
      if let eigenvectors {
        try write(pairs, point, to: eigenvectors)
        members["eigenvectors"] = .string(eigenvectors)
        lines.append(
          "Eigenvectors [\(pairs.vectors.rows), \(network.parameterCount)] in \(eigenvectors)")
      }
    }
    jacobian.report.result(
      members, lines.joined(separator: "\n"), Trace(device, jacobian.backend))
  }

  private func number(_ value: Double) -> String { String(Float(value)) }

  /// - Returns: the shape of the product, that of the vectors.
  private func product(
    _ fisher: FisherInformation, _ vector: String, _ output: String, _ point: JacobianOptions.Point
  ) throws -> [Int] {
    let array = try ArrayFiles.finite(vector)
    let count = point.network.parameterCount
    guard array.shape.last == count, array.shape.count <= 2, array.count > 0 else {
      throw NetworkError(
        "the vectors in \(vector) have shape \(array.shape), but the network has \(count) "
          + "parameters: give [V, \(count)] or [\(count)]")
    }
    let vectors = try point.device.matrix(
      array.count / count, count, point.type, array.doubles())
    let products = try point.device.matrix(vectors.rows, count, point.type)
    try fisher.products(vectors, into: products)
    let values = try point.device.download(products)
    try ArrayFiles.checkFinite(values, "--output")
    try ArrayFiles.write(values, shape: array.shape, point.type, to: output)
    return array.shape
  }

  /// Vectors alone, or in a safetensors file `eigenvectors` (or the name given) and `eigenvalues`.
  private func write(
    _ pairs: Lanczos.Pairs, _ point: JacobianOptions.Point, to file: String
  ) throws {
    let vectors = try point.device.download(pairs.vectors)
    let shape = [pairs.vectors.rows, pairs.vectors.columns]
    let argument = try ArrayArgument(parsing: file)
    guard argument.path.hasSuffix(".safetensors") else {
      return try ArrayFiles.write(vectors, shape: shape, point.type, to: file)
    }
    let values = NumericArray(pairs.values.map(\.value), shape: [pairs.values.count])
    let rows =
      point.type == .float64
      ? NumericArray(vectors, shape: shape)
      : NumericArray(vectors.map { Float($0) }, shape: shape)
    try SafetensorsFile.write(
      [("eigenvalues", values), (argument.name ?? "eigenvectors", rows)], to: argument.path)
  }
}
