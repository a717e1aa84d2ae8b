import Compute

extension VerificationCase {
  static func softmaxCurvatures(quick: Bool) -> [VerificationCase] {
    // Batch, outputs, directions.
    let shapes =
      quick
      ? [(7, 10, 2), (3, 1, 1)]
      : [
        (1, 1, 1), (1, 2, 3), (7, 10, 2), (130, 3, 1), (3, 131, 5), (67, 17, 4), (129, 5, 7),
        (16_411, 2, 2),
      ]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (block, outputs, directions) in shapes {
        for oracle in block > 1000 ? [Oracle.bits] : [.bound, .bits] {
          let isSpecial = oracle == .bits && block < 1000
          let label =
            "\(block)×\(outputs), \(directions) directions" + (isSpecial ? " special values" : "")
          cases.append(
            VerificationCase(
              "softmax_curvature", label, type, oracle: oracle, isElementary: true
            ) {
              let values = try $0.matrix(block, outputs, isSpecial ? .special : .random(5))
              let targets = try $0.matrix(block, outputs, .positive(1))
              let tangents = try $0.matrix(
                directions * block, outputs, isSpecial ? .special : .random(2))
              let product = try $0.matrix(directions * block, outputs, .unset)
              return Prepared(
                operation: .softmaxCurvature(
                  SoftmaxCurvature(
                    product, outputs: values, targets: targets, tangents: tangents,
                    factor: 1 / Double(block))), outputs: [product])
            })
        }
      }
    }
    return cases
  }
}
