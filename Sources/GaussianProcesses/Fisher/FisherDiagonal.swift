import Compute
import Jets
import Networks

/// The diagonal of a Fisher information, exactly and without P products:
///
///     F_pp = Σ_x Σ_o (R Jᵀ B_o)_p²,   BBᵀ = H,
///
/// a sum over examples and outputs of squared gradients. With δ and a what a layer hands over
/// (`LayerGradient`), a dense layer's are Σ_n (Σ_o δ_on²)ᵀ a_n², one product for all outputs; a
/// convolution's are squared example by example, some at a time.
public struct FisherDiagonal {
  /// One layer's part.
  struct Layer {
    let weight: Int?
    let bias: Int?
    /// Positions of a convolution's kernel.
    let taps: Int
    /// Whether gradients are products δᵀa.
    let isProduct: Bool
    /// Σ over examples, not their mean: [channels, width], in `LayerGradient`'s order.
    let sums: Matrix
  }

  /// By `LayerGradient.key`.
  let layers: [LayerGradient.Key: Layer]
  private let model: LinearizedNetwork
  /// n
  private let count: Int

  /// Bytes of the gradients that are squared at a time; the order of a sum depends on it.
  private static let bytes = 16 << 20

  /// - Parameter logits: where H is taken, [n·O], in place of f(x; θ).
  /// - Throws: `GaussianProcessError` for the softmax of one output. Waits.
  public init(
    _ model: LinearizedNetwork, _ likelihood: OutputLikelihood, _ inputs: Matrix,
    logits: [Double]? = nil
  ) throws {
    try likelihood.check(outputs: model.outputs)
    let passes = OutputPasses(model: model, likelihood: likelihood, logits: logits)
    var layers: [LayerGradient.Key: Layer] = [:]
    try passes.forEach(inputs) { gradient in
      let sums = try Self.squares(gradient, on: model.backend)
      if let known = layers[gradient.key]?.sums {
        try model.backend.run(
          .linearCombination(LinearCombination(known, 1, sums, 1, known)))
      } else {
        layers[gradient.key] = Layer(
          weight: gradient.weight, bias: gradient.bias,
          taps: gradient.geometry?.kernel.count ?? 1, isProduct: gradient.deltas != nil,
          sums: sums)
      }
    }
    (self.layers, self.model, count) = (layers, model, inputs.rows)
  }

  /// Σ_n Σ_o of squared gradients, [channels, width].
  private static func squares(_ gradient: LayerGradient, on backend: any Backend) throws -> Matrix {
    let (channels, width, type) = (gradient.channels, gradient.width, gradient.inputs.type)
    let total = try backend.matrix(channels, width, type)
    guard let deltas = gradient.deltas else {
      try columnSquares(gradient.inputs, into: total.flat, on: backend)
      return total
    }
    if gradient.positions == 1 {
      let sums = try backend.matrix(gradient.examples, channels, type)
      try columnSquares(
        deltas.reshaped(rows: gradient.cotangents, columns: sums.count), into: sums.flat,
        on: backend)
      let squares = try backend.squares(gradient.inputs)
      try backend.run(
        .contraction(Contraction(sums, squares, into: total, transposeA: true)))
      return total
    }
    let each = gradient.cotangents * channels * width * type.byteCount
    let size = max(1, bytes / each)
    for first in stride(from: 0, to: gradient.examples, by: size) {
      let rows = try gradient.gradients(
        of: 0..<channels, examples: first..<min(gradient.examples, first + size), on: backend)
      let sums = first == 0 ? total : try backend.matrix(channels, width, type)
      try columnSquares(rows, into: sums.flat, on: backend)
      guard first > 0 else { continue }
      try backend.run(.linearCombination(LinearCombination(total, 1, sums, 1, total)))
    }
    return total
  }

  /// Sums of squares of columns.
  private static func columnSquares(_ x: Matrix, into sums: Matrix, on backend: any Backend) throws
  {
    try backend.run(
      .columnProducts(
        ColumnProducts(
          Jet(x, block: x.rows, degree: 1, capacity: 1, hasZero: false),
          Jet(x, block: x.rows, degree: 0, capacity: 0), into: sums)))
  }

  /// The diagonal of the mean over examples, [P], in the order of the flat parameter vector; 0 where a
  /// tensor's scale is 0. Waits.
  public func values() throws -> [Double] {
    var result = [Double](repeating: 0, count: model.parameterCount)
    let factor = 1 / Double(count)
    for (key, layer) in layers {
      let values = try model.backend.download(layer.sums)
      let (rows, width) = (layer.sums.rows, layer.sums.columns)
      var biasWidth = 0
      if let bias = layer.bias {
        let tensor = model.network.parameters[bias]
        biasWidth = layer.isProduct ? 1 : tensor.count
        for row in 0..<rows {
          for index in 0..<biasWidth {
            result[tensor.offset + row + index] =
              factor * values[(row + 1) * width - biasWidth + index]
          }
        }
      }
      guard let weight = layer.weight else { continue }
      let columns = width - biasWidth
      let first = model.network.parameters[weight].offset + key.group * rows * columns
      let channels = columns / layer.taps
      for row in 0..<rows {
        for column in 0..<columns {
          let (tap, channel) = column.quotientAndRemainder(dividingBy: channels)
          result[first + row * columns + channel * layer.taps + tap] =
            factor * values[row * width + column]
        }
      }
    }
    return result
  }
}
