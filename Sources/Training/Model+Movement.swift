import Compute
import Jets
import Networks

/// Models whose propagation runs through other parameters than θ0 and Δ themselves.
extension Model {
  /// What propagation runs through.
  struct Drawn {
    var center: Matrix
    /// Absent for order 0, whose center is θ.
    var displacement: Matrix?
  }

  /// Memory for a draw of the signs, 1×P each.
  private struct Draw {
    /// θ0, with other outgoing weights where there are factors on them.
    var center: Matrix
    var displacement: Matrix
    /// θ, for order 0.
    var sum: Matrix?

    var drawn: Drawn {
      sum.map { Drawn(center: $0) } ?? Drawn(center: center, displacement: displacement)
    }
  }

  private func makeDraw(_ displacement: Matrix, _ signs: SignedMovement) throws -> Draw {
    func copy(_ vector: Matrix) throws -> Matrix {
      let copy = try backend.matrix(1, vector.count, type)
      try backend.run(.linearCombination(LinearCombination(copy, 1, vector)))
      return copy
    }
    return Draw(
      center: signs.hasFrames ? center : try copy(center), displacement: try copy(displacement),
      sum: order == 0 ? try backend.matrix(1, center.count, type) : nil)
  }

  private func apply(
    _ factors: SignedMovement.Factors, to draw: Draw, _ displacement: Matrix,
    _ signs: SignedMovement
  ) throws {
    let frame = signs.frame == nil ? nil : signs.signs
    for part in signs.neurons.parts {
      try backend.run(
        .rowScaling(
          RowScaling(
            part.rows(of: draw.displacement), part.rows(of: displacement),
            by: part.factors(of: factors.movement), frame.map { part.factors(of: $0) })))
    }
    if let outgoing = factors.outgoing, let output = signs.neurons.output {
      func weights(_ vector: Matrix) -> Matrix {
        vector.slice(at: output.offset, rows: output.shape[0], columns: output.shape[1])
      }
      try backend.run(
        .rowScaling(
          RowScaling(
            weights(draw.center), weights(center), by: outgoing, alpha: signs.outgoingFactor,
            along: .columns)))
    }
    if let sum = draw.sum {
      try backend.run(
        .linearCombination(LinearCombination(sum, 1, draw.center, 1, draw.displacement)))
    }
  }

  // MARK: Steps

  /// Takes the signs of a step. `moments`, first-order ones, are kept in the displacement's frame.
  func enter(step: Int, moments: [Matrix]) throws {
    guard let displacement else { return }
    guard let signs else {
      if order == 0, drawn == nil { try sumUp() }
      return
    }
    if signs.hasFrames {
      guard signs.frame != step else { return }
      try signs.enter(step, [displacement] + moments)
      if order == 0 { try sumUp() }
      return
    }
    // Memory of a draw of the last step is free by now.
    drawn = nil
    let draw = try makeDraw(displacement, signs)
    let factors = try signs.factors(.movementSigns, step)
    try apply(factors, to: draw, displacement, signs)
    drawn = draw.drawn
    stepFactors = factors.movement
  }

  /// Gives up a step's draw that is no frame: it is of the movement before the update.
  func leaveStep() {
    guard stepFactors != nil else { return }
    drawn = nil
    stepFactors = nil
  }

  /// From the gradient with respect to what propagation ran through to that with respect to what
  /// is kept.
  func pullBackDraw(_ gradient: Matrix, isTrainable: [Bool]) throws {
    guard let signs, let factors = stepFactors else { return }
    for part in signs.neurons.parts {
      let index = network.parameters.firstIndex(of: part.tensor) ?? 0
      guard isTrainable[index] else { continue }
      let rows = part.rows(of: gradient)
      try backend.run(.rowScaling(RowScaling(rows, rows, by: part.factors(of: factors))))
    }
  }

  /// θ ← fl(θ0 + displacement) for order 0, everywhere.
  func sumUp() throws {
    let sum = try drawn?.center ?? backend.matrix(1, center.count, type)
    try backend.run(.linearCombination(LinearCombination(sum, 1, center, 1, displacement)))
    drawn = Drawn(center: sum)
  }

  /// θ of order 0 where it is kept beside θ0 and Δ: what an update writes to.
  var sum: Matrix? {
    guard order == 0, displacement != nil, stepFactors == nil else { return nil }
    return drawn?.center
  }

  /// The displacement has been given other values, in no frame.
  func displacementChanged() {
    signs?.forget()
    drawn = nil
    stepFactors = nil
    stateChanges(squares: false)
  }

  // MARK: Evaluations

  /// Draws that an evaluation takes the mean of; 1 without signs.
  public var evaluationDraws: Int { signs?.draws ?? 1 }

  /// Runs `body` with the signs of each of an evaluation's draws in turn, the same ones every
  /// time; once without signs.
  public func forEachEvaluationDraw(_ body: (Int) throws -> Void) throws {
    try forEachDraw(0..<evaluationDraws) { index, _ in try body(index) }
  }

  /// The same for some of these draws, with the factors of each on the movement of hidden neurons,
  /// 1×neurons.
  func forEachDraw(_ draws: Range<Int>, _ body: (Int, Matrix?) throws -> Void) throws {
    guard let signs, let displacement else {
      try updateScale()
      return try body(0, nil)
    }
    let kept = drawn
    defer { drawn = kept }
    let draw = try makeDraw(displacement, signs)
    drawn = draw.drawn
    for index in draws {
      let factors = try signs.factors(.evaluationSigns, index)
      try apply(factors, to: draw, displacement, signs)
      try updateScale()
      try body(index, factors.movement)
    }
  }

  /// The movement Δ, in no frame, 1×P: the state itself, or else in `spare`.
  func movement(spare: Matrix) throws -> Matrix {
    try inNoFrame(state, spare: spare)
  }

  /// A vector that is kept in the displacement's frame, in none.
  func inNoFrame(_ vector: Matrix, spare: Matrix) throws -> Matrix {
    guard let signs, signs.frame != nil else { return vector }
    try signs.leave(vector, into: spare)
    return spare
  }

  // MARK: One coefficient

  /// The k-th coefficient alone: those below are 0 in what a loss sees.
  func alone(_ coefficient: Int, _ output: Jet) throws -> Jet {
    guard output.degree >= coefficient else {
      throw TrainingError(
        "Taylor coefficient \(coefficient) of this network is 0 everywhere, because its expansion ends "
          + "with coefficient \(output.degree); take --coefficient up to that, or another --activation"
      )
    }
    var result = output
    result.matrix = try backend.matrix(output.matrix.rows, output.columns, type)
    try backend.run(.fill(Fill(result[0...(coefficient - 1)], value: 0)))
    try backend.run(
      .linearCombination(
        LinearCombination(
          result[coefficient...output.degree], 1, output[coefficient...output.degree])))
    return result
  }

  /// Nothing comes back to the coefficients below, in place.
  func clear(below coefficient: Int, _ cotangent: Jet) throws {
    guard coefficient > 1 else { return }
    try backend.run(.fill(Fill(cotangent[1...(coefficient - 1)], value: 0)))
  }

  // MARK: Start

  /// Δ ← normal numbers of standard deviation `std` on trained tensors.
  func drawMovement(std: Double, seed: UInt64, frozen: [String]) throws {
    guard let displacement, std > 0 else { return }
    stateChanges(squares: false)
    let trainable = try FreezePattern.trainable(network.parameters, frozen: frozen)
    for (index, tensor) in network.parameters.enumerated() where trainable[index] {
      let part = displacement.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      try backend.run(
        .randomFill(
          RandomFill(
            part, .normal, factor: std, seed: seed, purpose: .initialMovement, tensor: index)))
    }
  }
}
