import Networks
import Training

/// Which tensors a process moves, as `--layers` says it: `all`, `last` (those of the last layer that has
/// any), or patterns of names with commas between them, as `--freeze` takes them ("layers.4,layers.6.*").
public enum TensorSelection {
  /// r_t: 1 for the tensors that move, 0 for the others; always for statistics.
  ///
  /// - Throws: `GaussianProcessError` for a pattern that matches nothing.
  public static func scales(_ text: String, _ network: Network) throws -> [Double] {
    let tensors = network.parameters
    func scales(_ moves: (ParameterTensor) -> Bool) -> [Double] {
      tensors.map { $0.statistic == nil && moves($0) ? 1 : 0 }
    }
    switch text {
    case "all": return scales { _ in true }
    case "last":
      let layer = tensors.last { $0.statistic == nil }.map(Self.layer)
      return scales { Self.layer($0) == layer }
    default:
      let patterns = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      for pattern in patterns
      where !tensors.contains(where: { FreezePattern.matches(pattern, $0.name) }) {
        throw GaussianProcessError(
          "--layers \(pattern) matches no tensor; give last, all, or patterns of "
            + tensors.map(\.name).joined(separator: ", "))
      }
      let found = scales { tensor in
        patterns.contains { FreezePattern.matches($0, tensor.name) }
      }
      guard found.contains(1) else {
        throw GaussianProcessError(
          "--layers \(text) names statistics only, which nothing moves; name weights too")
      }
      return found
    }
  }

  /// The name without its last part.
  static func layer(_ tensor: ParameterTensor) -> Substring {
    tensor.name[..<(tensor.name.lastIndex(of: ".") ?? tensor.name.endIndex)]
  }
}
