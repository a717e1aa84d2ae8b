import Compute
import DataSets
import Networks

extension Trainer {
  /// ‖·‖² of each tensor of a flat vector.
  static func squares(_ vector: Matrix, _ model: Model) throws -> [Double] {
    let tensors = model.network.parameters
    let sums = try model.backend.matrix(1, tensors.count, model.type)
    for (index, tensor) in tensors.enumerated() {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      try model.backend.run(
        .reduction(Reduction(.sumOfSquares, of: part, into: sums.element(index))))
    }
    return try model.backend.download(sums)
  }

  /// Evaluates, records, and keeps the best parameters; true if the run should stop early.
  @discardableResult
  func record(_ state: inout RunState, learningRate: Double) throws -> Bool {
    var record = MetricsRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch),
      learningRate: learningRate)
    if let validation {
      record.validation = try evaluator.evaluate(model, on: validation).0
    }
    if let test {
      let (evaluation, outputs) = try evaluator.evaluate(model, on: test)
      record.test = evaluation
      if settings.saveLogits { try saveLogits(outputs, step: state.step) }
    }
    record.movement = try movement()
    try directory?.append(record, network: model.network)
    onProgress(Progress(step: state.step, steps: settings.steps, record: record))
    guard let loss = record.validation?.loss else { return false }
    if loss < state.bestLoss ?? .infinity {
      state.bestLoss = loss
      state.evaluationsSinceBest = 0
      try directory?.writeParameters(
        try parameters(), network: model.network, type: model.type, as: "best.safetensors")
    } else {
      state.evaluationsSinceBest += 1
    }
    return settings.earlyStop > 0 && state.evaluationsSinceBest >= settings.earlyStop
  }

  private func saveLogits(_ outputs: Matrix, step: Int) throws {
    guard let directory else { return }
    let values = try model.backend.download(outputs)
    try directory.writeLogits(
      values, shape: [outputs.rows, outputs.columns], type: model.type, step: step)
  }

  /// ‖θ − θ0‖ per tensor; the gradient's memory is the scratch.
  func movement() throws -> [MetricsRecord.TensorMovement] {
    let backend = model.backend
    var moved = model.state
    if let initial {
      var current = model.center
      if model.order > 0 {
        current = try backend.matrix(1, initial.columns, model.type)
        try model.parameters(into: current)
      }
      moved = step.gradient
      try backend.run(.linearCombination(LinearCombination(moved, -1, initial, 1, current)))
    }
    let squares = try Self.squares(moved, model)
    return model.network.parameters.indices.map { index in
      let absolute = squares[index].squareRoot()
      return MetricsRecord.TensorMovement(
        name: model.network.parameters[index].name, absolute: absolute,
        relative: absolute / initialSquares[index].squareRoot())
    }
  }

  /// θ = fl(θ0 + Δ).
  public func parameters() throws -> [Double] {
    try model.parameters(into: step.gradient)
    return try model.backend.download(step.gradient)
  }

  func finish(
    _ state: inout RunState, interrupted: Bool, early: Bool
  ) throws -> Result {
    let parameters = try parameters()
    try requireFinite(parameters, after: state.step)
    if interrupted {
      var result = Result(
        steps: state.step, train: Evaluation(loss: .nan),
        parametersSHA256: Self.hash(parameters))
      result.wasInterrupted = true
      return result
    }
    var record = MetricsRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch),
      learningRate: state.step > 0 ? rate(state.step - 1, (state.step - 1) / stepsPerEpoch) : 0)
    let trainEvaluation = try evaluator.evaluate(model, on: train).0
    record.train = trainEvaluation
    if let validation { record.validation = try evaluator.evaluate(model, on: validation).0 }
    if let test {
      let (evaluation, outputs) = try evaluator.evaluate(model, on: test)
      record.test = evaluation
      try saveLogits(outputs, step: state.step)
    }
    record.movement = try movement()
    var result = Result(
      steps: state.step, train: trainEvaluation, validation: record.validation, test: record.test,
      parametersSHA256: Self.hash(parameters))
    result.stoppedEarly = early
    guard let directory else { return result }
    if let loss = record.validation?.loss, loss < state.bestLoss ?? .infinity {
      try directory.writeParameters(
        parameters, network: model.network, type: model.type, as: "best.safetensors")
    }
    try saveCheckpoint(state)
    try directory.append(record, network: model.network)
    try directory.writeParameters(
      parameters, network: model.network, type: model.type, as: "final.safetensors")
    return result
  }

  /// SHA-256 over a flat parameter vector as little-endian float32, NaN made canonical.
  public static func hash(_ parameters: [Double]) -> String {
    var hash = SHA256()
    let words = parameters.map { value in
      (value.isNaN ? Float.nan.bitPattern : Float(value).bitPattern).littleEndian
    }
    words.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimalDigest()
  }
}
