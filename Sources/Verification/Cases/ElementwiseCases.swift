import Compute

extension VerificationCase {
  /// linear_combination, fill and gather.
  static func elementwise(quick: Bool) -> [VerificationCase] {
    realTypes.flatMap { type in
      combinations(type, quick: quick) + fills(type, quick: quick) + gathers(type, quick: quick)
    }
  }

  private static func combinations(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let counts = quick ? [1, 129] : [1, 2, 63, 64, 65, 127, 128, 129, 1009, 40_009]
    let factors = [(1.0, 1.0), (0.7, -1.3)]
    var cases: [VerificationCase] = []
    for count in counts {
      for (a, b) in factors {
        for oracle in count == 129 ? [Oracle.bound, .bits] : [.bound] {
          let content = oracle == .bits ? Workbench.Content.special : .random(4)
          let kind = oracle == .bits ? " special values" : ""
          cases.append(
            VerificationCase(
              "linear_combination", "\(count) \(a)·x + \(b)·y\(kind)", type, oracle: oracle
            ) {
              let (x, y) = (try $0.matrix(1, count, content), try $0.matrix(1, count, content))
              let out = try $0.matrix(1, count, .unset)
              return Prepared(
                operation: .linearCombination(LinearCombination(out, a, x, b, y)), outputs: [out])
            })
          cases.append(
            VerificationCase("linear_combination", "\(count) \(a)·x\(kind)", type, oracle: oracle) {
              let x = try $0.matrix(1, count, content)
              let out = try $0.matrix(1, count, .unset)
              return Prepared(
                operation: .linearCombination(LinearCombination(out, a, x)), outputs: [out])
            })
        }
      }
    }
    return cases
  }

  private static func fills(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    (quick ? [67] : [1, 64, 67, 129, 4099]).flatMap { count in
      [0, 0.1, -0.0].map { value in
        VerificationCase("fill", "\(count) with \(value)", type, oracle: .exact) {
          let out = try $0.matrix(1, count, .unset)
          return Prepared(operation: .fill(Fill(out, value: value)), outputs: [out])
        }
      }
    }
  }

  private static func gathers(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let shapes =
      quick
      ? [(5, 7, 3)]
      : [(1, 1, 1), (5, 7, 3), (300, 11, 17), (9, 31, 200), (67, 5, 65), (131, 7, 130)]
    return shapes.flatMap { rows, sourceRows, columns in
      [Oracle.exact, .bits].map { oracle in
        VerificationCase(
          "gather",
          "\(rows) of \(sourceRows) rows of \(columns)"
            + (oracle == .bits ? " special values" : ""), type, oracle: oracle
        ) {
          let x = try $0.matrix(
            sourceRows, columns, oracle == .bits ? .special : .random(1), padding: 3)
          let indices = try $0.indices((0..<rows).map { ($0 * 7 + 3) % sourceRows })
          let out = try $0.matrix(rows, columns, .unset)
          return Prepared(
            operation: .gather(Gather(out, from: x, rows: indices)), outputs: [out])
        }
      }
    }
  }
}
