import Compute

extension VerificationCase {
  /// The passes around the contractions of interpolated jet products.
  static func interpolationParts(quick: Bool) -> [VerificationCase] {
    let shapes = quick ? [(3, 67, 4)] : [(1, 1, 1), (3, 67, 4), (2, 130, 5), (17, 63, 18)]
    return realTypes.flatMap { type in
      shapes.flatMap { block, columns, count in
        [
          VerificationCase(
            "block_combination", "\(count) rows of \(block)×\(columns)", type
          ) {
            // Every fifth row is a third, every fourth a copy.
            let rows = (0..<count).map { row in
              let terms = (0..<min(count, row % 4 == 3 ? 1 : 5)).map { term in
                ((row + term) % count, row % 4 == 3 ? 1 : Double((row + 3 * term) % 17 - 8) / 2)
              }
              return BlockCombination.Row(
                terms.contains { $0.1 != 0 } ? terms : [(row, -8)],
                divisor: row % 5 == 1 ? 3 : 1)
            }
            let x = try $0.matrix(count * block, columns, .random(2))
            let y = try $0.matrix(count * block, columns, .unset)
            return Prepared(
              operation: .blockCombination(BlockCombination(y, of: x, block: block, rows: rows)),
              outputs: [y])
          },
          VerificationCase("ray_weights", "\(block)×\(columns)", type) {
            let center = try $0.matrix(block, columns, .random(1), padding: 3)
            let displacement = try $0.matrix(block, columns, .random(1), padding: 1)
            let out = try $0.matrix(block, columns, .unset)
            let weights = RayWeights(
              out, center: center, displacement: displacement, at: -1,
              scale: try $0.scalar(count == 4 ? 0.25 : nil))
            return Prepared(operation: .rayWeights(weights), outputs: [out])
          },
        ]
      }
    }
  }
}
