import Compute
import DataSets
import Networks
import TestSupport

@testable import TangentKernels

/// Finite networks of every kind of layer, and their tangent kernels from explicit Jacobians.
@BackendActor enum ExplicitKernel {
  nonisolated static func network(_ json: String) throws -> Network {
    try Network(NetworkDescription(json: Array(json.utf8), named: "net.json"))
  }

  /// Networks by what is special about them.
  nonisolated static let networks: [(name: String, json: String)] = [
    (
      "dense, with and without biases",
      #"""
      {"input": [4], "parameterization": "ntk", "layers": [
        {"dense": {"units": 6, "weight_std": 1.3, "bias_std": 0.2}}, "tanh",
        {"dense": {"units": 5, "bias": false}}, "relu",
        {"dense": {"units": 3, "bias_std": 0.1}}]}
      """#
    ),
    (
      "convolutions with stride, padding and a pointwise one",
      #"""
      {"input": [2, 6, 5], "layers": [
        {"conv": {"channels": 3, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "gelu",
        {"conv": {"channels": 4, "kernel": [2, 3], "stride": [2, 1], "padding": [1, 0, 2, 1]}},
        "tanh", {"conv": {"channels": 3, "kernel": 1}}, "relu", "flatten",
        {"dense": {"units": 3}}]}
      """#
    ),
    (
      "convolutions with few positions",
      #"""
      {"input": [3, 2, 2], "layers": [
        {"conv": {"channels": 16, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "tanh",
        {"conv": {"channels": 16, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "relu",
        {"conv": {"channels": 12, "kernel": 2, "padding": "same", "bias": false}},
        "global_avg_pool", {"dense": {"units": 3, "bias_std": 0.1}}]}
      """#
    ),
    (
      "a convolution as large as the image, and one at the end",
      #"""
      {"input": [2, 3, 4], "parameterization": "ntk", "layers": [
        {"conv": {"channels": 5, "kernel": [1, 4], "bias_std": 0.3}}, "sin",
        {"conv": {"channels": 4, "kernel": [3, 1], "bias_std": 0.3}}, "tanh",
        {"conv": {"channels": 3, "kernel": 1, "bias_std": 0.3}}]}
      """#
    ),
    (
      "pooling and dropout",
      #"""
      {"input": [2, 6, 6], "layers": [
        {"dropout": {"rate": 0.5}},
        {"conv": {"channels": 4, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "tanh",
        {"max_pool": {"window": [3, 2], "stride": [2, 1]}},
        {"conv": {"channels": 3, "kernel": 2, "bias_std": 0.1}}, "relu",
        {"avg_pool": {"window": 1, "stride": 1}}, "flatten", {"dense": {"units": 3}},
        {"dropout": {"rate": 0.25}}]}
      """#
    ),
    (
      "layer norm with gain and bias, of images and of vectors",
      #"""
      {"input": [2, 5, 4], "layers": [
        {"conv": {"channels": 5, "kernel": 3, "padding": "same", "bias_std": 0.2}},
        {"layer_norm": {"affine": true}}, "tanh", {"layer_norm": {}},
        {"conv": {"channels": 4, "kernel": 3, "stride": 2, "padding": "same"}}, "relu",
        {"dense": {"units": 6}}, {"layer_norm": {"affine": true, "epsilon": 0.1}},
        {"dense": {"units": 3}}]}
      """#
    ),
    (
      "batch norm of images and of vectors, and its statistics",
      #"""
      {"input": [2, 5, 4], "layers": [
        {"batch_norm": {}}, {"conv": {"channels": 5, "kernel": 3, "padding": "same"}},
        {"batch_norm": {"epsilon": 0.01}}, "gelu_tanh", {"max_pool": {"window": 3, "stride": 2,
          "padding": 1}},
        {"dense": {"units": 6}}, {"batch_norm": {}}, "silu", {"dense": {"units": 3}},
        {"batch_norm": {"affine": false}}]}
      """#
    ),
    (
      "convolutions in groups, from positions and from gradients",
      #"""
      {"input": [4, 6, 5], "layers": [
        {"conv": {"channels": 6, "kernel": 3, "padding": 1, "groups": 2, "bias_std": 0.1}}, "tanh",
        {"conv": {"channels": 12, "kernel": 3, "stride": 3, "groups": 6, "bias_std": 0.1}}, "tanh",
        {"conv": {"channels": 24, "kernel": 1, "groups": 2}}, "gelu",
        {"conv": {"channels": 6, "kernel": 2, "padding": 1, "groups": 3, "bias": false}},
        "global_avg_pool", {"dense": {"units": 3}}]}
      """#
    ),
    (
      "residual blocks",
      #"""
      {"input": [3, 5, 4], "parameterization": "ntk", "layers": [
        {"residual": {"main": ["tanh", {"conv": {"channels": 3, "kernel": 3, "padding": "same"}}],
          "scale": 0.5}},
        {"residual": {"main": ["softplus", {"conv": {"channels": 4, "kernel": 3, "stride": 2,
          "padding": "same", "bias_std": 0.2}}, "tanh"],
          "shortcut": [{"conv": {"channels": 4, "kernel": 1, "stride": 2}}, "sin"]}},
        "flatten", {"residual": {"main": [{"dense": {"units": 24}}, {"layer_norm": {}}]}},
        {"dense": {"units": 3}}]}
      """#
    ),
  ]

  /// J, [n·O, P]: a pass of its own for every example and output.
  static func jacobian(
    _ network: Network, _ theta: [Double], _ x: [Double], on backend: any Backend
  ) throws -> [[Double]] {
    let features = network.inputCount
    let center = try backend.matrix(1, theta.count, .float64, theta)
    return try stride(from: 0, to: x.count, by: features).flatMap { first in
      let input = try backend.matrix(1, features, .float64, x[first..<(first + features)])
      return try (0..<network.outputCount).map { output in
        let unit = (0..<network.outputCount).map { $0 == output ? 1.0 : 0 }
        return try backend.download(
          network.vectorJacobianProducts(
            backend.matrix(1, unit.count, .float64, unit), input, at: center, directions: 1,
            on: backend))
      }
    }
  }

  /// What `outputs` keeps of J1 J2ᵀ.
  static func kernel(
    _ left: [[Double]], _ right: [[Double]], outputs: KernelOutputs, count: Int
  ) -> [Double] {
    var values: [Double] = []
    for e in 0..<(left.count / count) {
      for f in 0..<(right.count / count) {
        func value(_ o: Int, _ p: Int) -> Double {
          left[e * count + o].withUnsafeBufferPointer { a in
            right[f * count + p].withUnsafeBufferPointer { b in
              var sum = 0.0
              for index in a.indices { sum += a[index] * b[index] }
              return sum
            }
          }
        }
        switch outputs {
        case .full:
          for o in 0..<count { for p in 0..<count { values.append(value(o, p)) } }
        case .diagonal: for o in 0..<count { values.append(value(o, o)) }
        case .trace:
          values.append((0..<count).reduce(0) { $0 + value($1, $1) } / Double(count))
        }
      }
    }
    return values
  }

  /// The structured kernel, whole.
  static func structured(
    _ network: Network, _ theta: [Double], _ x1: [Double], _ x2: [Double]? = nil,
    kind: KernelKind = .ntk, outputs: KernelOutputs = .full, type: ScalarType = .float64,
    isTrainable: [Bool]? = nil, passBytes: Int = EmpiricalKernel.defaultPassBytes,
    on backend: any Backend
  ) throws -> EmpiricalKernel {
    func matrix(_ x: [Double]) throws -> Matrix {
      try backend.matrix(x.count / network.inputCount, network.inputCount, type, x)
    }
    return try EmpiricalKernel(
      network, kind, at: backend.matrix(1, theta.count, type, theta), matrix(x1),
      try x2.map(matrix), outputs: outputs, isTrainable: isTrainable, passBytes: passBytes,
      on: backend)
  }
}

extension TiledKernel {
  /// All of it, in one block.
  func whole() throws -> Matrix { try block(rows: 0..<rowCount, columns: 0..<columnCount) }
}
