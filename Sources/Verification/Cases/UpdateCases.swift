import Compute

extension VerificationCase {
  /// regularization and optimizer_update.
  static func updates(quick: Bool) -> [VerificationCase] {
    let counts = quick ? [129] : [1, 63, 128, 129, 1009, 40_009]
    return realTypes.flatMap { type in
      counts.flatMap { count in
        [Oracle.bound, .bits].flatMap { oracle in
          regularizations(type, count, oracle) + optimizers(type, count, oracle)
        }
      }
    }
  }

  private static func kind(_ oracle: Oracle) -> (String, Workbench.Content) {
    oracle == .bits ? (" special values", .special) : ("", .random(2))
  }

  private static func regularizations(
    _ type: ScalarType, _ count: Int, _ oracle: Oracle
  ) -> [VerificationCase] {
    let (suffix, content) = kind(oracle)
    return [false, true].flatMap { hasCenter in
      let label = "\(count)" + (hasCenter ? " with center" : "")
      let gradients = [nil, 0.3].map { (clip: Double?) in
        VerificationCase(
          "regularization", "gradient \(label)" + (clip == nil ? "" : " clipped") + suffix, type,
          oracle: oracle
        ) {
          let (state, gradient) = (
            try $0.matrix(1, count, content), try $0.matrix(1, count, content)
          )
          let center = hasCenter ? try $0.matrix(1, count, content) : nil
          let factor = try $0.scalar(clip)
          return Prepared(
            operation: .regularization(
              Regularization(
                .gradient(gradient, clip: factor, decay: 0.01), state: state, center: center)),
            outputs: [gradient])
        }
      }
      let decay = VerificationCase(
        "regularization", "state \(label)\(suffix)", type, oracle: oracle
      ) {
        let state = try $0.matrix(1, count, content)
        let center = hasCenter ? try $0.matrix(1, count, content) : nil
        return Prepared(
          operation: .regularization(
            Regularization(.state(rate: -0.003), state: state, center: center)), outputs: [state])
      }
      return gradients + [decay]
    }
  }

  private static func optimizers(
    _ type: ScalarType, _ count: Int, _ oracle: Oracle
  ) -> [VerificationCase] {
    let (suffix, content) = kind(oracle)
    let squares = oracle == .bits ? Workbench.Content.special : .positive(1)
    func update(
      _ name: String,
      _ rule: @escaping (Workbench) throws -> (OptimizerUpdate.Rule, [Matrix])
    ) -> VerificationCase {
      VerificationCase("optimizer_update", "\(name) \(count)\(suffix)", type, oracle: oracle) {
        let (state, gradient) = (
          try $0.matrix(1, count, content), try $0.matrix(1, count, content)
        )
        let (rule, moments) = try rule($0)
        return Prepared(
          operation: .optimizerUpdate(
            OptimizerUpdate(rule, state: state, gradient: gradient, learningRate: 0.1)),
          outputs: [state] + moments)
      }
    }
    let adam = [1, 1000].map { step in
      update("adam step \(step)") { bench in
        let (first, second) = (
          try bench.matrix(1, count, content), try bench.matrix(1, count, squares)
        )
        let rule = OptimizerUpdate.Rule.adam(
          first: first, second: second, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: step)
        return (rule, [first, second])
      }
    }
    return [
      update("sgd") { _ in (.sgd, []) },
      update("momentum") { bench in
        let velocity = try bench.matrix(1, count, content)
        return (.momentum(velocity: velocity, 0.9), [velocity])
      },
    ] + adam
  }
}
