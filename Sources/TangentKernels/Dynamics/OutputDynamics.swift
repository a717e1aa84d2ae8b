/// Networks in the linear regime, trained on any loss, with momentum or without: the differential
/// equation of their outputs, by an adaptive solver.
///
/// Without momentum, in the time t of gradient descent with learning rate η (one step is a unit):
///
///     ḟ = −ηR ∂L/∂f,   ḟ* = −ηΘ* ∂L/∂f.
///
/// With momentum m (v ← mv + ∂L, θ ← θ − ηv) the time is τ = √η·t:
///
///     f̈ = −((1 − m)/√η)·ḟ − R ∂L/∂f,   f̈* = −((1 − m)/√η)·ḟ* − Θ* ∂L/∂f,
///
/// from rest. Its differences with step √η, f̈ ≈ (f₊ − 2f + f₋)/η and ḟ ≈ (f − f₋)/√η, are
/// f₊ = f + m(f − f₋) − ηR ∂L/∂f, which is what momentum does to outputs (Polyak 1964; Qian, Neural
/// Networks 12, 1999).
public struct OutputDynamics: Sendable {
  /// The outputs at a time.
  public struct State: Sendable, Equatable {
    /// f, [examples, outputs].
    public var train: [Double]
    /// f*, [test examples, outputs].
    public var test: [Double]

    public init(train: [Double], test: [Double]) { (self.train, self.test) = (train, test) }
  }

  public let conditioning: KernelConditioning
  public let loss: OutputLoss
  public let learningRate: Double
  /// m; nil without.
  public let momentum: Double?
  /// R and below it Θ*.
  private let kernel: [Double]
  private let testRows: Int
  private let algebra: any DenseLinearAlgebra

  /// - Parameters:
  ///   - kernel: Θ between training examples.
  ///   - cross: Θ*.
  ///   - ridge: ε, relative.
  ///   - momentum: from 0 up to, but not, 1.
  /// - Throws: `KernelError` where R is not positive semidefinite to working precision.
  public init(
    _ kernel: KernelMatrix, cross: KernelMatrix, ridge: Double, loss: OutputLoss,
    learningRate: Double = 1, momentum: Double? = nil, by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(
      loss.targets.count % kernel.rows == 0 && cross.columns == kernel.rows, "matching examples")
    precondition(learningRate > 0 && (momentum.map { (0..<1).contains($0) } ?? true))
    let regularized = try RegularizedKernel(kernel, ridge: ridge)
    conditioning = try regularized.conditioning(by: algebra)
    guard conditioning.isPositiveSemidefinite else { throw conditioning.notSemidefinite }
    (self.loss, self.learningRate, self.momentum) = (loss, learningRate, momentum)
    self.kernel = regularized.values + cross.values
    (testRows, self.algebra) = (cross.rows, algebra)
  }

  /// The outputs at every one of `times`, and the steps that took.
  ///
  /// - Parameters:
  ///   - initial: f_0 and f*_0; zeros where they are left out.
  ///   - times: ascending, not negative, finite.
  ///   - tolerance: the error of a step, relative to the size of outputs and targets.
  ///   - progress: called before every step with the share of the last time that has passed.
  /// - Throws: `KernelError` where the solver cannot reach a time.
  public func states(
    from initial: State? = nil, at times: [Double], tolerance: Double = 1e-9,
    progress: (Double) -> Void = { _ in }
  ) throws -> (states: [State], steps: Int) {
    precondition(times.allSatisfy { $0 >= 0 && $0.isFinite } && times == times.sorted())
    let dimension = conditioning.dimension
    let columns = loss.targets.count / dimension
    let (count, all) = (dimension * columns, (dimension + testRows) * columns)
    let start =
      initial.map { $0.train + $0.test } ?? [Double](repeating: 0, count: all)
    precondition(start.count == all, "outputs of all examples")
    let scale = (start + loss.targets).reduce(0) { max($0, abs($1)) }
    let solver = DormandPrince(tolerance: tolerance, scale: scale > 0 ? scale : 1)
    var states: [State] = []
    func visit(_ index: Int, _ y: [Double]) {
      states.append(State(train: Array(y[..<count]), test: Array(y[count..<all])))
    }
    /// −[R; Θ*] ∂L/∂f
    func force(_ y: [Double]) throws -> [Double] {
      let gradient = loss.gradient(y[..<count]).map { -$0 }
      return try algebra.product(
        kernel, gradient, m: dimension + testRows, k: dimension, n: columns)
    }
    guard let momentum else {
      let last = times.last ?? 0
      func slope(_ y: [Double]) throws -> [Double] { try force(y).map { learningRate * $0 } }
      func pass(_ t: Double) { progress(t / last) }
      let steps = try solver.integrate(
        start, through: times, progress: pass, slope, visit: visit)
      return (states, steps)
    }
    let unit = learningRate.squareRoot()
    let friction = (1 - momentum) / unit
    let last = unit * (times.last ?? 0)
    func slope(_ y: [Double]) throws -> [Double] {
      let velocity = Array(y[all...])
      return try velocity + zip(force(y), velocity).map { $0 - friction * $1 }
    }
    func pass(_ t: Double) { progress(t / last) }
    let steps = try solver.integrate(
      start + [Double](repeating: 0, count: all), through: times.map { unit * $0 },
      progress: pass, slope, visit: visit)
    return (states, steps)
  }
}
