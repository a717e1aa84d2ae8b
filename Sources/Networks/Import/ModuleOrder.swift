import DataSets

/// The order in which a model's modules run, told from the names of its tensors.
///
/// Files of tensors are sorted by name, so the order in which a model was written down is lost. It is
/// found again from the parts of the names: numbers count ("2" before "10"), a normalization follows
/// the convolution (else the dense layer) of its number, blocks and stages follow those, a shortcut
/// follows its main branch, and heads come last:
///
///     conv1, bn1, conv2, bn2; layer1, layer2, …; downsample; fc1, bn1, fc2, …, classifier
///
/// That is how torchvision's residual networks and `nn.Sequential` run. Where several names of one
/// module are no such names, nothing is guessed.
enum ModuleOrder {
  /// A module with tensors of its own.
  struct Module {
    /// "layer1.0.conv1"; empty for the model itself.
    var path: String
    /// The last parts of its tensors' names, sorted.
    var leaves: [String]

    func name(of leaf: String) -> String { path.isEmpty ? leaf : path + "." + leaf }
  }

  /// - Parameters:
  ///   - names: of tensors.
  ///   - file: where they are from, for errors.
  /// - Throws: `NetworkError` where names do not tell the order.
  static func modules(_ names: [String], in file: String) throws -> [Module] {
    let root = Node()
    for name in names {
      var node = root
      let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count <= 64 else {
        throw NetworkError(
          "\(FileError.quote(name)) in \(file) has more than 64 parts; name the pairs")
      }
      for part in parts.dropLast() { node = node.child(part) }
      node.leaves.append(parts[parts.count - 1])
    }
    var modules: [Module] = []
    try root.append(to: &modules, path: "", file)
    return modules
  }

  private final class Node {
    var leaves: [String] = []
    var children: [String: Node] = [:]

    func child(_ name: String) -> Node {
      if let known = children[name] { return known }
      let node = Node()
      children[name] = node
      return node
    }

    func append(to modules: inout [Module], path: String, _ file: String) throws {
      if !leaves.isEmpty { modules.append(Module(path: path, leaves: leaves.sorted())) }
      for name in try ModuleOrder.sorted(children.keys.sorted(), of: path, file) {
        try children[name]?.append(
          to: &modules, path: path.isEmpty ? name : path + "." + name, file)
      }
    }
  }

  // MARK: The children of one module

  /// Where a child stands: groups, then numbers, then what belongs to a number.
  private struct Rank: Comparable {
    var group: Int
    var number: Int
    var member: Int

    static func < (a: Rank, b: Rank) -> Bool {
      (a.group, a.number, a.member) < (b.group, b.number, b.member)
    }
  }

  /// Names without their numbers, in the order in which such modules run.
  private static let groups: [Set<String>] = [
    ["features", "stem"], ["conv"], ["", "layer", "block", "stage"], ["downsample", "shortcut"],
    ["fc", "linear", "lin", "dense", "classifier", "head", "output"],
  ]
  private static let convolutions = 1
  private static let heads = 4
  private static let norms: Set<String> = ["bn", "norm", "gn", "ln"]

  private static func sorted(_ names: [String], of path: String, _ file: String) throws -> [String]
  {
    guard names.count > 1 else { return names }
    func refuse(_ reason: String) -> NetworkError {
      NetworkError(
        "\(reason) in \(file)\(path.isEmpty ? "" : ", in " + FileError.quote(path)), so that the order "
          + "of its modules is not known; name the pairs with --map")
    }
    let parts = names.map { name in
      let stem = name.prefix { !$0.isASCII || !$0.isNumber }
      let digits = name[stem.endIndex...]
      // 0 for no number; -1 for something else behind the stem.
      let number: Int = digits.isEmpty ? 0 : Int(digits) ?? -1
      return (stem: stem.hasSuffix("_") ? String(stem.dropLast()) : String(stem), number: number)
    }
    func group(_ stem: String) -> Int? { groups.firstIndex { $0.contains(stem) } }
    let taken = parts.map { (group: group($0.stem) ?? -1, number: $0.number) }
    var ranks: [(rank: Rank, name: String)] = []
    for (name, part) in zip(names, parts) {
      let quoted = FileError.quote(name)
      var rank = Rank(group: 0, number: part.number, member: 0)
      if norms.contains(part.stem) {
        rank.member = 1
        let owners = [convolutions, heads].filter { own in
          taken.contains { $0.group == own && $0.number == part.number }
        }
        guard owners.count == 1 else {
          throw refuse("it cannot be told what \(quoted) normalizes")
        }
        rank.group = owners[0]
      } else if let own = group(part.stem), part.number >= 0 {
        rank.group = own
      } else {
        throw refuse("it cannot be told when \(quoted) runs")
      }
      ranks.append((rank, name))
    }
    ranks.sort { $0.rank < $1.rank }
    for (a, b) in zip(ranks, ranks.dropFirst()) where a.rank == b.rank {
      let (first, second) = a.name < b.name ? (a.name, b.name) : (b.name, a.name)
      throw refuse(
        "it cannot be told which of \(FileError.quote(first)) and \(FileError.quote(second)) runs first"
      )
    }
    return ranks.map(\.name)
  }
}
