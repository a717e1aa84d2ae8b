import Compute
import Jets
import TangentKernels

/// A covariance of the parameters that keeps layers apart, each diagonal in coordinates of its own:
/// those of the tensors, or the eigenvectors of a layer's Kronecker factors.
struct LayerCovariance {
  struct Layer {
    /// Rows are directions of the inputs a and of the cotangents δ; nil for the coordinates themselves.
    let inputs: Matrix?
    let outputs: Matrix?
    /// Standard deviations, [channels, width].
    let deviations: Matrix
    /// Their squares.
    let variances: Matrix
  }

  /// By `LayerGradient.key`.
  let layers: [LayerGradient.Key: Layer]

  /// (Σ_x R Jᵀ H J R/σ² + I/σp²)⁻¹ with the sum's diagonal or Kronecker products in its place. Waits.
  init(
    _ structure: CurvatureStructure, _ passes: OutputPasses, _ inputs: Matrix,
    _ hyperparameters: GaussianHyperparameters, by algebra: any DenseLinearAlgebra
  ) throws {
    let (model, backend) = (passes.model, passes.model.backend)
    let noise = hyperparameters.noiseStd * hyperparameters.noiseStd
    let prior = hyperparameters.priorStd * hyperparameters.priorStd
    /// σp²/(1 + λσp²/σ²)
    func variance(_ curvature: Double) -> Double { prior / (1 + curvature * prior / noise) }
    var layers: [LayerGradient.Key: Layer] = [:]
    func add(
      _ key: LayerGradient.Key, _ curvature: [Double], _ rows: Int, _ inputs: Matrix?,
      _ outputs: Matrix?
    ) throws {
      var (deviations, variances) = (curvature, curvature)
      for index in curvature.indices {
        variances[index] = variance(max(0, curvature[index]))
        deviations[index] = variances[index].squareRoot()
      }
      let columns = curvature.count / rows
      layers[key] = Layer(
        inputs: inputs, outputs: outputs,
        deviations: try backend.matrix(rows, columns, model.type, deviations),
        variances: try backend.matrix(rows, columns, model.type, variances))
    }
    switch structure {
    case .diagonal:
      let diagonal = try FisherDiagonal(
        model, passes.likelihood, inputs, logits: passes.logits)
      for (key, layer) in diagonal.layers {
        try add(key, backend.download(layer.sums), layer.sums.rows, nil, nil)
      }
    case .kronecker:
      let factors = try KroneckerFactors(passes, inputs, by: algebra)
      for (key, layer) in factors.layers {
        var curvature: [Double] = []
        curvature.reserveCapacity(layer.outputs.values.count * layer.inputs.values.count)
        for g in layer.outputs.values {
          for a in layer.inputs.values { curvature.append(g * a / layer.divisor) }
        }
        try add(
          key, curvature, layer.outputs.values.count, layer.inputs.vectors, layer.outputs.vectors)
      }
    }
    self.layers = layers
  }

  // MARK: Of outputs

  /// Adds a layer's J C Jᵀ between the outputs of each example, [b, O·O].
  func addBlocks(_ gradient: LayerGradient, to sum: Matrix, on backend: any Backend) throws {
    guard let layer = layers[gradient.key] else { return }
    let rotated = try rotated(gradient, layer, on: backend)
    let o = gradient.cotangents
    if let deltas = rotated.deltas, gradient.positions == 1 {
      // Σ_i δ_oi δ_o′i t_i, t = a² D of each example.
      let weights = try backend.matrix(gradient.examples, gradient.channels, sum.type)
      try backend.run(
        .contraction(
          Contraction(
            backend.squares(rotated.inputs), layer.variances, into: weights, transposeB: true)))
      let weighted = try backend.matrix(deltas.rows, deltas.columns, sum.type)
      for k in 0..<o {
        let part = (k * gradient.examples)..<((k + 1) * gradient.examples)
        try backend.multiply(deltas.rows(part), weights, into: weighted.rows(part))
      }
      return try addProducts(weighted, deltas, gradient, to: sum, on: backend)
    }
    try forEachSlice(rotated, layer, sum.type, on: backend) { rows in
      try addProducts(rows, rows, gradient, to: sum, on: backend)
    }
  }

  /// Adds a layer's J C Jᵀ between all outputs of all examples, [O·b, O·b], outputs first.
  func addAll(_ gradient: LayerGradient, to sum: Matrix, on backend: any Backend) throws {
    guard let layer = layers[gradient.key] else { return }
    let rotated = try rotated(gradient, layer, on: backend)
    try forEachSlice(rotated, layer, sum.type, on: backend) { rows in
      try backend.run(
        .contraction(Contraction(rows, rows, into: sum, transposeB: true, beta: 1)))
    }
  }

  /// Adds Σ_i x_oi y_o′i for each example, rows [O·b, size].
  private func addProducts(
    _ x: Matrix, _ y: Matrix, _ gradient: LayerGradient, to sum: Matrix, on backend: any Backend
  ) throws {
    let (o, b) = (gradient.cotangents, gradient.examples)
    func first(_ x: Matrix) -> Matrix {
      Matrix(
        x.buffer, offset: x.offset, rows: o, columns: x.columns, stride: b * x.stride)
    }
    try backend.run(
      .contraction(
        Contraction(
          first(x), first(y), into: sum.rows(0..<1).reshaped(rows: o, columns: o),
          transposeB: true, beta: 1, batch: b, strideA: x.stride, strideB: y.stride,
          strideC: o * o)))
  }

  /// The same gradient in the layer's coordinates.
  private func rotated(
    _ gradient: LayerGradient, _ layer: Layer, on backend: any Backend
  ) throws -> LayerGradient {
    func product(_ x: Matrix, _ rows: Matrix?) throws -> Matrix {
      guard let rows else { return x }
      let result = try backend.matrix(x.rows, x.columns, x.type)
      try backend.run(.contraction(Contraction(x, rows, into: result, transposeB: true)))
      return result
    }
    var result = gradient
    result.inputs = try product(gradient.inputs, layer.inputs)
    result.deltas = try gradient.deltas.map { try product($0, layer.outputs) }
    return result
  }

  /// Bytes of the gradients that exist at a time.
  private static let bytes = 32 << 20

  /// Gradients times their standard deviations, [O·b, some], some channels at a time.
  private func forEachSlice(
    _ gradient: LayerGradient, _ layer: Layer, _ type: ScalarType, on backend: any Backend,
    _ body: (Matrix) throws -> Void
  ) throws {
    let each = gradient.cotangents * gradient.examples * gradient.width * type.byteCount
    let size = max(1, min(gradient.channels, Self.bytes / each))
    for first in stride(from: 0, to: gradient.channels, by: size) {
      let channels = first..<min(gradient.channels, first + size)
      let rows = try gradient.gradients(
        of: channels, examples: 0..<gradient.examples, on: backend)
      let scaled = try backend.matrix(rows.rows, rows.columns, type)
      try backend.run(
        .rowScaling(
          RowScaling(scaled, rows, by: layer.deviations.rows(channels).flat, along: .columns)))
      try body(scaled)
    }
  }
}

extension Backend {
  /// result ← x∘y
  func multiply(_ x: Matrix, _ y: Matrix, into result: Matrix) throws {
    func jet(_ x: Matrix) -> Jet { Jet(x, block: x.rows, degree: 0, capacity: 0) }
    try run(.jetProduct(JetProduct(.forward(left: jet(x), right: jet(y), output: jet(result)))))
  }

  /// x∘x
  func squares(_ x: Matrix) throws -> Matrix {
    let result = try matrix(x.rows, x.columns, x.type)
    try multiply(x, x, into: result)
    return result
  }
}
