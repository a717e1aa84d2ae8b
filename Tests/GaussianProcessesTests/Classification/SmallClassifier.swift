import Compute
import GaussianProcesses
import Glibc
import Networks
import TestSupport

/// f = W₂ tanh(W₁x + b₁) + b₂ with its Jacobian by hand, and Laplace's posterior over its parameters by dense
/// linear algebra in plain loops: nothing of it is the code under test.
struct SmallClassifier {
  let inputs = 3
  let hidden = 4
  let classes = 3
  let network: Network
  let parameters: [Double]

  init(seed: UInt64 = 3) throws {
    let text =
      #"{"input": [3], "layers": [{"dense": {"units": 4}}, "tanh", {"dense": {"units": 3}}]}"#
    network = try Network(NetworkDescription(json: Array(text.utf8), named: "small"))
    parameters = sample(network.parameterCount, seed: seed)
  }

  func model(
    on backend: any Backend, _ type: ScalarType = .float64, scales: [Double]? = nil,
    prior: LinearizedNetwork.PriorMean = .network
  ) throws -> LinearizedNetwork {
    try LinearizedNetwork(
      network, at: backend.matrix(1, parameters.count, type, parameters), scales: scales,
      priorMean: prior, on: backend)
  }

  /// Where a tensor lies among the parameters.
  private func offset(_ name: String) -> Int {
    network.parameters.first { $0.name == name }?.offset ?? -1
  }

  /// Outputs, [n·O], and the rows of J R, [n·O][P].
  func linearization(_ x: [Double], scales: [Double]) -> (outputs: [Double], rows: [[Double]]) {
    let (w1, b1) = (offset("layers.0.weight"), offset("layers.0.bias"))
    let (w2, b2) = (offset("layers.2.weight"), offset("layers.2.bias"))
    var (outputs, rows): ([Double], [[Double]]) = ([], [])
    for first in stride(from: 0, to: x.count, by: inputs) {
      let h = (0..<hidden).map { j -> Double in
        var z = parameters[b1 + j]
        for i in 0..<inputs { z += parameters[w1 + j * inputs + i] * x[first + i] }
        return tanh(z)
      }
      for o in 0..<classes {
        var f = parameters[b2 + o]
        var row = [Double](repeating: 0, count: parameters.count)
        for j in 0..<hidden {
          let w = parameters[w2 + o * hidden + j]
          f += w * h[j]
          row[w2 + o * hidden + j] = h[j]
          row[b1 + j] = w * (1 - h[j] * h[j])
          for i in 0..<inputs {
            row[w1 + j * inputs + i] = w * (1 - h[j] * h[j]) * x[first + i]
          }
        }
        row[b2 + o] = 1
        for (tensor, scale) in zip(network.parameters, scales) {
          for index in tensor.offset..<(tensor.offset + tensor.count) { row[index] *= scale }
        }
        outputs.append(f)
        rows.append(row)
      }
    }
    return (outputs, rows)
  }

  struct Dense {
    /// ŵ
    var weights: [Double]
    var logEvidence: Double
    /// [m·O] and [m·O, m·O].
    var mean: [Double]
    var covariance: [Double]
  }

  /// Newton's method for ŵ with the whole Hessian, and what it predicts.
  func laplace(
    train x: [Double], targets t: [Double], test: [Double], scales: [Double], priorStd: Double
  ) -> Dense {
    let (m, rows) = linearization(x, scales: scales)
    let size = parameters.count
    var w = [Double](repeating: 0, count: size)
    var (factor, value) = ([[Double]](), 0.0)
    for _ in 0..<60 {
      var gradient = w.map { -$0 }
      var hessian = (0..<size).map { i in (0..<size).map { $0 == i ? 1.0 : 0 } }
      value = -inner(w, w) / 2
      for example in 0..<(m.count / classes) {
        let index = (0..<classes).map { example * classes + $0 }
        let powers = index.map { exp(m[$0] + priorStd * inner(rows[$0], w)) }
        let total = powers.reduce(0, +)
        for (c, i) in index.enumerated() {
          value += t[i] * log(powers[c] / total)
          let slope = priorStd * (t[i] - powers[c] / total)
          for k in 0..<size { gradient[k] += slope * rows[i][k] }
          for (d, j) in index.enumerated() {
            let p = (powers[c] / total, powers[d] / total)
            let weight = priorStd * priorStd * ((c == d ? p.0 : 0) - p.0 * p.1)
            for k in 0..<size where rows[i][k] != 0 {
              for l in 0..<size { hessian[k][l] += weight * rows[i][k] * rows[j][l] }
            }
          }
        }
      }
      factor = Self.cholesky(hessian)
      let step = Self.solve(factor, gradient)
      let length = norm(step)
      // Half steps where the logits are far away keep this simple method convergent.
      let share = length > 1 ? 0.5 : 1
      w = zip(w, step).map { $0 + share * $1 }
      if length < 1e-13 { break }
    }
    let (mean, tests) = linearization(test, scales: scales)
    let solved = tests.map { Self.solve(factor, $0) }
    return Dense(
      weights: w,
      logEvidence: value - factor.indices.reduce(0) { $0 + log(factor[$1][$1]) },
      mean: mean.indices.map { mean[$0] + priorStd * inner(tests[$0], w) },
      covariance: tests.flatMap { row in
        solved.map { priorStd * priorStd * inner(row, $0) }
      })
  }

  static func cholesky(_ a: [[Double]]) -> [[Double]] {
    var l = a.map { $0.map { _ in 0.0 } }
    for i in a.indices {
      for j in 0...i {
        var sum = a[i][j]
        for k in 0..<j { sum -= l[i][k] * l[j][k] }
        l[i][j] = i == j ? sqrt(sum) : sum / l[j][j]
      }
    }
    return l
  }

  static func solve(_ l: [[Double]], _ b: [Double]) -> [Double] {
    var x = b
    for i in x.indices {
      for k in 0..<i { x[i] -= l[i][k] * x[k] }
      x[i] /= l[i][i]
    }
    for i in x.indices.reversed() {
      for k in (i + 1)..<max(i + 1, x.count) { x[i] -= l[k][i] * x[k] }
      x[i] /= l[i][i]
    }
    return x
  }
}
