import Compute
import DataSets
import Glibc
import Networks
import TestSupport
import Training

/// A dense network of tanh in plain loops, with its Taylor coefficients along a ray: the oracle of
/// expansions in these tests. Parameters are flat, weight [out, in] before bias, layer by layer.
struct PlainNetwork {
  var widths: [Int]

  /// f_0…f_k along Δ, each [examples · outputs]: y_0 = tanh(z_0) and, from y′ = (1 − y²)z′,
  /// n y_n = Σ_j j z_j w_{n−j} with w = 1 − y².
  func coefficients(
    _ inputs: [Double], center: [Double], along movement: [Double], order: Int
  ) -> [[Double]] {
    let count = inputs.count / widths[0]
    var result = [[Double]](repeating: [], count: order + 1)
    for row in 0..<count {
      var x = (0...order).map { i in
        i == 0 ? Array(inputs[(row * widths[0])..<((row + 1) * widths[0])]) : zero(widths[0])
      }
      var offset = 0
      for layer in 1..<widths.count {
        let (n, m) = (widths[layer - 1], widths[layer])
        var z = [[Double]](repeating: zero(m), count: order + 1)
        for i in 0...order {
          for o in 0..<m {
            let bias = offset + n * m + o
            z[i][o] = i == 0 ? center[bias] : i == 1 ? movement[bias] : 0
            for k in 0..<n {
              z[i][o] += center[offset + o * n + k] * x[i][k]
              if i > 0 { z[i][o] += movement[offset + o * n + k] * x[i - 1][k] }
            }
          }
        }
        offset += n * m + m
        x = layer == widths.count - 1 ? z : tanh(z)
      }
      for i in 0...order { result[i] += x[i] }
    }
    return result
  }

  private func zero(_ count: Int) -> [Double] { [Double](repeating: 0, count: count) }

  private func tanh(_ z: [[Double]]) -> [[Double]] {
    var y = z
    for unit in z[0].indices {
      var w = [Double](repeating: 0, count: z.count)
      for n in z.indices {
        if n == 0 {
          y[0][unit] = Glibc.tanh(z[0][unit])
        } else {
          y[n][unit] = (1...n).reduce(0) { $0 + Double($1) * z[$1][unit] * w[n - $1] } / Double(n)
        }
        w[n] = (n == 0 ? 1 : 0) - (0...n).reduce(0) { $0 + y[$1][unit] * y[n - $1][unit] }
      }
    }
    return y
  }

  /// f(x; θ).
  func outputs(_ inputs: [Double], at parameters: [Double]) -> [Double] {
    coefficients(inputs, center: parameters, along: zero(parameters.count), order: 0)[0]
  }

  /// J, a row for every example and output, by differences of fourth order: truncation h⁴/30 times
  /// a fifth derivative of size 10, rounding 10⁻¹⁶/h, together below 10⁻¹¹.
  func jacobian(_ inputs: [Double], at parameters: [Double]) -> [[Double]] {
    let h = 1e-3
    let columns = parameters.indices.map { index in
      func moved(_ t: Double) -> [Double] {
        var parameters = parameters
        parameters[index] += t * h
        return outputs(inputs, at: parameters)
      }
      let (a, b, c, d) = (moved(-2), moved(-1), moved(1), moved(2))
      return a.indices.map { (a[$0] - 8 * b[$0] + 8 * c[$0] - d[$0]) / (12 * h) }
    }
    return columns[0].indices.map { row in columns.map { $0[row] } }
  }
}

/// A small problem of regression in float64, trained with all examples in every step.
struct Regression {
  let plain: PlainNetwork
  let problem: Problem
  let inputs: [Double]
  let targets: [Double]

  init(
    _ widths: [Int], examples: Int, scale: Double = 1, seed: UInt64 = 1, targetScale: Double = 1
  ) throws {
    plain = PlainNetwork(widths: widths)
    inputs = sample(examples * widths[0], seed: seed + 10)
    targets = sample(examples * widths[widths.count - 1], seed: seed + 20).map { targetScale * $0 }
    let network = try denseNetwork(
      widths, [Activation](repeating: .tanh, count: widths.count - 2))
    problem = Problem(
      network: network, start: network.sampleParameters(seed: seed, scale: scale),
      train: Examples(
        inputs, inputSize: widths[0],
        targets: .values(targets, outputs: widths[widths.count - 1])))
  }

  var batchSize: Int { inputs.count / plain.widths[0] }

  func settings(
    _ order: Int, _ relinearization: Relinearization, steps: Int, rate: Double,
    optimizer: TrainingSettings.Optimizer = .sgd
  ) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: .mse, optimizer: optimizer, learningRate: rate, batchSize: batchSize,
      steps: steps, relinearization: relinearization, type: .float64, logEvery: 1)
  }
}
