import Compute
import DataSets

/// Which tensor of somebody else's file, such as a PyTorch state dictionary, every tensor of a network
/// is, with shapes checked.
///
/// Tensors named explicitly come first. If all others have the network's own names, that is who they
/// are. Otherwise the network's layers with tensors, in network order (of a residual block main before
/// shortcut), are the file's modules in the order in which they run (`ModuleOrder`), and in both a
/// tensor is called weight, bias, running_mean or running_var. `num_batches_tracked` is left out.
public struct TensorMatching: Sendable {
  public struct Pair: Sendable {
    public let tensor: ParameterTensor
    /// Its name in the file.
    public let source: String
    /// Whether the names are the network's own, so that the values are what its layers multiply by
    /// their factors.
    public let isOwn: Bool
  }

  /// In network order.
  public let pairs: [Pair]

  private static let ignored = "num_batches_tracked"

  /// - Parameters:
  ///   - prefix: of the names that are looked at; names are without it.
  ///   - explicit: the network's names with the file's.
  /// - Throws: `NetworkError` that names what does not fit.
  public init(
    _ network: Network, _ file: SafetensorsFile, prefix: String = "",
    explicit: [String: String] = [:]
  ) throws {
    let matcher = Matcher(network: network, file: file, prefix: prefix)
    var sources = try matcher.checked(explicit)
    let tensors = network.parameters.filter { sources[$0.name] == nil }
    let used = Set(sources.values)
    let names = matcher.names.filter { !used.contains($0) }
    let isOwn = tensors.allSatisfy { names.contains($0.name) }
    if isOwn {
      for tensor in tensors { sources[tensor.name] = tensor.name }
      let known = Set(tensors.map(\.name))
      try matcher.refuse(leftOver: names.filter { !known.contains($0) })
    } else {
      sources.merge(try matcher.inOrder(tensors, names)) { $1 }
    }
    pairs = try network.parameters.map { tensor in
      let source = sources[tensor.name] ?? ""
      let shape = try file.info(prefix + source).shape
      guard shape == tensor.shape else {
        throw NetworkError(
          "\(FileError.quote(source)) in \(file.path) has shape \(shape), but \(tensor.name), which has its "
            + "place in the network, needs \(tensor.shape); compare the network with the model, or name "
            + "the pairs with --map")
      }
      return Pair(
        tensor: tensor, source: prefix + source, isOwn: isOwn && explicit[tensor.name] == nil)
    }
  }

  /// The network's values of one tensor: those of the file over the factor by which the layer multiplies
  /// them, so that the function is the model's, rounded once to `type`.
  ///
  /// - Throws: `NetworkError` for values that are not finite, before or after.
  public func values(
    _ pair: Pair, in file: SafetensorsFile, as type: ScalarType
  ) throws -> [Double] {
    let values = try file.tensor(pair.source).doubles()
    let factor = pair.isOwn || pair.tensor.statistic != nil ? 1 : pair.tensor.multiplier
    let result = values.map { type.round($0 / factor) }
    if let at = result.firstIndex(where: { !$0.isFinite }) {
      throw NetworkError(
        "\(FileError.quote(pair.source)) in \(file.path) contains \(values[at]), which is not finite"
          + (values[at].isFinite
            ? " as \(type.rawValue); take --dtype float64" : "; parameters must be"))
    }
    if pair.tensor.statistic == .variance, let bad = result.first(where: { $0 < 0 }) {
      throw NetworkError(
        "\(FileError.quote(pair.source)) in \(file.path) contains \(bad); a variance must not be negative"
      )
    }
    return result
  }

  // MARK: Matching

  private struct Matcher {
    let network: Network
    let file: SafetensorsFile
    let prefix: String

    /// What can be matched, without the prefix.
    var names: [String] {
      file.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        .filter { $0 != ignored && !$0.hasSuffix("." + ignored) }.sorted()
    }

    func checked(_ explicit: [String: String]) throws -> [String: String] {
      var owners: [String: String] = [:]
      for (own, source) in explicit.sorted(by: { $0.key < $1.key }) {
        guard network.parameters.contains(where: { $0.name == own }) else {
          throw NetworkError(
            "--map names \(FileError.quote(own)), and the network has no such tensor; it has "
              + Self.list(network.parameters.map(\.name)))
        }
        guard file.contains(prefix + source) else {
          throw NetworkError(
            "--map gives \(own) the tensor \(FileError.quote(source)), which \(file.path) does not have; it "
              + "has " + Self.list(names))
        }
        if let other = owners.updateValue(own, forKey: source) {
          throw NetworkError(
            "--map gives \(FileError.quote(source)) to \(other) and to \(own); a tensor has one place"
          )
        }
      }
      return explicit
    }

    func refuse(leftOver names: [String]) throws {
      guard !names.isEmpty else { return }
      throw NetworkError(
        "the network has no place for \(Self.list(names)) of \(file.path); compare the network with the "
          + "model, or leave those tensors out of the file")
    }

    /// Layer by layer, module by module.
    func inOrder(_ tensors: [ParameterTensor], _ names: [String]) throws -> [String: String] {
      var layers: [ModuleOrder.Module] = []
      for tensor in tensors {
        let dot = tensor.name.lastIndex(of: ".")!
        let (path, leaf) = (String(tensor.name[..<dot]), String(tensor.name[dot...].dropFirst()))
        if layers.last?.path == path {
          layers[layers.count - 1].leaves.append(leaf)
        } else {
          layers.append(ModuleOrder.Module(path: path, leaves: [leaf]))
        }
      }
      let modules = try ModuleOrder.modules(names, in: file.path)
      var sources: [String: String] = [:]
      for (layer, module) in zip(layers, modules) {
        let (own, other) = (Set(layer.leaves), Set(module.leaves))
        let missing = own.subtracting(other)
        let leftOver = other.subtracting(own)
        guard missing.isEmpty, leftOver.isEmpty else {
          let what =
            missing.isEmpty
            ? "the network has no place for \(Self.list(leftOver.sorted().map(module.name)))"
            : "nothing in the file is \(Self.list(missing.sorted().map(layer.name)))"
          throw NetworkError(
            "\(layer.path) of the network (\(Self.joined(layer.leaves))) and "
              + "\(FileError.quote(module.path)) of \(file.path) (\(Self.joined(module.leaves))) have "
              + "one place, and do not fit: \(what); compare the network with the model, or name the "
              + "pairs with --map")
        }
        for leaf in layer.leaves { sources[layer.name(of: leaf)] = module.name(of: leaf) }
      }
      guard layers.count <= modules.count else {
        let missing = layers[modules.count...].flatMap { layer in layer.leaves.map(layer.name) }
        throw NetworkError(
          "\(file.path) has no tensors for \(Self.list(missing)); compare the network with the model, or "
            + "name the pairs with --map")
      }
      try refuse(
        leftOver: modules[layers.count...].flatMap { module in module.leaves.map(module.name) })
      return sources
    }

    private static func joined(_ leaves: [String]) -> String { leaves.joined(separator: ", ") }

    private static func list(_ names: [String]) -> String {
      names.isEmpty
        ? "none"
        : names.prefix(6).map { FileError.quote($0) }.joined(separator: ", ")
          + (names.count > 6 ? " and \(names.count - 6) more" : "")
    }
  }
}
