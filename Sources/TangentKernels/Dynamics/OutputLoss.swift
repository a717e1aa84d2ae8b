import Compute
import Glibc

/// A loss of outputs on the host in Double, and its gradient.
///
///     mse            ½·mean over examples and outputs of (f − y)²
///     cross_entropy  mean over examples of −Σ y log softmax(f)
public struct OutputLoss: Sendable {
  public let kind: Loss.Kind
  /// y, [examples, outputs].
  public let targets: [Double]
  public let outputs: Int

  public init(_ kind: Loss.Kind, targets: [Double], outputs: Int) {
    precondition(targets.count % outputs == 0 && !targets.isEmpty, "a row for each example")
    (self.kind, self.targets, self.outputs) = (kind, targets, outputs)
  }

  /// L(f)
  public func value(_ f: [Double]) -> Double {
    precondition(f.count == targets.count, "outputs of all examples")
    var sum = 0.0
    switch kind {
    case .mse:
      for (f, y) in zip(f, targets) { sum += (f - y) * (f - y) }
      return sum / Double(2 * targets.count)
    case .crossEntropy:
      for row in stride(from: 0, to: f.count, by: outputs) {
        let normalizer = Self.logSumOfPowers(f[row..<row + outputs])
        for index in row..<row + outputs where targets[index] != 0 {
          sum += targets[index] * (normalizer - f[index])
        }
      }
      return sum * Double(outputs) / Double(targets.count)
    }
  }

  /// ∂L/∂f, of the shape of y.
  public func gradient(_ f: ArraySlice<Double>) -> [Double] {
    precondition(f.count == targets.count, "outputs of all examples")
    switch kind {
    case .mse: return zip(f, targets).map { ($0 - $1) / Double(targets.count) }
    case .crossEntropy:
      let share = Double(outputs) / Double(targets.count)
      var result: [Double] = []
      result.reserveCapacity(f.count)
      for row in stride(from: 0, to: f.count, by: outputs) {
        let logits = f[f.startIndex + row..<f.startIndex + row + outputs]
        let normalizer = Self.logSumOfPowers(logits)
        let total = targets[row..<row + outputs].reduce(0, +)
        for (logit, target) in zip(logits, targets[row..<row + outputs]) {
          result.append(share * (total * exp(logit - normalizer) - target))
        }
      }
      return result
    }
  }

  /// The share of examples whose largest output is that of the target; the first of equals.
  public func accuracy(_ f: [Double]) -> Double {
    func largest(_ values: ArraySlice<Double>) -> Int {
      values.indices.reduce(values.startIndex) { values[$1] > values[$0] ? $1 : $0 }
    }
    var correct = 0
    for row in stride(from: 0, to: f.count, by: outputs) {
      let range = row..<row + outputs
      if largest(f[range]) == largest(targets[range]) { correct += 1 }
    }
    return Double(correct * outputs) / Double(targets.count)
  }

  /// log Σ e^f
  private static func logSumOfPowers(_ f: ArraySlice<Double>) -> Double {
    let largest = f.max() ?? 0
    return largest + log(f.reduce(0) { $0 + exp($1 - largest) })
  }
}
