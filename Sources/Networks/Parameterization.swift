import Compute

/// How weights and widths enter a layer: z = c_w·W y + c_b·b with W ~ N(0, std_w²).
///
/// With n the fan-in actually built, N the base fan-in, s the width scale, σw and σb the layer's
/// standard deviations:
///
///     standard            c_w = 1               std_w = σw/√n
///     ntk                 c_w = σw/√n, c_b = σb  std = 1 for both
///     improved_standard   c_w = 1/√s behind a hidden layer, else 1;  std_w = σw/√N
///     taylor of order q   c_w = n^{−1/(q+1)}     std_w = σw·n^{−(q−1)/(2q+2)}
///
/// c_b = 1 and std_b = σb but for ntk. Sources: Sohl-Dickstein et al., arXiv 2001.07301 (ntk,
/// improved_standard); Bai et al., arXiv 2002.04010 (taylor).
public enum Parameterization: Sendable, Equatable {
  case standard
  case ntk
  case improvedStandard(widthScale: Int)
  case taylor(order: Int)

  /// The factors of one affine layer.
  public struct Factors: Sendable, Equatable {
    public var weight: Double
    public var bias: Double
    public var weightStd: Double
    public var biasStd: Double
  }

  public var name: String {
    switch self {
    case .standard: "standard"
    case .ntk: "ntk"
    case .improvedStandard: "improved_standard"
    case .taylor: "taylor"
    }
  }

  public var widthScale: Int {
    if case .improvedStandard(let scale) = self { scale } else { 1 }
  }

  /// - Parameters:
  ///   - fanIn: inputs of one output as built.
  ///   - behindHidden: whether the input is a hidden layer, whose width is scaled.
  public func factors(
    fanIn: Int, behindHidden: Bool, weightStd: Double, biasStd: Double
  ) -> Factors {
    let n = Double(fanIn)
    switch self {
    case .standard:
      return Factors(weight: 1, bias: 1, weightStd: weightStd / n.squareRoot(), biasStd: biasStd)
    case .ntk:
      return Factors(weight: weightStd / n.squareRoot(), bias: biasStd, weightStd: 1, biasStd: 1)
    case .improvedStandard(let scale):
      let s = behindHidden ? Double(scale) : 1
      return Factors(
        weight: 1 / s.squareRoot(), bias: 1, weightStd: weightStd / (n / s).squareRoot(),
        biasStd: biasStd)
    case .taylor(let q):
      // Each from its own root, so that q = 1 is the ntk parameterization to the last bit.
      let root = HostMath.root(n, 2 * q + 2)
      return Factors(
        weight: 1 / HostMath.root(n, q + 1), bias: 1,
        weightStd: weightStd / HostMath.power(root, q - 1), biasStd: biasStd)
    }
  }
}
