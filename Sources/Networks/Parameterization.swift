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
///     mup                 see below
///
/// c_b = 1 and std_b = σb but for ntk and mup. Sources: Sohl-Dickstein et al., arXiv 2001.07301
/// (ntk, improved_standard); Bai et al., arXiv 2002.04010 (taylor).
///
/// **mup**, the maximal update parameterization (Yang & Hu, arXiv 2011.14522 and 2203.03466): every
/// layer's activations change by an amount that does not depend on the width, for any width with
/// the same η. With B the base width, r_i and r_o are the widths (of images, channels) at the
/// layer's two ends over B, and 1 at the network's input and output:
///
///     layer             c_w         std_w                 η: sgd, momentum   η: adam, adamw
///     input             √r_o        σw/√(n·r_o)           1                  1/√r_o
///     hidden            √(r_o/r_i)  σw/√n·√(r_i/r_o)      1                  1/√(r_i·r_o)
///     output            1/√r_i      σw/√n                 1                  1/√r_i
///     biases, and gain  √r_o        σb/√r_o               1                  1/√r_o
///     and bias of layer_norm
///
/// (a gain starts at 1/√r_o). That is Table 9 of the second paper, the form whose gradients are of
/// one size in all layers: gradient descent needs no learning rate of a layer, so its tangent
/// kernel, the global norm that clipping measures and a product with the Fisher matrix mean what
/// they mean in other networks. It differs from the paper's Table 3 (c = 1; η times r_o, r_o/r_i
/// and 1/r_i) by the symmetry that `LayerScales` states. At width B all factors are exactly 1 and
/// everything is as in `standard`.
public enum Parameterization: Sendable, Equatable {
  case standard
  case ntk
  case improvedStandard(widthScale: Int)
  case taylor(order: Int)
  case mup(baseWidth: Int)

  /// B unless it is given.
  public static let defaultBaseWidth = 128

  /// The factors of one affine layer.
  public struct Factors: Sendable, Equatable {
    public var weight: Double
    public var bias: Double
    public var weightStd: Double
    public var biasStd: Double
    public var weightRate = LearningRateFactor()
    public var biasRate = LearningRateFactor()
  }

  /// The widths at the two ends of a layer, of images their channels; nil where it is the network's
  /// input or output, which do not grow.
  public struct Ends: Sendable, Equatable {
    public var input: Int?
    public var output: Int?

    public init(input: Int? = nil, output: Int? = nil) {
      self.input = input
      self.output = output
    }
  }

  public var name: String {
    switch self {
    case .standard: "standard"
    case .ntk: "ntk"
    case .improvedStandard: "improved_standard"
    case .taylor: "taylor"
    case .mup: "mup"
    }
  }

  public var widthScale: Int {
    if case .improvedStandard(let scale) = self { scale } else { 1 }
  }

  /// - Parameters:
  ///   - fanIn: inputs of one output as built.
  ///   - behindHidden: whether the input is a hidden layer, whose width is scaled.
  ///   - ends: for mup.
  public func factors(
    fanIn: Int, behindHidden: Bool, ends: Ends = Ends(), weightStd: Double, biasStd: Double
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
    case .mup(let base):
      let (before, behind) = (ratio(ends.input, base), ratio(ends.output, base))
      // The output's weights are smaller by √r_i than those that keep the variance.
      let square = ends.output == nil ? 1 : before / behind
      let bias = vector(width: ends.output)
      return Factors(
        weight: (behind / before).squareRoot(), bias: bias.multiplier,
        weightStd: weightStd / n.squareRoot() * square.squareRoot(),
        biasStd: biasStd / bias.multiplier,
        weightRate: LearningRateFactor(adam: 1 / (before * behind).squareRoot()),
        biasRate: bias.rate)
    }
  }

  /// The factors of a tensor with one element for each of `width` units: biases, and gain and bias
  /// of layer normalization.
  func vector(width: Int?) -> (multiplier: Double, rate: LearningRateFactor) {
    guard case .mup(let base) = self else { return (1, LearningRateFactor()) }
    let root = ratio(width, base).squareRoot()
    return (root, LearningRateFactor(adam: 1 / root))
  }

  private func ratio(_ width: Int?, _ base: Int) -> Double {
    width.map { Double($0) / Double(base) } ?? 1
  }
}
