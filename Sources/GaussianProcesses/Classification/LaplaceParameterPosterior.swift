import Compute
import Glibc

/// The posterior of the logits with a softmax's likelihood, by Laplace's approximation in parameter
/// space: w ~ N(ŵ, H⁻¹), H = I + σp²·R JᵀW J R, where ŵ maximises
///
///     ψ(w) = log p(t | m + σp·J R w) − ½‖w‖²
///
/// by Newton's method. A step is H⁻¹∇ψ by conjugate gradients on exact products, to a relative residual
/// of min(0.1, √(‖∇ψ‖/‖∇ψ₀‖)) (Nocedal and Wright, Numerical Optimization, 7.1), halved until ψ grows by
/// 10⁻⁴ of what its slope promises; the logits are linear in w, so that halving costs no product. Newton's
/// method ends where ‖∇ψ‖ ≤ tolerance·max(1, ‖w‖), which bounds ‖w − ŵ‖. No matrix [n·O, n·O] is formed.
///
/// The covariance σp²·J*R H⁻¹ R J*ᵀ takes a solution for each logit. The log evidence needs log det H and is
/// not computed here.
public final class LaplaceParameterPosterior: Posterior {
  /// When iterations end.
  public struct Limits: Sendable {
    /// Of Newton's method and of conjugate gradients; nil for 1e-10 in float64 and 1e-5 in float32.
    public var tolerance: Double?
    public var newtonSteps = 100
    /// Of one solution.
    public var iterations = 2000
    public init() {}
  }

  public let model: LinearizedNetwork
  /// σp
  public let priorStd: Double
  /// ŵ, [P].
  public let weights: [Double]
  /// f̂ of the training examples, [n·O].
  public let logits: [Double]
  public let logLikelihood: Double
  /// Steps of Newton's method, and ‖∇ψ‖/max(1, ‖ŵ‖) where they ended.
  public let newtonSteps: Int
  public let residual: Double
  private let system: SoftmaxCurvatureSystem

  /// Iterations of conjugate gradients so far.
  public var iterations: Int { system.iterations }

  /// - Throws: `GaussianProcessError` where the limits do not suffice. Waits.
  public init(
    _ model: LinearizedNetwork, _ observations: ClassObservations, priorStd: Double,
    limits: Limits = Limits()
  ) throws {
    precondition(priorStd > 0 && observations.classes == model.outputs)
    let tolerance = limits.tolerance ?? (model.type == .float64 ? 1e-10 : 1e-5)
    let (x, t, o) = (observations.inputs, observations.targets, observations.classes)
    let system = try SoftmaxCurvatureSystem(
      model, x, targets: t, prior: priorStd * priorStd, tolerance: tolerance,
      mostIterations: limits.iterations)
    var w = [Double](repeating: 0, count: model.parameterCount)
    var f = try model.mean(x)
    var (steps, first, residual) = (0, 0.0, Double.infinity)
    var isLast = false
    while true {
      let (p, likelihood) = SoftmaxLikelihood.evaluate(f, targets: t, outputs: o)
      var slopes = t
      for index in slopes.indices { slopes[index] = priorStd * (t[index] - p[index]) }
      var gradient = try model.backend.download(
        model.pull(model.backend.matrix(x.rows, o, model.type, slopes), count: 1, x))
      for index in gradient.indices { gradient[index] -= w[index] }
      let (size, length) = (Self.norm(gradient), Self.norm(w))
      guard likelihood.isFinite, size.isFinite else {
        throw GaussianProcessError(
          "the logits of the training examples or their derivatives are no numbers; check the "
            + "parameters and the inputs, or give a smaller --prior-std")
      }
      residual = size / max(1, length)
      try system.setLogits(f)
      if residual <= tolerance || isLast || steps == limits.newtonSteps {
        (logLikelihood, logits) = (likelihood, f)
        break
      }
      if steps == 0 { first = size }
      let direction = try system.solve(
        gradient, count: 1, tolerance: max(tolerance, min(0.1, (size / first).squareRoot())))
      var change = try model.backend.download(
        model.push(
          model.backend.matrix(1, w.count, model.type, direction), x))
      for index in change.indices { change[index] *= priorStd }
      let objective = likelihood - length * length / 2
      var slope = 0.0
      for index in w.indices { slope += gradient[index] * direction[index] }
      let rounding = 1e-14 * (1 + abs(objective))
      // A step whose gain is lost in rounding is the last one.
      isLast = !(slope > rounding)
      var step = 1.0
      while step > 1e-12 {
        let (next, logits) = (Self.moved(w, step, direction), Self.moved(f, step, change))
        let value =
          SoftmaxLikelihood.evaluate(logits, targets: t, outputs: o).logLikelihood
          - Self.inner(next, next) / 2
        if value >= objective + 1e-4 * step * slope - rounding { break }
        step /= 2
      }
      if step <= 1e-12 { isLast = true }
      w = Self.moved(w, step, direction)
      f = Self.moved(f, step, change)
      steps += 1
    }
    // float32 products leave their rounding in the gradient.
    let allowed = max(tolerance, model.type == .float64 ? 1e-6 : 1e-3)
    guard residual <= allowed else {
      throw GaussianProcessError(
        "Newton's method has not found the most probable parameters in \(steps) steps (residual "
          + "\(residual)); allow more steps, or give a smaller --prior-std than \(priorStd)")
    }
    (self.model, self.priorStd, weights) = (model, priorStd, w)
    (newtonSteps, self.residual, self.system) = (steps, residual, system)
  }

  private static func inner(_ x: [Double], _ y: [Double]) -> Double {
    var sum = 0.0
    for index in x.indices { sum += x[index] * y[index] }
    return sum
  }

  private static func norm(_ x: [Double]) -> Double { inner(x, x).squareRoot() }

  private static func moved(_ x: [Double], _ step: Double, _ direction: [Double]) -> [Double] {
    var result = x
    for index in result.indices { result[index] += step * direction[index] }
    return result
  }

  // MARK: Predictions

  /// Vectors that conjugate gradients solve for at once.
  private static let block = 16

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    let (m, o, width) = (inputs.rows, model.outputs, model.parameterCount)
    let mean = try logits([weights], inputs)
    guard form != .none else { return GaussianOutputs(outputs: o, mean: mean) }
    var covariance: [Double] = []
    let group = max(1, Self.block / o)
    for first in stride(from: 0, to: m, by: group) {
      let examples = first..<min(m, first + group)
      let own = inputs.rows(examples)
      let count = examples.count * o
      // R Jᵀ of one logit in each row.
      var units = [Double](repeating: 0, count: count * count)
      for logit in 0..<count { units[logit * count + logit] = 1 }
      var rows = try model.backend.download(
        model.pull(
          model.backend.matrix(count * examples.count, o, model.type, units), count: count, own))
      for index in rows.indices { rows[index] *= priorStd }
      let solutions = try model.backend.matrix(
        count, width, model.type, system.solve(rows, count: count))
      let seen = form == .full ? inputs : own
      var values = try model.backend.download(model.push(solutions, seen))
      for index in values.indices { values[index] *= priorStd }
      let length = seen.rows * o
      for logit in 0..<count {
        let row = logit * length
        switch form {
        case .none: break
        case .variances: covariance.append(max(0, values[row + logit]))
        case .blocks:
          let start = row + logit / o * o
          covariance.append(contentsOf: values[start..<(start + o)])
        case .full: covariance.append(contentsOf: values[row..<(row + length)])
        }
      }
    }
    if form != .variances {
      Self.symmetrize(&covariance, form == .full ? m * o : o)
    }
    return GaussianOutputs(outputs: o, mean: mean, form, covariance)
  }

  /// Blocks [size, size], each the mean of itself and its transpose, no variance below 0.
  private static func symmetrize(_ blocks: inout [Double], _ size: Int) {
    for first in stride(from: 0, to: blocks.count, by: size * size) {
      for i in 0..<size {
        let diagonal = first + i * size + i
        blocks[diagonal] = max(0, blocks[diagonal])
        for j in 0..<i {
          let (a, b) = (first + i * size + j, first + j * size + i)
          let value = (blocks[a] + blocks[b]) / 2
          (blocks[a], blocks[b]) = (value, value)
        }
      }
    }
  }

  /// m* + σp·J*R w for every w, [count, m·O].
  private func logits(_ weights: [[Double]], _ inputs: Matrix) throws -> [Double] {
    let mean = try model.mean(inputs)
    var values: [Double] = []
    for first in stride(from: 0, to: weights.count, by: Self.block) {
      let part = weights[first..<min(weights.count, first + Self.block)]
      var flat: [Double] = []
      for w in part { flat += w }
      values += try model.backend.download(
        model.push(
          model.backend.matrix(part.count, model.parameterCount, model.type, flat), inputs))
    }
    for index in values.indices {
      values[index] = mean[index % mean.count] + priorStd * values[index]
    }
    return values
  }

  // MARK: Samples

  /// Samples of ŵ + H^{−½}z, [P] each: w = ŵ + H⁻¹(σp·R JᵀB ε₁ + ε₂) with standard normal ε, for the right
  /// side has the covariance H, and so w has H⁻¹ (Papandreou and Yuille, NIPS 2010). One solution for each
  /// sample, whatever is predicted. The normal numbers are the same on every device.
  public func weightSamples(_ count: Int, seed: UInt64) throws -> [[Double]] {
    let (n, o, width) = (system.inputs.rows, model.outputs, model.parameterCount)
    let p = SoftmaxLikelihood.probabilities(logits, outputs: o)
    var samples: [[Double]] = []
    for first in stride(from: 0, to: count, by: Self.block) {
      let part = first..<min(count, first + Self.block)
      var (rough, sides): ([Double], [Double]) = ([], [])
      for sample in part {
        let noise = Philox.normals(
          n * o, seed: seed, purpose: .outputSamples, tensor: 2 * sample + 1)
        rough += SoftmaxLikelihood.root(p, noise, outputs: o)
        sides += Philox.normals(
          width, seed: seed, purpose: .outputSamples, tensor: 2 * sample + 2)
      }
      let pulled = try model.backend.download(
        model.pull(
          model.backend.matrix(part.count * n, o, model.type, rough), count: part.count,
          system.inputs))
      for index in sides.indices { sides[index] += priorStd * pulled[index] }
      let solutions = try system.solve(sides, count: part.count)
      for sample in 0..<part.count {
        var w = weights
        for index in 0..<width { w[index] += solutions[sample * width + index] }
        samples.append(w)
      }
    }
    return samples
  }

  /// Logits of samples of the parameters, [count, m·O].
  public func samples(_ inputs: Matrix, count: Int, seed: UInt64) throws -> [Double] {
    try logits(weightSamples(count, seed: seed), inputs)
  }
}
