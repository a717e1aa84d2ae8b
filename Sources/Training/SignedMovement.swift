import Compute
import Networks

/// Random factors z_r on the movement w_r of hidden neurons: the network is evaluated at
/// w0_r + z_r w_r instead of w0_r + w_r, with z drawn afresh every step.
///
/// **Order 2, plain signs**: z_r = s_r = ±1 with equal probability. Odd powers of the movement
/// vanish in the mean, even ones stay. What is kept in memory is not the movement Δ but
/// Δ̃ = ΣΔ, in the *frame* of the step's signs Σ: there the network sees θ0 + Δ̃, the gradient with
/// respect to Δ is Σ times that with respect to Δ̃, and an update is the same in every frame, since
/// a change of sign is exact. The update's own pass goes over to the next step's frame, so that Σ
/// costs no pass over the parameters. Whatever is shown, saved or resumed from is Δ itself, in no
/// frame. (Zeros of Δ may carry either sign.)
///
/// **Order k ≥ 3, products of signs**: k independent signs per neuron, z_r = Σ_j s_rj, and
/// a_r ← τ_r a_r/k! on the outgoing weights, τ_r = Π_j s_rj. E[τ zⁱ] = 0 for i < k and k! for
/// i = k, so that in the mean only the k-th coefficient and those of order k + 2, k + 4, … stay.
/// Here z may be 0, and zΔ is written to memory of its own.
///
/// Signs of step t are the stream (seed, movementSigns, 0) from block t·2³² on, those of draw d of
/// an evaluation (seed, evaluationSigns, 0) from block d·2³² on: sign j of neuron r is element
/// j·neurons + r. Source: Bai and Lee, arXiv 1910.01619; products of signs are our own.
final class SignedMovement {
  let neurons: HiddenNeurons
  /// Signs per neuron; 2 stands for plain signs, of which there is one.
  let order: Int
  /// Draws of an evaluation.
  let draws: Int
  private let seed: UInt64
  private let backend: any Backend
  private let type: ScalarType
  /// The step whose signs displacement and first moments are kept with; nil: none.
  private(set) var frame: Int?
  /// That step's signs, 1×neurons, and memory for the next one's.
  private(set) var signs: Matrix
  private var other: Matrix

  /// One draw: factors of the movement, and of the outgoing weights, 1×neurons each.
  struct Factors {
    var movement: Matrix
    var outgoing: Matrix?
  }

  init(
    _ network: Network, order: Int, draws: Int, seed: UInt64, type: ScalarType,
    on backend: any Backend
  ) throws {
    neurons = HiddenNeurons(network)
    self.order = order
    self.draws = draws
    self.seed = seed
    self.type = type
    self.backend = backend
    signs = try backend.matrix(1, neurons.count, type)
    other = try backend.matrix(1, neurons.count, type)
  }

  /// Whether displacement and moments are kept in frames.
  var hasFrames: Bool { order == 2 }

  // MARK: Draws

  private func fill(_ target: Matrix, _ purpose: RandomFill.Purpose, _ number: Int) throws {
    try backend.run(
      .randomFill(
        RandomFill(
          target, .signs, seed: seed, purpose: purpose, tensor: 0, firstBlock: number << 32)))
  }

  /// The factors of a step or of an evaluation's draw.
  func factors(_ purpose: RandomFill.Purpose, _ number: Int) throws -> Factors {
    let all = try backend.matrix(hasFrames ? 1 : order, neurons.count, type)
    try fill(all.flat, purpose, number)
    guard !hasFrames else { return Factors(movement: all) }
    let sum = try backend.matrix(1, neurons.count, type)
    try backend.run(.columnSums(ColumnSums(of: all, into: sum)))
    let product = try backend.matrix(1, neurons.count, type)
    try backend.run(
      .rowScaling(
        RowScaling(
          product, all.rows(0..<1), by: all.rows(1..<2), all.rows(2..<3), along: .columns)))
    for sign in 3..<max(3, order) {
      try backend.run(
        .rowScaling(
          RowScaling(product, product, by: all.rows(sign..<(sign + 1)), along: .columns)))
    }
    return Factors(movement: sum, outgoing: product)
  }

  /// 1/k!
  var outgoingFactor: Double { 1 / (1...order).reduce(1.0) { $0 * Double($1) } }

  // MARK: Frames

  /// Multiplies the rows of `vectors`, 1×P, by the signs that lead from the present frame to that
  /// of a step.
  func enter(_ step: Int, _ vectors: [Matrix]) throws {
    guard hasFrames, frame != step else { return }
    try fill(other, .movementSigns, step)
    for part in neurons.parts {
      for vector in vectors {
        let rows = part.rows(of: vector)
        try backend.run(
          .rowScaling(
            RowScaling(
              rows, rows, by: part.factors(of: other),
              frame == nil ? nil : part.factors(of: signs))))
      }
    }
    swap(&signs, &other)
    frame = step
  }

  /// The signs that an update goes over to: those of the step after the present frame's.
  func drawNext() throws -> Matrix {
    try fill(other, .movementSigns, (frame ?? -1) + 1)
    return other
  }

  /// What `drawNext` gave is the present frame from now on.
  func advance() {
    swap(&signs, &other)
    frame = (frame ?? -1) + 1
  }

  /// Vectors are in no frame: they have been loaded.
  func forget() { frame = nil }

  /// target ← a vector of the frame, in none.
  func leave(_ vector: Matrix, into target: Matrix) throws {
    try backend.run(.linearCombination(LinearCombination(target, 1, vector)))
    guard frame != nil else { return }
    for part in neurons.parts {
      try backend.run(
        .rowScaling(
          RowScaling(part.rows(of: target), part.rows(of: vector), by: part.factors(of: signs))))
    }
  }
}
