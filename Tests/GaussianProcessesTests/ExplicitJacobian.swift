import Compute
import Glibc
import Maclaurin
import Networks
import TestSupport

/// Networks with every kind of layer that has parameters.
enum SmallNetwork: String, CaseIterable, Sendable {
  /// Two dense layers.
  case dense
  /// Factors of weights and biases that are not 1.
  case ntk
  /// Convolutions with several positions, with a stride, of single positions, and without a bias.
  case convolution
  /// Trained normalization of images and of features, and a residual block.
  case residual
  /// What imported models have: convolutions in groups, and normalization with stored statistics.
  case imported

  private var text: String {
    switch self {
    case .dense:
      #"{"input": [3], "layers": [{"dense": {"units": 5, "bias_std": 0.1}}, "tanh", {"dense": {"units": 3}}]}"#
    case .ntk:
      #"{"input": [4], "parameterization": "ntk", "layers": [{"dense": {"units": 5, "weight_std": 1.5, "bias_std": 0.3}}, "erf", {"dense": {"units": 2, "weight_std": 1.2}}]}"#
    case .convolution:
      #"{"input": [2, 5, 4], "layers": [{"conv": {"channels": 3, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "tanh", {"conv": {"channels": 2, "kernel": [3, 2], "stride": 2, "bias": false}}, "tanh", {"conv": {"channels": 2, "kernel": 1, "bias_std": 0.1}}, "tanh", "flatten", {"dense": {"units": 3}}]}"#
    case .imported:
      #"{"input": [4, 3, 3], "layers": [{"conv": {"channels": 6, "kernel": 2, "groups": 2, "bias_std": 0.1}}, {"batch_norm": {"affine": true}}, "tanh", {"conv": {"channels": 6, "kernel": 1, "groups": 6, "bias": false}}, "flatten", {"dense": {"units": 2}}]}"#
    case .residual:
      #"{"input": [2, 3, 3], "layers": [{"conv": {"channels": 2, "kernel": 2}}, {"layer_norm": {"affine": true}}, {"residual": {"main": ["tanh", {"conv": {"channels": 2, "kernel": 3, "padding": "same"}}], "shortcut": [{"conv": {"channels": 2, "kernel": 1}}]}}, "global_avg_pool", {"dense": {"units": 4}}, {"layer_norm": {"affine": true}}, "tanh", {"dense": {"units": 2}}]}"#
    }
  }

  func network() throws -> Network {
    try Network(NetworkDescription(json: Array(text.utf8), named: rawValue))
  }
}

/// A network whose Jacobian is in memory, one row by one pass back.
struct ExplicitJacobian {
  let network: Network
  let center: Matrix
  let inputs: Matrix
  /// J, [n·O, P], example after example.
  let rows: [Double]
  /// f, [n·O]
  let values: [Double]

  init(
    _ kind: SmallNetwork, examples: Int, type: ScalarType = .float64, seed: UInt64 = 1,
    on backend: any Backend
  ) throws {
    try self.init(kind.network(), examples: examples, type: type, seed: seed, on: backend)
  }

  init(
    _ network: Network, examples: Int, type: ScalarType = .float64, seed: UInt64 = 1,
    on backend: any Backend
  ) throws {
    self.network = network
    center = try backend.matrix(
      1, network.parameterCount, type, network.sampleParameters(seed: seed))
    inputs = try backend.matrix(
      examples, network.inputCount, type,
      sample(examples * network.inputCount, seed: seed + 1).map { 1.5 * $0 })
    let o = network.outputCount
    var unit = [Double](repeating: 0, count: o * o)
    for k in 0..<o { unit[k * o + k] = 1 }
    var rows: [Double] = []
    for n in 0..<examples {
      rows += try backend.download(
        network.vectorJacobianProducts(
          backend.matrix(o, o, type, unit), inputs.rows(n..<(n + 1)), at: center, directions: o,
          on: backend))
    }
    self.rows = rows
    values = try backend.download(
      LinearizedNetwork(network, at: center, on: backend).values(inputs))
  }

  /// Numbers of their own for every tensor, 0 for the second.
  var someScales: [Double] {
    network.parameters.indices.map { $0 == 1 ? 0 : 0.5 + 0.25 * Double($0) }
  }

  /// r_t of every parameter.
  func scales(_ scales: [Double]?) -> [Double] {
    network.parameters.enumerated().flatMap { index, tensor in
      [Double](repeating: scales?[index] ?? 1, count: tensor.count)
    }
  }

  /// (1/n) Σ R JᵀHJ R, [P, P].
  func fisher(
    _ likelihood: OutputLikelihood, _ scales: [Double]?, logits: [Double]? = nil
  ) -> [Double] {
    let (p, o) = (network.parameterCount, network.outputCount)
    let (n, r, f) = (inputs.rows, self.scales(scales), logits ?? values)
    var result = [Double](repeating: 0, count: p * p)
    for x in 0..<n {
      let logits = f[(x * o)..<((x + 1) * o)]
      let sum = logits.reduce(0) { $0 + exp($1) }
      let probabilities = logits.map { exp($0) / sum }
      for a in 0..<o {
        for b in 0..<o {
          let h: Double =
            likelihood == .gaussian
            ? (a == b ? 1 : 0)
            : (a == b ? probabilities[a] : 0) - probabilities[a] * probabilities[b]
          guard h != 0 else { continue }
          for i in 0..<p {
            let left = h / Double(n) * r[i] * rows[(x * o + a) * p + i]
            guard left != 0 else { continue }
            for j in 0..<p { result[i * p + j] += left * r[j] * rows[(x * o + b) * p + j] }
          }
        }
      }
    }
    return result
  }

  /// J R, [n·O, P].
  func scaledRows(_ scales: [Double]? = nil) -> [Double] {
    let r = self.scales(scales)
    return rows.indices.map { rows[$0] * r[$0 % r.count] }
  }
}
