import Compute

extension VerificationCase {
  static func randomFills(quick: Bool) -> [VerificationCase] {
    let distributions: [(String, RandomFill.Distribution)] = [
      ("normal", .normal), ("uniform", .uniform), ("signs", .signs),
    ]
    let counts = quick ? [1, 515] : [1, 2, 3, 4, 5, 127, 515, 4099, 65_537]
    return realTypes.flatMap { type in
      distributions.flatMap { name, distribution in
        counts.map { count in
          // Drawn in float32 in every type, so float64 has the same bits everywhere too.
          VerificationCase("random_fill", "\(name) \(count)", type) {
            let out = try $0.matrix(1, count, .unset)
            return Prepared(
              operation: .randomFill(
                RandomFill(
                  out, distribution, factor: 0.7, seed: 0x1234_5678_9abc_def0 &+ UInt64(count),
                  purpose: count % 2 == 0 ? .parameters : .test, tensor: count)),
              outputs: [out])
          }
        }
      }
    }
  }
}
