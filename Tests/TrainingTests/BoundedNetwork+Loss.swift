@testable import Compute

extension BoundedNetwork {
  /// The mean loss over examples and its gradient, with their bounds.
  func lossAndGradient(
    _ kind: Loss.Kind, inputs: [[Double]], targets: [[Double]]
  ) -> (loss: Bounded, gradient: [Bounded]) {
    var tapes: [Tape] = []
    var cotangents: [Series] = []
    var total = Bounded(0)
    let outputs = targets[0].count
    let factor = 1 / Double(kind == .mse ? inputs.count * outputs : inputs.count)
    for (x, target) in zip(inputs, targets) {
      var tape = Tape()
      let f = expand(x, tape: &tape)
      tapes.append(tape)
      // F = Σ_i f_i
      let sum = f.dropFirst().reduce(f[0]) { zip($0, $1).map { $0 + $1 } }
      let (loss, cotangent) = Self.loss(kind, sum, target, factor: factor)
      total = total + loss
      cotangents.append([[Bounded]](repeating: cotangent, count: max(1, order)))
    }
    // The reduction's lanes and its tree: at most 8 more roundings.
    total.error += 8 * total.value
    return (Bounded(factor) * total, pullback(tapes, cotangents))
  }

  /// One example's loss and its derivative with respect to the outputs, times `factor`.
  private static func loss(
    _ kind: Loss.Kind, _ f: [Bounded], _ target: [Double], factor: Double
  ) -> (Bounded, [Bounded]) {
    let factor = Bounded(factor, error: factor)
    switch kind {
    case .mse:
      let differences = zip(f, target).map { $0 - Bounded($1) }
      let loss = Bounded(0.5) * differences.reduce(Bounded(0)) { .fma($1, $1, $0) }
      return (loss, differences.map { factor * $0 })
    case .crossEntropy:
      let largest = f.max { $0.value < $1.value }!
      let shifted = f.map { $0 - largest }
      let powers = shifted.map(\.exponential)
      let sum = powers.reduce(Bounded(0), +)
      let logarithm = sum.logarithm
      let loss = zip(shifted, target).reduce(Bounded(0)) { total, pair in
        .fma(Bounded(-pair.1), pair.0 - logarithm, total)
      }
      let targetSum = Bounded(target.reduce(0, +))
      let gradient = zip(powers, target).map { power, target in
        factor * (Bounded.fma(power / sum, targetSum, Bounded(-target)))
      }
      return (loss, gradient)
    }
  }
}
