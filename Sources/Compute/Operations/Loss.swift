import Glibc
import Kernels

/// The loss of F = Σ_i y_i s^{−i} and the cotangents of the logits' jet.
///
/// mse: per example ½ Σ_o (F_o − t_o)²; cross-entropy: −Σ_o t_o log softmax(F)_o. Cotangents
/// ȳ_i = ∂L/∂F·s^{−i} with L the sum of the per-example losses times `factor` (1/batch, and
/// 1/(batch·outputs) for mse). `correct` is 1 where the largest output is the target's.
public struct Loss: PortableOperation {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case mse
    case crossEntropy = "cross_entropy"
  }

  public var kind: Kind
  /// Coefficients y_0… of the output, [(degree+1)·batch, outputs].
  public var logits: JetView
  /// [batch, outputs]
  public var targets: Matrix
  public var scale: Matrix?
  public var factor: Double
  /// F, [batch, outputs].
  public var outputs: Matrix
  /// [1, batch] each.
  public var losses: Matrix
  public var correct: Matrix
  /// Receives ȳ_1…; for a jet of degree 0 its only block is ȳ_0.
  public var cotangent: JetView?

  public init(
    _ kind: Kind, logits: JetView, targets: Matrix, scale: Matrix?, factor: Double,
    outputs: Matrix, losses: Matrix, correct: Matrix, cotangent: JetView?
  ) {
    precondition(logits.directions == 1 && targets.isContiguous, "one direction")
    precondition(targets.rows == logits.block && targets.columns == logits.columns, "targets")
    self.kind = kind
    self.logits = logits
    self.targets = targets
    self.scale = scale
    self.factor = factor
    self.outputs = outputs
    self.losses = losses
    self.correct = correct
    self.cotangent = cotangent
  }

  public var name: String { "loss" }
  public var cost: Cost {
    Cost(
      flops: 30 * Double(targets.count),
      bytes: Double(targets.count * targets.type.byteCount * (3 + 2 * logits.degree)))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&logits, .read, body)
    try visit(&targets, .read, body)
    try visit(&scale, .read, body)
    try visit(&outputs, .write, body)
    try visit(&losses, .write, body)
    try visit(&correct, .write, body)
    if var cotangent {
      try visit(&cotangent, .write, body)
      self.cotangent = cotangent
    }
  }

  public func define() {
    let inverse = Bounded(1 / (scale?[0, 0].value ?? 1))
    let width = logits.columns
    for row in 0..<logits.block {
      var f: [Bounded] = []
      let target = (0..<width).map { targets.exact(row, $0) }
      for o in 0..<width {
        var value = logits[0].exact(row, o)
        var power = Bounded(1)
        for i in 0..<logits.degree {
          power = Bounded(power.value * inverse.value)
          value = .fma(logits[i + 1].exact(row, o), power, value)
        }
        f.append(value)
        outputs[row, o] = value
      }
      let at = f.indices.max { f[$0].value < f[$1].value }!
      let atTarget = target.indices.max { target[$0].value < target[$1].value }!
      // A largest output that rounding may take from its place: the bound covers both answers.
      let unit = logits.type.unitRoundoff
      let isClose = f.indices.contains { other in
        other != at && f[at].error + f[other].error > 0
          && f[at].value - f[other].value <= (f[at].error + f[other].error) * unit
      }
      correct.flat[0, row] = Bounded(
        f.firstIndex { $0.value == f[at].value }
          == target.firstIndex { $0.value == target[atTarget].value } ? 1 : 0,
        error: isClose ? 1 / unit : 0)
      let targetSum = target.reduce(Bounded(0), +)
      var gradient: [Bounded] = []
      let factor = Bounded(logits.type.round(self.factor))
      switch kind {
      case .mse:
        let differences = zip(f, target).map { $0 - $1 }
        losses.flat[0, row] =
          Bounded(0.5) * differences.reduce(Bounded(0)) { .fma($1, $1, $0) }
        gradient = differences.map { factor * $0 }
      case .crossEntropy:
        let shifted = f.map { $0 - f[at] }
        let sum = shifted.map(\.exponential).reduce(Bounded(0), +)
        let total = zip(target, shifted).reduce(Bounded(0)) { total, pair in
          .fma(pair.0, pair.1 - sum.logarithm, total)
        }
        losses.flat[0, row] = -total
        gradient = zip(target, shifted).map { target, shifted in
          factor * Bounded.fma(shifted.exponential / sum, targetSum, -target)
        }
      }
      guard let cotangent else { continue }
      for o in 0..<width {
        var value = gradient[o]
        if logits.degree > 0 { value = value * inverse }
        for i in 0..<cotangent.degree {
          cotangent[i + 1][row, o] = value
          value = value * inverse
        }
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let type = logits.type
    let parameters = LossParameters(
      kind: kind == .mse ? 0 : 1, rows: logits.block, outputs: logits.columns,
      degree: logits.degree, capacity: logits.capacity, cotangentDegree: cotangent?.degree ?? 0,
      cotangentFirst: logits.degree > 0 ? 1 : 0, factor: type.encode(factor),
      hasScale: scale == nil ? 0 : 1)
    return [
      Launch(
        "loss", source: "loss", type: type, .items(logits.block),
        [
          outputs, cotangent?.matrix ?? outputs, losses, correct, logits.matrix, targets,
          scale ?? targets,
        ], parameters)
    ]
  }
}
