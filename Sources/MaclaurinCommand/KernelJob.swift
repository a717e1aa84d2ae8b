import Maclaurin

/// A kernel that was asked for: of what network, between which inputs.
struct KernelJob {
  /// Rows of inputs, and a hash of them.
  struct Inputs {
    var values: [Double]
    var rows: Int
    var hash: String
  }

  let network: Network
  let kind: KernelKind
  let width: KernelWidth
  let outputs: KernelOutputs?
  let x1: Inputs
  let x2: Inputs?
  let type: ScalarType
  let seed: UInt64
  /// Everything that decides about values, by option.
  let settings: [String: String]
  private let finite: FiniteKernelOptions
  /// Whether any device gives the same bits.
  var promisesBits: Bool { settings["backend"] == nil }
  /// Copies that the host makes of a tile's values in between.
  var hostCopies: Int { finite.samples == nil ? 0 : 8 }
  private let infinite: InfiniteWidthKernel?
  private let series: InfiniteKernelOptions

  /// - Throws: a sentence on what does not go together, before any work.
  init(_ command: KernelCommand, _ backend: BackendOptions) throws {
    type = try backend.scalarType()
    (kind, width, seed) = (command.kind, command.width, command.seed)
    var finite = command.finite
    // What it takes is part of what is limited; results do not depend on it.
    finite.passMemory = min(finite.passMemory, max(1, try command.large.limit() >> 22))
    self.finite = finite
    guard (1...1 << 20).contains(command.presetOutputs) else {
      throw Misuse("--preset-outputs takes a positive number, not \(command.presetOutputs)")
    }
    if width == .infinite, let option = finite.given.first {
      throw Misuse(
        "\(option) goes with --width finite; at infinite width the kernel is one number for a pair of "
          + "inputs, and nothing is drawn")
    }
    outputs = width == .finite ? finite.outputs : nil
    let (limit, vectors) = (command.large.memoryLimit, finite.vectors)
    guard limit == nil || vectors == nil else {
      throw Misuse("--memory-limit is for kernels; leave it out with --vectors")
    }
    let first = try ArrayFiles.finite(command.inputs)
    var options = command.preset
    if let file = command.network {
      guard options.model == NetworkOptions.standardModel else {
        throw Misuse("--network and --model exclude each other")
      }
      options.model = file
    }
    let network = try options.network(
      input: Self.inputShape(first, command.inputs), outputs: command.presetOutputs)
    self.network = network
    guard outputs != .full || network.outputCount <= Self.mostOutputs else {
      throw NetworkError(
        "a kernel between all outputs of \(network.outputCount) has their square for every pair of "
          + "examples; give --outputs trace or diagonal, or at most \(Self.mostOutputs) outputs")
    }
    x1 = try Self.inputs(first, command.inputs, network)
    if let second = command.inputs2 {
      x2 = try Self.inputs(ArrayFiles.finite(second), second, network)
    } else {
      x2 = nil
    }
    if width == .finite, command.series.degree != nil {
      throw Misuse("--quadrature-degree goes with --width infinite")
    }
    series = command.series
    infinite =
      width == .infinite
      ? try InfiniteWidthKernel(network.description, kind, degree: command.series.degree) : nil

    var settings = [
      "kind": kind.rawValue, "width": width.rawValue, "inputs": x1.hash,
      "network": SHA256.hexadecimal(network.description.json),
      "numerics": backend.numerics.rawValue, "program": MainCommand.configuration.version,
    ]
    settings["inputs2"] = x2?.hash
    if let infinite, type == .float64, infinite.hasPlatformFunctions {
      // Its last bits are those of one device.
      settings["backend"] = backend.backend
    }
    if infinite?.hasSeries == true {
      settings["quadrature-degree"] = command.series.degree.map { String($0) } ?? "default"
    }
    if width == .finite {
      settings["outputs"] = outputs?.rawValue
      settings["order"] = finite.order.map { String($0) }
      settings["samples"] = finite.samples.map { String($0) }
      for (option, set) in [("parameters", finite.parameters), ("center", finite.center)] {
        settings[option] = try set.map { try ParameterSet(parsing: $0).hash(network) }
      }
      if finite.parameters == nil { settings["seed"] = String(seed) }
    }
    self.settings = settings
  }

  /// For `--outputs full`.
  private static let mostOutputs = 4096

  /// The shape of one input, for a preset.
  private static func inputShape(_ array: NumericArray, _ argument: String) throws -> [Int] {
    guard [2, 4].contains(array.shape.count), array.count > 0 else {
      throw FileError(
        path: argument, field: "shape", problem: "\(array.shape) are no inputs",
        advice: "give [examples, features] or [examples, channels, height, width]")
    }
    return Array(array.shape.dropFirst())
  }

  private static func inputs(
    _ array: NumericArray, _ argument: String, _ network: Network
  ) throws -> Inputs {
    let rows = try ArrayFiles.rows(array, argument, for: network)
    let values = array.doubles()
    return Inputs(values: values, rows: rows, hash: hash(values, rows))
  }

  private static func hash(_ values: [Double], _ rows: Int) -> String {
    var hash = SHA256()
    hash.update(Array("[\(rows)]".utf8))
    values.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimalDigest()
  }

  /// The kernel on a backend.
  func makeKernel(on device: any Backend) throws -> any TiledKernel {
    if let infinite {
      return InfiniteKernelTiles(infinite, kind, x1.values, x2?.values, type: type, on: device)
    }
    return try finite.makeKernel(
      network, kind, matrix(x1, on: device), x2.map { try matrix($0, on: device) }, seed: seed,
      type: type, on: device)
  }

  private func matrix(_ inputs: Inputs, on device: any Backend) throws -> Matrix {
    try device.matrix(inputs.rows, network.inputCount, type, inputs.values)
  }

  /// What is said of a kernel once it is computed; nil for nothing.
  func note(_ kernel: any TiledKernel) -> String? {
    guard let infinite, let tiles = kernel as? InfiniteKernelTiles else { return nil }
    return series.note(infinite, tiles.quadratureError)
  }

  /// Writes what goes beside the kernel, once it is computed.
  func writeCompanions(of kernel: any TiledKernel) throws {
    try finite.writeStandardErrors(of: kernel)
  }

  /// Writes the kernel's products with --vectors in its place.
  func writeProducts(
    to output: String, _ backend: BackendOptions, _ report: OutputOptions
  ) throws {
    try backend.compute(report) { device in
      let shape = try finite.writeProducts(
        network, kind, matrix(x1, on: device), x2.map { try matrix($0, on: device) }, seed: seed,
        type: type, to: output, on: device)
      report.result(
        [
          "output": .string(output), "kind": .string(kind.rawValue),
          "shape": .array((shape ?? []).map { .number(Double($0)) }),
        ], "products \(shape ?? []) in \(output)", Trace(device, backend))
    }
  }

  /// Bytes of the inputs while they are read: as they are in their file, and in double precision.
  var inputBytes: Int { 16 * (x1.values.count + (x2?.values.count ?? 0)) }

  /// Bytes that standard errors take, which are kept until all tiles are there: in double precision by
  /// tiles and as a whole, and as they are written.
  var keptBytes: Int {
    guard finite.standardError != nil, let outputs else { return 0 }
    let entries =
      outputs == .trace
      ? 1 : outputs == .full ? network.outputCount * network.outputCount : network.outputCount
    return 24 * x1.rows * (x2 ?? x1).rows * entries
  }
}
