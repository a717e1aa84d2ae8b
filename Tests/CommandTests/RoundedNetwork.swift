import Glibc
import Maclaurin
import Testing

/// A network's Taylor coefficients in Double, each with a bound on what float32 may be off.
///
/// Running error analysis (see `Bounded`) over the whole network: inputs and parameters are
/// rounded once, Δ = θ − θ0 once more, and every operation of the definition rounds its result.
struct RoundedNetwork {
  private let network: Network
  private let inputs: [Double]
  private let rows: Int
  private let start: [Bounded]
  private let displacement: [Bounded]

  init(_ golden: Golden, _ network: Network) throws {
    self.network = network
    inputs = try golden.values("x")
    rows = inputs.count / network.inputCount
    start = try golden.parameters("theta0.").map { Bounded($0, error: abs($0)) }
    displacement = try zip(golden.parameters("theta."), start).map { end, start in
      Bounded(end, error: abs(end)) - start
    }
  }

  /// The coefficients, [order+1, rows, outputs].
  func coefficients(order: Int) throws -> [Bounded] {
    let width = network.outputCount
    var result = [Bounded](repeating: Bounded(0), count: (order + 1) * rows * width)
    for row in 0..<rows {
      var jets = inputs[row * network.inputCount..<(row + 1) * network.inputCount].map { value in
        [Bounded(value, error: abs(value))] + [Bounded](repeating: Bounded(0), count: order)
      }
      for layer in network.layers {
        if layer.tensors.isEmpty {
          let activation = try #require(Activation(rawValue: layer.name))
          jets = try jets.map { try compose(activation, $0) }
        } else {
          jets = affine(layer, jets)
        }
      }
      for (output, jet) in jets.enumerated() {
        for i in 0...order { result[(i * rows + row) * width + output] = jet[i] }
      }
    }
    return result
  }

  /// y_i = α(W0 x_i + ΔW x_{i−1}) + β b_i: the chain over W0, the chain over ΔW, the bias.
  private func affine(_ layer: Network.LayerSummary, _ jets: [[Bounded]]) -> [[Bounded]] {
    let weight = layer.tensors[0]
    let columns = weight.shape[1]
    // ntk: α = σw/√n and β = σb, with σw 1 and σb 0.1 in these cases; scales are rounded once.
    let isTangent = network.description.parameterization == .ntk
    func scale(_ value: Double) -> Bounded { Bounded(value, error: value == 1 ? 0 : value) }
    let alpha = scale(isTangent ? 1 / Double(columns).squareRoot() : 1)
    let beta = scale(isTangent ? 0.1 : 1)
    return (0..<weight.shape[0]).map { output in
      jets[0].indices.map { i in
        func chain(_ matrix: [Bounded], _ coefficient: Int) -> Bounded {
          (0..<columns).reduce(Bounded(0)) { sum, column in
            .fma(
              jets[column][coefficient], matrix[weight.offset + output * columns + column], sum)
          }
        }
        var y = alpha * chain(start, i)
        if i > 0 { y = .fma(alpha, chain(displacement, i - 1), y) }
        if layer.tensors.count > 1, i < 2 {
          let bias = layer.tensors[1].offset + output
          y = y + beta * (i == 0 ? start : displacement)[bias]
        }
        return y
      }
    }
  }

  /// The coefficients of φ(z(t)) by the recurrences y′ = w(y, z) z′.
  private func compose(_ activation: Activation, _ z: [Bounded]) throws -> [Bounded] {
    let orders = 1..<z.count
    func product(_ a: [Bounded], _ b: [Bounded], _ n: Int) -> Bounded {
      (0...n).reduce(Bounded(0)) { .fma(a[$1], b[n - $1], $0) }
    }
    /// (1/n) Σ i a_i w_{n−i}
    func integral(_ a: [Bounded], _ w: [Bounded], _ n: Int) -> Bounded {
      (1...n).reduce(Bounded(0)) { .fma(Bounded(Double($1)) * a[$1], w[n - $1], $0) }
        / Bounded(Double(n))
    }
    let height = z[0].value
    switch activation {
    case .relu:
      // The gate is the same in float32 where z₀ keeps its sign.
      try #require(abs(height) > 0x1p-23 * z[0].error, "a gate too close to its edge")
      return height > 0 ? z : z.map { _ in Bounded(0) }
    case .tanh:
      let t = tanh(height)
      var y = [z[0].applying(value: t, derivative: 1 - t * t)]
      var w = [Bounded.fma(-y[0], y[0], Bounded(1))]
      for n in orders {
        y.append(integral(z, w, n))
        w.append(-product(y, y, n))
      }
      return y
    case .softplus:
      let s = 1 / (1 + exp(-height))
      // σ and σ(1 − σ) are quotients around exp: twice its error, and both errors.
      var sigma = [z[0].applying(value: s, derivative: s * (1 - s), error: 8)]
      var q = [
        z[0].applying(
          value: s * (1 - s), derivative: s * (1 - s) * (1 - 2 * s), error: 17)
      ]
      var y = [z[0].applying(value: log1p(exp(height)), derivative: s, error: 8)]
      for n in orders {
        sigma.append(integral(z, q, n))
        q.append(sigma[n] - product(sigma, sigma, n))
        y.append(integral(z, sigma, n))
      }
      return y
    case .erf: return errorFunction(z, square: 1, height: erf(height), 2 / Double.pi.squareRoot())
    case .gelu:
      let gate = errorFunction(
        z, square: 0.5, height: 0.5 * erfc(-height / 2.0.squareRoot()),
        1 / (2 * Double.pi).squareRoot())
      return z.indices.map { product(z, gate, $0) }
    default:
      Issue.record("no bound for \(activation)")
      return z
    }
  }

  /// y with y′ = c·e^{−a z²} z′ and the given height: erf, and gelu's gate.
  private func errorFunction(
    _ z: [Bounded], square a: Double, height: Double, _ c: Double
  ) -> [Bounded] {
    let orders = 1..<z.count
    let q = z.indices.map { n in
      Bounded(-a) * (0...n).reduce(Bounded(0)) { .fma(z[$1], z[n - $1], $0) }
    }
    let slope = c * exp(-a * z[0].value * z[0].value)
    // The Gaussian is a product around exp, with its argument's rounding put back: 9 units.
    var w = [
      z[0].applying(value: slope, derivative: 2 * a * z[0].value * slope, error: 9)
    ]
    // gelu's argument z/√2 is rounded twice.
    var argument = z[0]
    if a != 1 { argument.error += 2 * abs(z[0].value) }
    var y = [argument.applying(value: height, derivative: slope)]
    func integral(_ f: [Bounded], _ n: Int) -> Bounded {
      (1...n).reduce(Bounded(0)) { .fma(Bounded(Double($1)) * f[$1], w[n - $1], $0) }
        / Bounded(Double(n))
    }
    for n in orders {
      y.append(integral(z, n))
      w.append(integral(q, n))
    }
    return y
  }
}
