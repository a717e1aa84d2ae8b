import Compute
import Networks

/// The penalty λ‖W‖_{2,4}^p = λ(Σ_r ‖w_r‖⁴)^{p/4} on the movement w_r of all hidden neurons, bias
/// included; signs on rows do not change it. Its gradient is pλ(Σ_r ‖w_r‖⁴)^{p/4−1}‖w_r‖² w_r, and
/// 0 at W = 0. Source: Bai and Lee, arXiv 1910.01619.
struct MovementPenalty {
  private let model: Model
  let neurons: HiddenNeurons
  let factor: Double
  let exponent: Int
  private let isTrainable: [Bool]
  /// ‖w_r‖², 1×neurons, and Σ_r ‖w_r‖⁴.
  let squares: Matrix
  let total: Matrix

  init(_ model: Model, factor: Double, exponent: Int, isTrainable: [Bool]) throws {
    self.model = model
    self.factor = factor
    self.exponent = exponent
    self.isTrainable = isTrainable
    neurons = HiddenNeurons(model.network)
    squares = try model.backend.matrix(1, neurons.count, model.type)
    total = try model.backend.matrix(1, 1, model.type)
  }

  /// The hidden neurons' trained tensors.
  var trainedParts: [HiddenNeurons.Part] {
    neurons.parts.filter { part in
      isTrainable[model.network.parameters.firstIndex(of: part.tensor) ?? 0]
    }
  }

  /// Norms of the present state.
  func measure() throws {
    for layer in neurons.layers {
      let weight = HiddenNeurons.Part(tensor: layer.weight, neurons: layer.neurons)
      let bias = layer.bias.map { HiddenNeurons.Part(tensor: $0, neurons: layer.neurons) }
      try model.backend.run(
        .rowSquares(
          RowSquares(
            of: weight.rows(of: model.state), bias: bias?.rows(of: model.state),
            into: weight.factors(of: squares))))
    }
    try model.backend.run(.reduction(Reduction(.sumOfSquares, of: squares, into: total)))
  }

  /// gradient ← gradient + the penalty's, on trained tensors.
  ///
  /// - Parameter movement: W where the gradient is not kept in the state's frame.
  func add(to gradient: Matrix, of movement: Matrix? = nil) throws {
    try measure()
    for part in trainedParts {
      try model.backend.run(
        .rowPenalty(
          RowPenalty(
            part.rows(of: gradient), of: part.rows(of: movement ?? model.state),
            squares: part.factors(of: squares), total: total, factor: factor, exponent: exponent)))
    }
  }

  /// Enqueues the penalty's value; what is returned waits for it.
  func start() throws -> () throws -> Double {
    try measure()
    let download = try model.backend.startDownload(total)
    let (type, factor, exponent) = (model.type, factor, exponent)
    return {
      RowPenalty.value(
        total: try download.values(type)[0], factor: factor, exponent: exponent)
    }
  }
}
