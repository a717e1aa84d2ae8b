import Compute
import DataSets
import Networks

/// A posterior as a file, `posterior.safetensors`: what was learned, from what, and of which network.
///
/// Metadata say the likelihood, σp, σ, the prior mean, the type of the products, the version of the
/// format, and SHA-256 of the network file's text and of every tensor of θ. Tensors, all float64:
/// `inputs` [n, features] and `targets` [n, O] as the network saw them, `scales`, a number for each tensor
/// of the network, how inputs and targets were standardised (`input_means`, `input_deviations`,
/// `target_means`, `target_deviations`), and the numbers of the solution (`state`). An iterative solver's
/// solution is not kept: it is found again from the inputs and targets.
public struct SavedPosterior: Sendable {
  public static let name = "posterior.safetensors"

  public enum Likelihood: String, Sendable, CaseIterable {
    /// Targets are outputs with normal noise.
    case gaussian
    /// Targets are classes, outputs their logits.
    case softmax
  }

  public var likelihood: Likelihood
  public var hyperparameters: GaussianHyperparameters
  public var priorMean: LinearizedNetwork.PriorMean
  /// r_t of every tensor.
  public var scales: [Double]
  /// Of the products with the Jacobian.
  public var type: ScalarType
  /// O
  public var outputs: Int
  /// What makes the network's inputs out of the data's, and targets out of the data's; nil where they
  /// are the same.
  public var inputScaling: Standardization?
  public var targetScaling: Standardization?
  /// [n, features]
  public var inputs: [Double]
  /// [n, O]
  public var targets: [Double]
  /// What found the solution, by the name that --solver has for it.
  public var solver: String
  /// How an iterative one worked.
  public var iterative: IterativeSettings
  /// Of the solution, by name; empty where it is to be found again.
  public var state: [String: [Double]]
  /// SHA-256 of the network file's text.
  public private(set) var networkHash: String
  /// SHA-256 of each tensor's values as little-endian float64.
  public private(set) var tensorHashes: [String: String]

  public var count: Int { targets.count / outputs }
  public var features: Int { inputs.count / count }

  /// - Parameters:
  ///   - center: θ, as the model has it.
  public init(
    _ model: LinearizedNetwork, center: [Double], _ likelihood: Likelihood,
    _ hyperparameters: GaussianHyperparameters, inputs: [Double], targets: [Double],
    solver: String, iterative: IterativeSettings = .init(), state: [String: [Double]],
    inputScaling: Standardization?,
    targetScaling: Standardization?
  ) {
    (self.likelihood, self.hyperparameters) = (likelihood, hyperparameters)
    (priorMean, scales, type) = (model.priorMean, model.scales, model.type)
    (outputs, self.inputs, self.targets) = (model.outputs, inputs, targets)
    (self.solver, self.iterative, self.state) = (solver, iterative, state)
    (self.inputScaling, self.targetScaling) = (inputScaling, targetScaling)
    networkHash = SHA256.hexadecimal(model.network.description.json)
    tensorHashes = Self.hashes(model.network, center)
  }

  private static func hashes(_ network: Network, _ center: [Double]) -> [String: String] {
    var result: [String: String] = [:]
    for tensor in network.parameters {
      var hash = SHA256()
      center[tensor.range].withUnsafeBytes { hash.update($0) }
      result[tensor.name] = hash.hexadecimalDigest()
    }
    return result
  }

  // MARK: The network that it belongs to

  /// - Parameters:
  ///   - center: θ.
  ///   - folder: where they are from, for the message.
  /// - Throws: `GaussianProcessError` that names what differs.
  public func check(_ network: Network, center: [Double], in folder: String) throws {
    func failure(_ what: String) -> GaussianProcessError {
      GaussianProcessError(
        "\(folder)/\(Self.name) does not belong to \(what); put back what it was saved with, or "
          + "adapt again")
    }
    let tensors = network.parameters.map(\.name)
    if let missing = tensorHashes.keys.sorted().first(where: { !tensors.contains($0) }) {
      throw failure("the network in \(folder)/network.json, which has no tensor \(missing)")
    }
    if let other = tensors.first(where: { tensorHashes[$0] == nil }) {
      throw failure("the network in \(folder)/network.json, which has a tensor \(other)")
    }
    guard networkHash == SHA256.hexadecimal(network.description.json) else {
      throw failure("the network in \(folder)/network.json, whose layers are others")
    }
    let hashes = Self.hashes(network, center)
    if let changed = tensors.first(where: { hashes[$0] != tensorHashes[$0] }) {
      throw failure("the parameters beside it: \(changed) has other values")
    }
  }

  // MARK: File

  /// Writes `posterior.safetensors` into a folder, atomically.
  public func write(to folder: String) throws {
    var metadata = [
      "format": "maclaurin-posterior", "version": "1", "likelihood": likelihood.rawValue,
      "prior_std": "\(hyperparameters.priorStd)", "noise_std": "\(hyperparameters.noiseStd)",
      "prior_mean": priorMean.rawValue, "solver": solver, "dtype": type.rawValue,
      "network_sha256": networkHash,
    ]
    if state.isEmpty { metadata.merge(iterative.texts) { $1 } }
    for (name, hash) in tensorHashes { metadata["sha256.\(name)"] = hash }
    var tensors: [(name: String, array: NumericArray)] = [
      ("inputs", NumericArray(inputs, shape: [count, features])),
      ("targets", NumericArray(targets, shape: [count, outputs])),
      ("scales", NumericArray(scales)),
    ]
    for (name, scaling) in [("input", inputScaling), ("target", targetScaling)] {
      guard let scaling else { continue }
      tensors.append(("\(name)_means", NumericArray(scaling.means)))
      tensors.append(("\(name)_deviations", NumericArray(scaling.deviations)))
    }
    for (name, values) in state.sorted(by: { $0.key < $1.key }) {
      tensors.append(("state.\(name)", NumericArray(values)))
    }
    try SafetensorsFile.write(tensors, metadata: metadata, to: "\(folder)/\(Self.name)")
  }

  /// Reads `posterior.safetensors` of a folder.
  ///
  /// - Throws: `FileError` or `GaussianProcessError` where there is none, or a damaged one.
  public init(folder: String) throws {
    let path = "\(folder)/\(Self.name)"
    let file = try SafetensorsFile(path)
    func failure(_ problem: String) -> GaussianProcessError {
      GaussianProcessError("\(path) \(problem); write it again with adapt --out")
    }
    let metadata = file.metadata
    guard metadata["format"] == "maclaurin-posterior" else {
      throw failure("is no saved posterior")
    }
    guard metadata["version"] == "1" else {
      throw failure(
        "has format version \(metadata["version"] ?? "unknown"), and this program reads 1")
    }
    guard let likelihood = Likelihood(rawValue: metadata["likelihood"] ?? ""),
      let priorMean = LinearizedNetwork.PriorMean(rawValue: metadata["prior_mean"] ?? ""),
      let type = ScalarType(rawValue: metadata["dtype"] ?? ""), type != .int32,
      let priorStd = Double(metadata["prior_std"] ?? ""), priorStd > 0, priorStd.isFinite,
      let noiseStd = Double(metadata["noise_std"] ?? ""), noiseStd >= 0, noiseStd.isFinite,
      let solver = metadata["solver"]
    else { throw failure("lacks settings that it must have") }
    func values(_ name: String) throws -> [Double] {
      let values = try file.tensor(name).doubles()
      guard values.allSatisfy(\.isFinite) else {
        throw failure("has numbers that are not finite in \(name)")
      }
      return values
    }
    let (inputShape, shape) = (try file.info("inputs").shape, try file.info("targets").shape)
    guard inputShape.count == 2, shape.count == 2, shape[0] == inputShape[0],
      shape.allSatisfy({ $0 > 0 }), inputShape[1] > 0
    else { throw failure("has inputs of shape \(inputShape) and targets of shape \(shape)") }
    func scaling(_ name: String, columns: Int) throws -> Standardization? {
      guard file.contains("\(name)_means") else { return nil }
      let means = try values("\(name)_means")
      let deviations = try values("\(name)_deviations")
      guard means.count == deviations.count, !means.isEmpty, columns % means.count == 0,
        deviations.allSatisfy({ $0 > 0 })
      else { throw failure("has a scaling of \(name)s that does not fit them") }
      return Standardization(
        means: means, deviations: deviations, groupSize: columns / means.count)
    }
    (self.likelihood, self.priorMean, self.type) = (likelihood, priorMean, type)
    hyperparameters = GaussianHyperparameters(priorStd: priorStd, noiseStd: noiseStd)
    (inputs, targets, scales) = (try values("inputs"), try values("targets"), try values("scales"))
    (self.solver, iterative, outputs) = (solver, IterativeSettings(texts: metadata), shape[1])
    inputScaling = try scaling("input", columns: inputShape[1])
    targetScaling = try scaling("target", columns: shape[1])
    networkHash = metadata["network_sha256"] ?? ""
    (state, tensorHashes) = ([:], [:])
    for (key, hash) in metadata where key.hasPrefix("sha256.") {
      tensorHashes[String(key.dropFirst("sha256.".count))] = hash
    }
    guard scales.count == tensorHashes.count, scales.allSatisfy({ $0 >= 0 }),
      scales.contains(where: { $0 > 0 })
    else { throw failure("has \(scales.count) scales of \(tensorHashes.count) tensors") }
    for name in file.names where name.hasPrefix("state.") {
      state[String(name.dropFirst("state.".count))] = try values(name)
    }
  }

  /// One of the solver's vectors, of `count` numbers.
  func vector(_ name: String, _ count: Int) throws -> [Double] {
    guard let values = state[name], values.count == count else {
      throw GaussianProcessError(
        "\(Self.name) has \(state[name]?.count ?? 0) numbers in state.\(name), not \(count); write it "
          + "again with adapt --out")
    }
    return values
  }
}

extension IterativeSettings {
  /// As metadata.
  fileprivate var texts: [String: String] {
    var texts = [
      "cg_iterations": "\(limit)", "preconditioner_rank": "\(preconditionerRank)",
      "lanczos_steps": "\(lanczosSteps)", "probes": "\(probes)", "seed": "\(seed)",
    ]
    if let tolerance { texts["cg_tolerance"] = "\(tolerance)" }
    if let variances { texts["variance_method"] = variances.rawValue }
    return texts
  }

  /// What is missing there is as it is by itself.
  fileprivate init(texts: [String: String]) {
    self.init()
    func integer(_ name: String, _ least: Int) -> Int? {
      texts[name].flatMap { Int($0) }.flatMap { $0 >= least && $0 <= 1 << 30 ? $0 : nil }
    }
    limit = integer("cg_iterations", 1) ?? limit
    preconditionerRank = integer("preconditioner_rank", 0) ?? preconditionerRank
    lanczosSteps = integer("lanczos_steps", 1) ?? lanczosSteps
    probes = integer("probes", 2) ?? probes
    seed = texts["seed"].flatMap { UInt64($0) } ?? seed
    tolerance = texts["cg_tolerance"].flatMap { Double($0) }.flatMap {
      $0 > 0 && $0 < 1 ? $0 : nil
    }
    variances = texts["variance_method"].flatMap { VarianceMethod(rawValue: $0) }
  }
}
