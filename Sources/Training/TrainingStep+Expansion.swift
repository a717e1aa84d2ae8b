import Compute
import Jets
import Networks

/// Re-expansion before a step, and the looks at the model that decide about it.
///
/// What decides are numbers of canonical reductions, compared in Double: every back end decides
/// alike. A look waits for them.
extension TrainingStep {
  /// What the run's rule says to do before `step`, whose batch this is.
  func reconsider(_ step: Int, _ inputs: Matrix, _ targets: Matrix) throws {
    switch settings.relinearization.rule {
    case .never: break
    case .periodic: try reexpand(before: step)
    case .trust(let share, _):
      let (error, movement) = try modelError(inputs, targets)
      // What is not finite is not trusted.
      if !(movement.isFinite && error <= share * movement) { try reexpand(before: step) }
    case .adaptiveOrder(let tolerance, let largest, _):
      let error = try predictedError(inputs, targets)
      expansion.predictedError = error
      guard !(error <= tolerance) else { return }
      if model.order < largest {
        model.changeOrder(to: model.order + 1)
      } else {
        model.changeOrder(to: settings.order)
        try reexpand(before: step)
      }
      expansion.order = model.order
    }
  }

  /// Lets the following steps be those of a plan: at the highest order that the run may have, and
  /// each with what is done before some steps only.
  func rehearse() {
    guard model.order > 0 else { return }
    model.changeOrder(to: settings.relinearization.largestOrder(from: settings.order))
    isRehearsing = true
  }

  /// The work and the memory of `reconsider`, without its decision.
  func rehearseExpansion(_ inputs: Matrix, _ targets: Matrix) throws {
    switch settings.relinearization.rule {
    case .never: break
    case .periodic: try reexpand(before: 0)
    case .trust: _ = try modelError(inputs, targets)
    case .adaptiveOrder: _ = try predictedError(inputs, targets)
    }
  }

  private func reexpand(before step: Int) throws {
    try model.relinearize(spare: &gradient)
    expansion.expanded(before: step)
    guard settings.relinearization.state == .reset else { return }
    for moment in moments { try model.backend.run(.fill(Fill(moment, value: 0))) }
  }

  /// The step from which Adam's bias correction counts.
  var momentsSince: Int {
    settings.relinearization.state == .reset ? expansion.last : 0
  }

  /// ‖f_k(θ) − f(θ)‖_F and ‖f_k(θ) − f(θ0)‖_F on a batch, θ0 the center: one forward pass of order k
  /// and one of order 0, and a download of two numbers. An output scale is left out: it cancels.
  func modelError(
    _ inputs: Matrix, _ targets: Matrix
  ) throws -> (error: Double, movement: Double) {
    let (backend, network) = (model.backend, model.network)
    try model.updateScale()
    let jet = try network.pushforward(inputs, model.ray, algebra: model.algebra)
    let outputs = try sum(jet, targets)
    // The gradient's memory is free between steps.
    try model.parameters(into: gradient)
    let exact = try network.pushforward(
      inputs, ParameterJet(center: gradient), algebra: JetAlgebra(backend, order: 0))
    let squares = try backend.matrix(1, 2, model.type)
    try distance(outputs, exact[0], squares: squares.element(0))
    try distance(outputs, jet[0], squares: squares.element(1))
    let values = try backend.download(squares).map { $0.squareRoot() }
    return (values[0], values[1])
  }

  /// The relative error of f_k on a batch, by `RemainderEstimate`: one forward pass of order k + 1
  /// and a download of k + 3 numbers.
  func predictedError(_ inputs: Matrix, _ targets: Matrix) throws -> Double {
    let (backend, order) = (model.backend, model.order)
    model.changeOrder(to: order + 1)
    defer { model.changeOrder(to: order) }
    try model.updateScale()
    guard let scale = model.scale else { return 0 }
    let jet = try model.network.pushforward(inputs, model.ray, algebra: model.algebra)
    // s, ‖f_k − f_0‖², and the squares of the coefficients along sΔ.
    let numbers = try backend.matrix(1, order + 3, model.type)
    try backend.run(.fill(Fill(numbers, value: 0)))
    try backend.run(.linearCombination(LinearCombination(numbers.element(0), 1, scale)))
    var truncated = jet
    truncated.degree = min(order, jet.degree)
    try distance(sum(truncated, targets), jet[0], squares: numbers.element(1))
    for index in 1...max(1, jet.degree) where index <= jet.degree {
      try backend.run(
        .reduction(
          Reduction(.sumOfSquares, of: jet[index], into: numbers.element(1 + index))))
    }
    let values = try backend.download(numbers)
    // A power of two: exact.
    var power = 1.0
    let norms = values[2...].map { square in
      power /= values[0]
      return square.squareRoot() * power
    }
    return RemainderEstimate.relativeError(norms: norms, movement: values[1].squareRoot())
  }

  /// F = Σ y_i s^{−i}, [batch, outputs].
  private func sum(_ jet: Jet, _ targets: Matrix) throws -> Matrix {
    let outputs = try Objective.Outputs(
      model.backend, count: jet.block, outputs: jet.columns, type: model.type)
    try objective.evaluate(model, logits: jet, targets: targets, into: outputs, cotangent: nil)
    return outputs.values
  }

  /// ‖a − b‖² into `squares`.
  private func distance(_ a: Matrix, _ b: Matrix, squares: Matrix) throws {
    let difference = try model.backend.matrix(a.rows, a.columns, model.type)
    try model.backend.run(.linearCombination(LinearCombination(difference, 1, a, -1, b)))
    try model.backend.run(.reduction(Reduction(.sumOfSquares, of: difference, into: squares)))
  }
}
