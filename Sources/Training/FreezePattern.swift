import Networks

/// Patterns of tensor names: `*` stands for any characters; a pattern also covers the tensors
/// below it ("layers.0" freezes "layers.0.weight" and "layers.0.bias").
public enum FreezePattern {
  /// For each tensor whether it is trained; statistics never are.
  public static func trainable(
    _ tensors: [ParameterTensor], frozen patterns: [String]
  ) throws -> [Bool] {
    for pattern in patterns where !tensors.contains(where: { matches(pattern, $0.name) }) {
      throw TrainingError(
        "--freeze \(pattern) matches no tensor; there are "
          + tensors.map(\.name).joined(separator: ", "))
    }
    let trainable = tensors.map { tensor in
      tensor.statistic == nil && !patterns.contains { matches($0, tensor.name) }
    }
    guard trainable.contains(true) else {
      throw TrainingError("--freeze leaves nothing to train; leave at least one tensor free")
    }
    return trainable
  }

  /// Maximal runs of trained tensors in the flat vector.
  static func runs(_ tensors: [ParameterTensor], _ isTrainable: [Bool]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for (tensor, trainable) in zip(tensors, isTrainable) where trainable {
      if let last = runs.last, last.upperBound == tensor.offset {
        runs[runs.count - 1] = last.lowerBound..<tensor.range.upperBound
      } else {
        runs.append(tensor.range)
      }
    }
    return runs
  }

  /// Whether a pattern covers a tensor.
  public static func matches(_ pattern: String, _ name: String) -> Bool {
    wildcard(Array(pattern.utf8), Array(name.utf8))
      || wildcard(Array((pattern + ".*").utf8), Array(name.utf8))
  }

  private static func wildcard(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    var reachable = Set([0])
    for character in pattern {
      if character == UInt8(ascii: "*") {
        guard let first = reachable.min() else { return false }
        reachable = Set(first...text.count)
      } else {
        reachable = Set(
          reachable.compactMap { $0 < text.count && text[$0] == character ? $0 + 1 : nil })
      }
    }
    return reachable.contains(text.count)
  }
}
