import Compute

/// Which plans dense layers multiply their jets by.
public enum JetProducts: String, Sendable, Codable, CaseIterable {
  /// Interpolated where the layer is large enough (`JetProductPlan.choose`), else schoolbook.
  case auto
  /// Coefficient by coefficient.
  case schoolbook
  /// Interpolated wherever it saves a product, whatever the layer's size.
  case interpolated

  func plan(
    _ sense: JetContraction.Sense, _ input: Jet, _ output: Jet, _ weight: TensorJet
  ) -> JetProductPlan {
    guard self != .schoolbook, weight.displacement != nil, input.directions == 1 else {
      return .schoolbook
    }
    if self == .interpolated {
      return .interpolated(
        sense: sense, inputDegree: input.degree, outputDegree: output.degree)
    }
    return .choose(
      sense: sense, inputDegree: input.degree, outputDegree: output.degree,
      inputs: input.columns, outputs: output.columns, directions: input.directions)
  }
}
