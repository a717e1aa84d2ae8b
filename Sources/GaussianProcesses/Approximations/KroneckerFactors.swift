import Compute
import TangentKernels

/// Σ_x R Jᵀ H J R of every layer's parameters as a Kronecker product, layers apart:
///
///     Σ_n Σ_o g_on g_onᵀ ≈ (1/(nT)) (Σ_n Σ_p a aᵀ) ⊗ (Σ_n Σ_o Σ_p δ δᵀ),
///
/// T the layer's positions: K-FAC (Martens and Grosse 2015, arXiv 1503.05671), and for convolutions KFC
/// (Grosse and Martens 2016, arXiv 1602.01407). The bias is part of A, as the weight of an input that is
/// its factor everywhere. A gain and a bias of a normalization have a block of their own, exactly, and G
/// is 1. Exact where δ does not depend on the example, as in a network of one layer with H = I.
struct KroneckerFactors {
  /// The factors' eigenvalues, and eigenvectors in rows.
  struct Layer {
    let inputs: SymmetricFactor
    let outputs: SymmetricFactor
    /// What λ_A λ_G is divided by.
    let divisor: Double
  }

  /// A factor's eigenvalues and its eigenvectors, a row each.
  struct SymmetricFactor {
    let values: [Double]
    /// [n, n]
    let vectors: Matrix
  }

  /// By `LayerGradient.key`.
  let layers: [LayerGradient.Key: Layer]

  private final class Sums {
    let inputs: Matrix
    let outputs: Matrix?
    let positions: Int
    init(_ inputs: Matrix, _ outputs: Matrix?, _ positions: Int) {
      (self.inputs, self.outputs, self.positions) = (inputs, outputs, positions)
    }
  }

  /// Waits.
  init(_ passes: OutputPasses, _ inputs: Matrix, by algebra: any DenseLinearAlgebra) throws {
    let backend = passes.model.backend
    var sums: [LayerGradient.Key: Sums] = [:]
    try passes.forEach(inputs) { gradient in
      func add(_ x: Matrix, to sum: Matrix, isFirst: Bool) throws {
        try backend.run(
          .contraction(Contraction(x, x, into: sum, transposeA: true, beta: isFirst ? 0 : 1)))
      }
      let known = sums[gradient.key]
      let type = gradient.inputs.type
      let sum =
        try known
        ?? Sums(
          backend.matrix(gradient.width, gradient.width, type),
          gradient.deltas == nil
            ? nil : backend.matrix(gradient.channels, gradient.channels, type),
          gradient.positions)
      sums[gradient.key] = sum
      try add(gradient.inputs, to: sum.inputs, isFirst: known == nil)
      if let deltas = gradient.deltas, let outputs = sum.outputs {
        try add(deltas, to: outputs, isFirst: known == nil)
      }
    }
    var layers: [LayerGradient.Key: Layer] = [:]
    for (key, sum) in sums {
      layers[key] = Layer(
        inputs: try Self.factor(sum.inputs, backend, algebra),
        outputs: try sum.outputs.map { try Self.factor($0, backend, algebra) }
          ?? SymmetricFactor(values: [1], vectors: backend.matrix(1, 1, inputs.type, [1])),
        divisor: sum.outputs == nil ? 1 : Double(inputs.rows * sum.positions))
    }
    self.layers = layers
  }

  private static func factor(
    _ sum: Matrix, _ backend: any Backend, _ algebra: any DenseLinearAlgebra
  ) throws -> SymmetricFactor {
    let n = sum.rows
    var matrix = try backend.download(sum)
    var values = try algebra.eigendecomposition(&matrix, n)
    for index in values.indices { values[index] = max(0, values[index]) }
    return SymmetricFactor(values: values, vectors: try backend.matrix(n, n, sum.type, matrix))
  }
}
