import Compute

extension VerificationCase {
  /// reduction and column_sums.
  static func reductions(quick: Bool) -> [VerificationCase] {
    realTypes.flatMap { longSums($0, quick: quick) + columnSums($0, quick: quick) }
  }

  private static func longSums(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    // Around lanes, blocks and two blocks.
    let counts =
      quick
      ? [1, 65, 70_001]
      : [1, 2, 63, 64, 65, 127, 1000, 65_535, 65_536, 65_537, 131_071, 131_073, 200_003]
    let contents: [(String, Oracle, Workbench.Content)] = [
      ("", .bound, .random(1)), (" integers", .exact, .integers(3)),
      (" special values", .bits, .special),
    ]
    let kinds = [("sum", Reduction.Kind.sum), ("sum of squares", .sumOfSquares)]
    var cases: [VerificationCase] = []
    for count in counts {
      for (name, kind) in kinds {
        for (suffix, oracle, content) in contents {
          cases.append(
            VerificationCase(
              "reduction", "\(name) of \(count)\(suffix)", type, oracle: oracle
            ) {
              let x = try $0.matrix(1, count, content)
              let result = try $0.matrix(1, 1, .unset)
              return Prepared(
                operation: .reduction(Reduction(kind, of: x, into: result)), outputs: [result])
            })
        }
      }
    }
    return cases
  }

  private static func columnSums(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let shapes =
      quick
      ? [(1025, 3, 2)]
      : [
        (1, 1, 1), (7, 3, 1), (5, 130, 3), (64, 65, 2), (3, 131, 130), (1023, 2, 1), (1024, 5, 2),
        (1025, 17, 1),
        (2051, 63, 1),
      ]
    let factors: [(Double, Double?)] = [(1, nil), (0.7, 0.5)]
    var cases: [VerificationCase] = []
    for (rows, columns, batch) in shapes {
      for (alpha, scale) in factors {
        for oracle in [Oracle.bound, .bits] {
          let label =
            "\(rows)×\(columns) batch \(batch) α=\(alpha)"
            + (oracle == .bits ? " special values" : "")
          let content = oracle == .bits ? Workbench.Content.special : .random(1)
          cases.append(
            VerificationCase("column_sums", label, type, oracle: oracle) {
              let x = try $0.copies(batch, rows, columns, content, padding: 2, gap: 3)
              let sums = try $0.copies(batch, 1, columns, .unset, gap: 4)
              let operation = ColumnSums(
                of: x.first, into: sums.first, alpha: alpha, scale: try $0.scalar(scale),
                batch: batch, strideX: x.stride, strideSums: sums.stride)
              return Prepared(operation: .columnSums(operation), outputs: sums.all)
            })
        }
      }
    }
    return cases
  }
}
