import Compute
import Glibc

@testable import Training

/// (1/N) Σ_d ½·mean_i (F_d(x_i; Δ) − t_i)² + λ(Σ‖w_r‖⁴)^{p/4} of a two-layer network with random
/// signs, by loops in plain Swift.
struct PlainRisk {
  var network: TwoLayerNetwork
  /// 0 for the network itself.
  var order: Int
  var coefficient: Int?
  /// Factors on the movement and on the outgoing weights; without signs one draw of ones.
  var draws: [(z: [Double], factor: [Double])]
  var penalty = 0.0
  var exponent = 8
  let targets = [0.3, -0.7, 1.1, 0.4]

  init(_ network: TwoLayerNetwork, order: Int, _ movement: MovementSettings, seed: UInt64) {
    self.network = network
    self.order = order
    coefficient = movement.coefficient
    penalty = movement.movementPenalty
    exponent = movement.movementExponent
    let m = network.neurons
    guard let k = movement.signOrder(ofOrder: order) else {
      let ones = [Double](repeating: 1, count: m)
      draws = [(ones, ones)]
      return
    }
    let each = k == 2 ? 1 : k
    draws = (0..<movement.evaluationDraws).map { draw in
      let words = (0..<(m * each + 3) / 4).flatMap { block in
        Philox.words(
          seed: seed, purpose: .evaluationSigns, tensor: 0,
          block: UInt64(draw) << 32 + UInt64(block)
        )
      }
      let signs = (0..<each).map { j in
        (0..<m).map { words[j * m + $0] >> 31 == 1 ? -1.0 : 1.0 }
      }
      let factorial = (1...k).reduce(1.0) { $0 * Double($1) }
      return (
        (0..<m).map { r in signs.reduce(0) { $0 + $1[r] } },
        (0..<m).map { r in k == 2 ? 1 : signs.reduce(1) { $0 * $1[r] } / factorial }
      )
    }
  }

  /// F at example i: the network, its Taylor sum, or one coefficient of that.
  private func output(_ i: Int, _ movement: [Double], _ z: [Double], _ factor: [Double]) -> Double {
    let (m, n) = (network.neurons, network.inputs)
    return (0..<m).reduce(0) { sum, r in
      var (u, t) = (network.center[m * n + r], movement[m * n + r])
      for j in 0..<n {
        u += network.center[r * n + j] * network.x[i * n + j]
        t += movement[r * n + j] * network.x[i * n + j]
      }
      t *= z[r]
      let outgoing = network.center[m * (n + 1) + r] * factor[r]
      guard order > 0 else { return sum + outgoing * tanh(u + t) }
      // y' = 1 − y²
      var series = [tanh(u)]
      for index in 0..<order {
        let square = (0...index).reduce(0) { $0 + series[$1] * series[index - $1] }
        series.append(((index == 0 ? 1 : 0) - square) / Double(index + 1))
      }
      let terms = series.indices.map { series[$0] * pow(t, Double($0)) }
      return sum + outgoing * (coefficient.map { terms[$0] } ?? terms.reduce(0, +))
    }
  }

  func value(_ movement: [Double]) -> Double {
    var sum = 0.0
    for (z, factor) in draws {
      for i in 0..<4 {
        let difference = output(i, movement, z, factor) - targets[i]
        sum += difference * difference / Double(8 * draws.count)
      }
    }
    return sum + penaltyValue(movement)
  }

  func penaltyValue(_ movement: [Double]) -> Double {
    guard penalty > 0 else { return 0 }
    let (m, n) = (network.neurons, network.inputs)
    let total = (0..<m).reduce(0.0) { total, r in
      let row = (0..<n).map { movement[r * n + $0] } + [movement[m * n + r]]
      let square = row.reduce(0) { $0 + $1 * $1 }
      return total + square * square
    }
    return penalty * pow(total, Double(exponent) / 4)
  }

  /// ½·mean_i (mean_d F_d − t_i)².
  func lossOfTheMean(_ movement: [Double]) -> Double {
    (0..<4).reduce(0) { sum, i in
      let mean =
        draws.reduce(0) { $0 + output(i, movement, $1.z, $1.factor) } / Double(draws.count)
      return sum + (mean - targets[i]) * (mean - targets[i]) / 8
    }
  }

  /// First and second derivative of t ↦ value(Δ + tv) at 0 by rules of five points.
  func derivatives(_ movement: [Double], _ v: [Double]) -> (first: Double, second: Double) {
    func at(_ t: Double) -> Double { value(zip(movement, v).map { $0 + t * $1 }) }
    func rules(_ h: Double) -> (Double, Double) {
      let (near, far) = ((at(h), at(-h)), (at(2 * h), at(-2 * h)))
      return (
        (8 * (near.0 - near.1) - (far.0 - far.1)) / (12 * h),
        (16 * (near.0 + near.1) - (far.0 + far.1) - 30 * at(0)) / (12 * h * h)
      )
    }
    // Extrapolated: the error of h⁴ cancels.
    let (coarse, fine) = (rules(5e-3), rules(2.5e-3))
    return ((16 * fine.0 - coarse.0) / 15, (16 * fine.1 - coarse.1) / 15)
  }
}
