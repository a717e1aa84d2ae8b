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
  private let infinite: InfiniteWidthKernel?

  /// - Throws: a sentence on what does not go together, before any work.
  init(_ command: KernelCommand, _ backend: BackendOptions) throws {
    type = try backend.scalarType()
    (kind, width, seed, finite) = (command.kind, command.width, command.seed, command.finite)
    guard (1...1 << 20).contains(command.presetOutputs) else {
      throw Misuse("--preset-outputs takes a positive number, not \(command.presetOutputs)")
    }
    if width == .infinite {
      guard finite.outputs ?? .trace == .trace else {
        throw Misuse(
          "--outputs \(finite.outputs?.rawValue ?? "") goes with --width finite; between infinitely "
            + "wide networks' outputs the kernel is one number")
      }
      guard finite.parameters == nil else {
        throw Misuse("--parameters goes with --width finite")
      }
    }
    outputs = width == .finite ? finite.outputs ?? .full : nil
    let first = try ArrayFiles.finite(command.inputs)
    var options = command.preset
    if let file = command.network {
      guard options.model == NetworkOptions.usualModel else {
        throw Misuse("--network and --model exclude each other")
      }
      options.model = file
    }
    network = try options.network(
      input: Self.inputShape(first, command.inputs), outputs: command.presetOutputs)
    x1 = try Self.inputs(first, command.inputs, network)
    if let second = command.inputs2 {
      x2 = try Self.inputs(ArrayFiles.finite(second), second, network)
    } else {
      x2 = nil
    }
    infinite = width == .infinite ? try InfiniteWidthKernel(network.description) : nil

    var settings = [
      "kind": kind.rawValue, "width": width.rawValue, "inputs": x1.hash,
      "network": SHA256.hexadecimal(network.description.json),
      "numerics": backend.numerics.rawValue, "program": MainCommand.configuration.version,
    ]
    settings["inputs2"] = x2?.hash
    if width == .finite {
      settings["outputs"] = outputs?.rawValue
      if let parameters = finite.parameters {
        settings["parameters"] = Self.hash(
          try ParameterSet(parsing: parameters).vector(network), shape: [])
      } else {
        settings["seed"] = String(seed)
      }
    }
    self.settings = settings
  }

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
    return Inputs(values: values, rows: rows, hash: hash(values, shape: [rows]))
  }

  private static func hash(_ values: [Double], shape: [Int]) -> String {
    var hash = SHA256()
    hash.update(Array("\(shape)".utf8))
    values.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimalDigest()
  }

  /// The kernel on a backend.
  func makeKernel(on device: any Backend) throws -> any TiledKernel {
    if let infinite {
      return InfiniteKernelTiles(infinite, kind, x1.values, x2?.values, type: type, on: device)
    }
    func matrix(_ inputs: Inputs) throws -> Matrix {
      try device.matrix(inputs.rows, network.inputCount, type, inputs.values)
    }
    return try finite.makeKernel(
      network, kind, matrix(x1), x2.map(matrix), seed: seed, type: type, on: device)
  }

  /// Bytes of the inputs while they are read: as they are in their file, and in double precision.
  var inputBytes: Int { 16 * (x1.values.count + (x2?.values.count ?? 0)) }
}
