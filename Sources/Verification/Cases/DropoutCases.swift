import Compute

extension VerificationCase {
  static func dropouts(quick: Bool) -> [VerificationCase] {
    let shapes =
      quick ? [(3, 43)] : [(1, 1), (1, 2), (1, 3), (2, 2), (3, 43), (41, 100), (1, 65_537)]
    let rates = quick ? [0, 0.3] : [0, 0.1, 0.5, 0.999]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (rows, columns) in shapes {
        for rate in rates {
          for oracle in rows == 3 ? [Oracle.bound, .bits] : [.bound] {
            let label =
              "\(rows)×\(columns) p=\(rate)" + (oracle == .bits ? " special values" : "")
            cases.append(
              VerificationCase("dropout", label, type, oracle: oracle) {
                let x = try $0.matrix(rows, columns, oracle == .bits ? .special : .random(3))
                return Prepared(
                  operation: .dropout(
                    Dropout(
                      x, probability: rate, seed: 0xfedc_ba98_7654_3210 &+ UInt64(columns),
                      layer: rows, step: 1 << 31 - columns)), outputs: [x])
              })
          }
        }
      }
    }
    return cases
  }
}
