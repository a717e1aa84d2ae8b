import Compute

/// One operation on one set of matrices, which every backend must compute alike.
struct VerificationCase {
  /// What the result is compared with.
  enum Oracle {
    /// The definition within its running error bound.
    case bound
    /// The definition, equal: all sums are exact.
    case exact
    /// Other backends only: special values, of which the definition's bound says nothing.
    case bits
  }

  struct Prepared {
    var operation: Operation
    /// Everything that the operation writes.
    var outputs: [Matrix]
  }

  /// The operation's name.
  let operation: String
  let label: String
  let type: ScalarType
  let oracle: Oracle
  /// Whether float64 may take its elementary functions from the platform, so that bits differ.
  let isElementary: Bool
  /// Whether the contraction families compute it differently.
  let dependsOnFamily: Bool
  let prepare: (Workbench) throws -> Prepared

  init(
    _ operation: String, _ label: String, _ type: ScalarType, oracle: Oracle = .bound,
    isElementary: Bool = false, dependsOnFamily: Bool = false,
    prepare: @escaping (Workbench) throws -> Prepared
  ) {
    self.operation = operation
    self.label = "\(type.rawValue) \(label)"
    self.type = type
    self.oracle = oracle
    self.isElementary = isElementary
    self.dependsOnFamily = dependsOnFamily
    self.prepare = prepare
  }

  /// Whether the definition, computed in Double, is itself rounded by as much as its bound says
  /// of float64. Sums of products state a bound for the distance of two rounded results.
  var doublesBound: Bool {
    (type == .float64 || operation == "projection_residual")
      && !["contraction", "jet_contraction", "column_sums", "projection"].contains(operation)
  }

  /// Projections are in double precision whatever the type.
  var needsFloat64: Bool { type == .float64 || operation.hasPrefix("projection") }

  /// Whether all backends must give the same bits.
  var promisesBits: Bool { type == .float32 || !isElementary }

  /// Every case; `quick` is a part of them that covers every operation and every activation.
  static func all(quick: Bool) -> [VerificationCase] {
    contractions(quick: quick) + jetContractions(quick: quick) + jetCompositions(quick: quick)
      + interpolationParts(quick: quick)
      + jetProducts(quick: quick) + layers(quick: quick) + elementwise(quick: quick)
      + reductions(quick: quick)
      + losses(quick: quick) + softmaxCurvatures(quick: quick) + updates(quick: quick)
      + randomFills(quick: quick)
      + imageGathers(quick: quick) + convolutions(quick: quick) + scalars(quick: quick)
      + projections(quick: quick) + signedRows(quick: quick) + duals(quick: quick)
      + kernelSums(quick: quick)
  }

  /// Operations of single layers.
  private static func layers(quick: Bool) -> [VerificationCase] {
    poolings(quick: quick) + layerNorms(quick: quick) + layerAffines(quick: quick)
      + dropouts(quick: quick)
  }

  /// float32 and float64.
  static let realTypes: [ScalarType] = [.float32, .float64]
}
