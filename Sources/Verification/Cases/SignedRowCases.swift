import Compute

extension VerificationCase {
  /// Updates of signed rows, row_scaling, row_squares and row_penalty.
  static func signedRows(quick: Bool) -> [VerificationCase] {
    let shapes =
      quick ? [(3, 67)] : [(1, 1), (5, 1), (3, 64), (7, 129), (67, 31), (2, 1025), (1009, 3)]
    return realTypes.flatMap { type in
      shapes.flatMap { rows, columns in
        [Oracle.bound, .bits].flatMap { oracle in
          signedUpdates(type, rows, columns, oracle) + rowScalings(type, rows, columns, oracle)
            + rowNorms(type, rows, columns, oracle)
        }
      }
    }
  }

  private static func content(_ oracle: Oracle) -> Workbench.Content {
    oracle == .bits ? .special : .random(2)
  }

  private static func label(_ rows: Int, _ columns: Int, _ oracle: Oracle) -> String {
    "\(rows)×\(columns)" + (oracle == .bits ? " special values" : "")
  }

  /// ±1, rather at random.
  private static func signs(_ bench: Workbench, _ count: Int, _ step: Int) throws -> Matrix {
    try bench.matrix(1, count, .values((0..<count).map { ($0 * step + 1) % 3 == 0 ? -1 : 1 }))
  }

  private static func signedUpdates(
    _ type: ScalarType, _ rows: Int, _ columns: Int, _ oracle: Oracle
  ) -> [VerificationCase] {
    let (content, count) = (content(oracle), rows * columns)
    return ["sgd", "momentum", "adam"].flatMap { name in
      [false, true].map { hasSum in
        VerificationCase(
          "optimizer_update",
          "\(name) signed " + label(rows, columns, oracle) + (hasSum ? " and parameters" : ""),
          type, oracle: oracle
        ) { bench in
          let state = try bench.matrix(1, count, content)
          let gradient = try bench.matrix(1, count, content)
          let first = try bench.matrix(1, count, content)
          let second = try bench.matrix(1, count, oracle == .bits ? .special : .positive(1))
          let rule: OptimizerUpdate.Rule =
            switch name {
            case "sgd": .sgd
            case "momentum": .momentum(velocity: first, 0.9)
            default:
              .adam(first: first, second: second, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 7)
            }
          var update = OptimizerUpdate(
            rule, state: state, gradient: gradient, learningRate: 0.1,
            signs: OptimizerUpdate.SignedRows(
              now: try signs(bench, rows, 2), next: try signs(bench, rows, 5)))
          var outputs = [state, first, second]
          if hasSum {
            let parameters = try bench.matrix(1, count, .unset)
            update.center = try bench.matrix(1, count, content)
            update.parameters = parameters
            update.decay = .gradient(0.01)
            update.clip = try bench.scalar(0.3)
            outputs.append(parameters)
          }
          return Prepared(operation: .optimizerUpdate(update), outputs: outputs)
        }
      }
    }
  }

  private static func rowScalings(
    _ type: ScalarType, _ rows: Int, _ columns: Int, _ oracle: Oracle
  ) -> [VerificationCase] {
    let content = content(oracle)
    let roots = [false, true].map { isInPlace in
      VerificationCase(
        "row_scaling",
        label(rows, columns, oracle) + " by inverse roots" + (isInPlace ? ", in place" : ""), type,
        oracle: oracle
      ) { bench in
        let x = try bench.matrix(rows, columns, content)
        let output = isInPlace ? x : try bench.matrix(rows, columns, .unset)
        let factors = try bench.matrix(
          1, columns, oracle == .bits ? .special : .positive(1))
        return Prepared(
          operation: .rowScaling(
            RowScaling(output, x, by: factors, alpha: -1, along: .columns, inverseRoot: 1e-5)),
          outputs: [output])
      }
    }
    return roots
      + [RowScaling.Axis.rows, .columns].flatMap { axis in
        [false, true].flatMap { hasSecond in
          [false, true].map { isInPlace in
            VerificationCase(
              "row_scaling",
              "\(label(rows, columns, oracle)) by \(axis)" + (hasSecond ? ", two factors" : "")
                + (isInPlace ? ", in place" : ""), type, oracle: oracle
            ) { bench in
              let x = try bench.matrix(rows, columns, content)
              let output = isInPlace ? x : try bench.matrix(rows, columns, .unset)
              let count = axis == .rows ? rows : columns
              let factors = try bench.matrix(1, count, content)
              let second = hasSecond ? try bench.matrix(1, count, content) : nil
              return Prepared(
                operation: .rowScaling(
                  RowScaling(
                    output, x, by: factors, second, alpha: hasSecond ? 1 / 6 : 1, along: axis)
                ), outputs: [output])
            }
          }
        }
      }
  }

  private static func rowNorms(
    _ type: ScalarType, _ rows: Int, _ columns: Int, _ oracle: Oracle
  ) -> [VerificationCase] {
    let content = content(oracle)
    let squares = [false, true].map { hasBias in
      VerificationCase(
        "row_squares", label(rows, columns, oracle) + (hasBias ? " with bias" : ""), type,
        oracle: oracle
      ) { bench in
        let x = try bench.matrix(rows, columns, content)
        let bias = hasBias ? try bench.matrix(1, rows, content) : nil
        let squares = try bench.matrix(1, rows, .unset)
        return Prepared(
          operation: .rowSquares(RowSquares(of: x, bias: bias, into: squares)), outputs: [squares])
      }
    }
    let penalties = [(8, 0.7), (4, 1.3), (3, 0.7), (1, 2.5), (11, 0.7), (8, 0), (2, 0)].map {
      exponent, total in
      VerificationCase(
        "row_penalty", "\(label(rows, columns, oracle)) p=\(exponent) S=\(total)", type,
        oracle: oracle
      ) { bench in
        let gradient = try bench.matrix(rows, columns, content)
        let x = try bench.matrix(rows, columns, content)
        let squares = try bench.matrix(1, rows, oracle == .bits ? .special : .positive(1))
        let total = try bench.matrix(1, 1, .values([total]))
        return Prepared(
          operation: .rowPenalty(
            RowPenalty(
              gradient, of: x, squares: squares, total: total, factor: 0.3, exponent: exponent)),
          outputs: [gradient])
      }
    }
    return squares + penalties
  }
}
