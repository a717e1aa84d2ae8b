import Compute

extension Allowance {
  /// Whether the definition says anything of an element: not where a running analysis has lost
  /// its first digits, nor where a rounded computation may leave the type's range.
  func judges(_ defined: Bounded, _ type: ScalarType, isRigorous: Bool) -> Bool {
    let largest =
      type == .float64 ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    guard defined.value.isFinite, defined.error < largest, abs(defined.value) < largest / 2 else {
      return false
    }
    if isRigorous || defined.error == 0 { return true }
    return defined.error * type.unitRoundoff <= Self.secondOrder * abs(defined.value)
  }
}

extension Operation {
  /// Whether float64 takes its elementary functions from the platform, so that bits differ.
  var hasPlatformFunctions: Bool {
    switch self {
    case .jetComposition(let composition):
      guard composition.input.type == .float64 else { return false }
      switch composition.activation {
      case .identity, .relu, .leakyReLU, .quadratic, .abs, .sign: return false
      default: return true
      }
    case .loss(let loss): return loss.logits.type == .float64 && loss.kind == .crossEntropy
    case .softmaxCurvature(let curvature): return curvature.tangents.type == .float64
    case .dualActivation(let dual):
      return dual.nngp.type == .float64 && dual.function.hasPlatformFunctions
    default: return false
    }
  }

  /// Whether the definition's bound is rigorous and holds between two rounded results.
  var boundsTwoResults: Bool {
    switch self {
    case .contraction, .columnSums: true
    // Interpolation states the bound of one.
    case .jetContraction(let product): !product.plan.isInterpolated
    default: false
    }
  }
}
