import Networks
import Training

/// Which tensors a process moves, as `--layers` says it: `all`, `last` (those of the last layer that has
/// any), or patterns of names with commas between them, as `--freeze` takes them ("layers.4,layers.6.*").
public enum TensorSelection {
  /// r_t: 1 for the tensors that move, 0 for the others.
  ///
  /// - Throws: `GaussianProcessError` for a pattern that matches nothing.
  public static func scales(_ text: String, _ network: Network) throws -> [Double] {
    let tensors = network.parameters
    switch text {
    case "all": return tensors.map { _ in 1 }
    case "last":
      let layer = Self.layer(tensors[tensors.count - 1])
      return tensors.map { Self.layer($0) == layer ? 1 : 0 }
    default:
      let patterns = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      for pattern in patterns
      where !tensors.contains(where: { FreezePattern.matches(pattern, $0.name) }) {
        throw GaussianProcessError(
          "--layers \(pattern) matches no tensor; give last, all, or patterns of "
            + tensors.map(\.name).joined(separator: ", "))
      }
      return tensors.map { tensor in
        patterns.contains { FreezePattern.matches($0, tensor.name) } ? 1 : 0
      }
    }
  }

  /// The name without its last part.
  static func layer(_ tensor: ParameterTensor) -> Substring {
    tensor.name[..<(tensor.name.lastIndex(of: ".") ?? tensor.name.endIndex)]
  }
}
