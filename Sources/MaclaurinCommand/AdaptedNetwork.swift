import FoundationEssentials
import Maclaurin

/// A trained network, with new outputs where the new data ask for them.
struct AdaptedNetwork {
  var network: Network
  /// θ, [P].
  var values: [Double]
  /// θ on the device, 1×P.
  var center: Matrix
  /// Tensors of new outputs, freshly drawn.
  var fresh: [ParameterTensor] = []

  /// - Parameters:
  ///   - values: θ of the trained network, [P].
  ///   - outputs: what the data have.
  ///   - seed: of new outputs.
  init(
    _ network: Network, _ values: [Double], outputs: Int, seed: UInt64, _ type: ScalarType,
    on device: any Backend
  ) throws {
    guard outputs != network.outputCount else {
      self.network = network
      center = try device.matrix(1, network.parameterCount, type, values)
      self.values = try device.download(center)
      return
    }
    let changed = try Network(network.description.replacing(outputs: outputs))
    let vector = try device.matrix(1, changed.parameterCount, type)
    try changed.initialize(vector, seed: seed, on: device)
    for tensor in changed.parameters {
      guard let old = network.parameters.first(where: { $0.name == tensor.name }),
        old.shape == tensor.shape
      else {
        fresh.append(tensor)
        continue
      }
      try device.upload(
        Array(values[old.range]),
        to: vector.slice(at: tensor.offset, rows: 1, columns: tensor.count))
    }
    (self.network, center) = (changed, vector)
    self.values = try device.download(vector)
  }

  /// A sentence on new outputs; nil where there are none.
  var remark: String? {
    guard let first = fresh.first else { return nil }
    let names = fresh.map(\.name).joined(separator: " and ")
    return
      "The data have \(network.outputCount) outputs, which the network has not: \(names) "
      + "\(fresh.count == 1 ? "is" : "are") freshly drawn, \(first.shape)"
  }
}

/// A folder with an adapted network and its posterior.
struct PosteriorFolder {
  var path: String
  var network: Network
  /// θ, [P].
  var values: [Double]
  var saved: SavedPosterior

  var scaling: DataScaling {
    DataScaling(inputs: saved.inputScaling, targets: saved.targetScaling)
  }

  /// - Throws: one sentence where the folder holds none, or its parts do not belong together.
  init(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: "\(path)/\(SavedPosterior.name)") else {
      throw GaussianProcessError(
        "\(path) holds no posterior (no \(SavedPosterior.name)); give the --out folder of adapt")
    }
    self.path = path
    saved = try SavedPosterior(folder: path)
    network = try NetworkOptions.read(path + "/network.json")
    values = try ParameterSet(parsing: path + "/parameters.safetensors").vector(network)
    try saved.check(network, center: values, in: path)
    guard saved.features == network.inputCount, saved.outputs == network.outputCount else {
      throw GaussianProcessError(
        "\(path)/\(SavedPosterior.name) has \(saved.features) inputs and \(saved.outputs) outputs, and "
          + "its network \(network.inputCount) and \(network.outputCount); adapt again")
    }
  }

  /// - Throws: `NetworkError` for examples of another kind.
  func check(_ examples: AdaptExamples) throws {
    try examples.check(network)
    guard examples.outputs == saved.outputs else {
      throw NetworkError(
        "the posterior in \(path) has \(saved.outputs) outputs, and the targets of \(examples.name) "
          + "have \(examples.outputs); give data of the same kind")
    }
  }

  /// The posterior on a device, as it was when it was saved.
  func posterior(
    on device: any Backend, by algebra: any DenseLinearAlgebra
  ) throws -> any Posterior {
    let center = try device.matrix(1, network.parameterCount, saved.type, values)
    let model = LinearizedNetwork(
      network, at: center, scales: saved.scales, priorMean: saved.priorMean, on: device)
    let inputs = try device.matrix(saved.count, saved.features, saved.type, saved.inputs)
    switch saved.likelihood {
    case .gaussian: return try ExactPosterior(saved, model, inputs, by: algebra)
    case .softmax: return try LaplacePosterior(saved, model, inputs, by: algebra)
    }
  }

  /// Writes the network, θ and the posterior.
  static func write(
    _ network: Network, _ values: [Double], _ saved: SavedPosterior, to path: String
  ) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw FileError(
        path: path, problem: "cannot be created", advice: "check the path and its rights")
    }
    try AtomicFile.write(path + "/network.json", network.description.json)
    try SafetensorsFile.write(
      network.namedTensors(values, type: saved.type), to: path + "/parameters.safetensors")
    try saved.write(to: path)
  }
}
