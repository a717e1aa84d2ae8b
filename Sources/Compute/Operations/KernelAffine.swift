/// What a layer with Gaussian weights makes of the kernels, up to sums over positions:
///
///     Θ ← ntkFactor·Θ + (nngpShare·K + ntkBias),   K ← factor·K + bias,
///
/// both from K as it was. Two roundings: fma(ntkFactor, Θ, fma(nngpShare, K, ntkBias)) and
/// fma(factor, K, bias), the scalars rounded once.
public struct KernelAffine: Hashable, Sendable {
  public var factor: Double
  public var bias: Double
  public var ntkFactor: Double
  public var nngpShare: Double
  public var ntkBias: Double

  public init(
    factor: Double = 1, bias: Double = 0, ntkFactor: Double = 1, nngpShare: Double = 0,
    ntkBias: Double = 0
  ) {
    self.factor = factor
    self.bias = bias
    self.ntkFactor = ntkFactor
    self.nngpShare = nngpShare
    self.ntkBias = ntkBias
  }

  /// K and Θ afterwards.
  func define(_ nngp: Bounded, _ ntk: Bounded?, _ type: ScalarType) -> (Bounded, Bounded?) {
    func rounded(_ x: Double) -> Bounded { Bounded(type.round(x)) }
    let share = Bounded.fma(rounded(nngpShare), nngp, rounded(ntkBias))
    return (
      .fma(rounded(factor), nngp, rounded(bias)), ntk.map { .fma(rounded(ntkFactor), $0, share) }
    )
  }
}
