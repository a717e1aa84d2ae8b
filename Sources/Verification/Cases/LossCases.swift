import Compute

extension VerificationCase {
  static func losses(quick: Bool) -> [VerificationCase] {
    // Batch, outputs, degree, s.
    let shapes: [(Int, Int, Int, Double?)] =
      quick
      ? [(7, 10, 2, 4), (3, 1, 0, nil)]
      : [
        (1, 1, 0, nil), (7, 10, 0, nil), (1, 2, 1, 0.5), (130, 3, 1, nil), (67, 10, 2, 8),
        (5, 17, 3, 0.25), (3, 131, 4, 2), (129, 5, 5, 1), (2, 10, 6, 4), (31, 7, 7, nil),
        (65, 10, 8, 2),
      ]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (block, outputs, degree, scale) in shapes {
        for kind in Loss.Kind.allCases {
          for (oracle, wantsCotangent) in [(Oracle.bound, true), (.bound, false), (.bits, true)] {
            cases.append(
              loss(
                kind, type, oracle, block: block, outputs: outputs, degree: degree, scale: scale,
                wantsCotangent: wantsCotangent))
          }
          // As much as several threads share.
          if !quick && degree == 1 && type == .float32 {
            cases.append(
              loss(
                kind, type, .bits, block: 16_411, outputs: outputs, degree: degree, scale: scale,
                wantsCotangent: true))
          }
        }
      }
    }
    return cases
  }

  private static func loss(
    _ kind: Loss.Kind, _ type: ScalarType, _ oracle: Oracle, block: Int, outputs: Int,
    degree: Int, scale: Double?, wantsCotangent: Bool
  ) -> VerificationCase {
    let label =
      "\(kind.rawValue) \(block)×\(outputs) degree \(degree)"
      + (scale.map { " s=\($0)" } ?? "") + (wantsCotangent ? "" : " without cotangent")
      + (oracle == .bits ? " special values" : "")
    return VerificationCase(
      "loss", label, type, oracle: oracle, isElementary: kind == .crossEntropy
    ) {
      let logits = try $0.jet(
        block: block, columns: outputs, degree: degree, oracle == .bits ? .special : .random(5))
      // Shares between 0 and 1 for cross-entropy, any numbers for mse.
      let targets = try $0.matrix(
        block, outputs, kind == .mse ? .random(2) : .positive(1))
      let factor = try $0.scalar(scale)
      let values = try $0.matrix(block, outputs, .unset)
      let losses = try $0.matrix(1, block, .unset)
      let correct = try $0.matrix(1, block, .unset)
      let last = max(1, degree)
      let cotangent =
        wantsCotangent
        ? try $0.jet(block: block, columns: outputs, degree: last, hasZero: false, .unset) : nil
      return Prepared(
        operation: .loss(
          Loss(
            kind, logits: logits, targets: targets, scale: factor, factor: 1 / Double(block),
            outputs: values, losses: losses, correct: correct, cotangent: cotangent)),
        outputs: [values, losses, correct] + (cotangent?.coefficients(1...last) ?? []))
    }
  }
}
