import Compute
import DataSets
import Networks

extension Trainer {
  /// ‖·‖² of each tensor of a flat vector, on its way to the host.
  static func startSquares(_ vector: Matrix, _ model: Model) throws -> any Download {
    let tensors = model.network.parameters
    let sums = try model.backend.matrix(1, tensors.count, model.type)
    for (index, tensor) in tensors.enumerated() {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      try model.backend.run(
        .reduction(Reduction(.sumOfSquares, of: part, into: sums.element(index))))
    }
    return try model.backend.startDownload(sums)
  }

  /// Evaluations and movement at one step, on their way to the host.
  struct Measurements {
    var train: Evaluator.Pending?
    var validation: Evaluator.Pending?
    var test: Evaluator.Pending?
    /// The test set's outputs, row-major, where they are saved, and their shape.
    var logits: (download: any Download, shape: [Int])?
    var movement: any Download
    /// What else `TrainingSettings.measures` asks for; each waits for its numbers when it is called.
    var measures: [() throws -> [(name: String, value: Double)]] = []
    /// The test set's outputs, [n, outputs], and θ − θ0, 1×P, on the device until the next step.
    var testOutputs: Matrix?
    var displacement: Matrix
  }

  /// Enqueues the evaluation of the validation and test sets, at the end also of the training set;
  /// waits for nothing.
  func startEvaluation(atEnd: Bool = false) throws -> Measurements {
    let train = atEnd ? try evaluator.start(model, on: self.train).0 : nil
    let validation = try self.validation.map { try evaluator.start(model, on: $0).0 }
    var logits: (any Download, [Int])?
    var testOutputs: Matrix?
    let test = try self.test.map { examples in
      let (pending, outputs) = try evaluator.start(model, on: examples)
      testOutputs = outputs
      if atEnd || settings.saveLogits, directory != nil {
        logits = (try model.backend.startDownload(outputs), [outputs.rows, outputs.columns])
      }
      return pending
    }
    let kernel = try startKernel()
    // What the host has to steer has been read when this returns.
    let values = (step.gaussNewton?.measures ?? []) + (try diagnosticMeasures())
    let displacement = try self.displacement()
    let penalty = try step.penalty?.start()
    return Measurements(
      train: train, validation: validation, test: test, logits: logits,
      movement: try Self.startSquares(displacement, model),
      measures: kernel + [{ values }]
        + (penalty.map { penalty in [{ [("penalty", try penalty())] }] } ?? []),
      testOutputs: testOutputs, displacement: displacement)
  }

  private func diagnosticMeasures() throws -> [(name: String, value: Double)] {
    let last = max(0, state.step - 1)
    return try diagnostics?.measure(model, rate: rate(last, last / stepsPerEpoch)) ?? []
  }

  /// Waits for measurements, which were started at the present step.
  private func record(_ measurements: Measurements) throws -> MetricsRecord {
    var record = MetricsRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch),
      learningRate: state.step > 0 ? rate(state.step - 1, (state.step - 1) / stepsPerEpoch) : 0)
    record.train = try measurements.train?.wait()
    record.validation = try measurements.validation?.wait()
    record.test = try measurements.test?.wait()
    let squares = try measurements.movement.values(model.type)
    record.movement = movement(squares)
    record.measures = try measurements.measures.flatMap { try $0() } + expansionMeasures(squares)
    if let (download, shape) = measurements.logits {
      try directory?.writeLogits(
        try download.values(model.type), shape: shape, type: model.type, step: state.step)
    }
    return record
  }

  /// Ends an evaluation: records it, and keeps the best parameters.
  @discardableResult
  func finish(_ measurements: Measurements) throws -> MetricsRecord {
    try settle()
    let record = try record(measurements)
    try directory?.append(record, network: model.network, measures: settings.measures)
    onProgress(Progress(step: state.step, steps: settings.steps, record: record))
    guard let loss = record.validation?.loss else { return record }
    if loss < state.bestLoss ?? .infinity {
      state.bestLoss = loss
      state.evaluationsSinceBest = 0
      try directory?.writeParameters(
        try parameters(), network: model.network, type: model.type, as: "best.safetensors")
    } else {
      state.evaluationsSinceBest += 1
    }
    return record
  }

  /// θ − θ0, 1×P: Δ itself, or else in the gradient's memory.
  func displacement() throws -> Matrix {
    guard let initial else { return try model.movement(spare: step.gradient) }
    let backend = model.backend
    var current = model.center
    if model.order > 0 {
      current = try backend.matrix(1, initial.columns, model.type)
      try model.parameters(into: current)
    }
    let moved = step.gradient
    try backend.run(.linearCombination(LinearCombination(moved, -1, initial, 1, current)))
    return moved
  }

  /// ‖θ − θ0‖ per tensor from its squares.
  private func movement(_ squares: [Double]) -> [MetricsRecord.TensorMovement] {
    model.network.parameters.indices.map { index in
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

  /// The result of a run that was stopped before its end.
  func interruptedResult() throws -> Result {
    try settle()
    let parameters = try parameters()
    try requireFinite(parameters, after: state.step)
    var result = Result(
      steps: state.step, train: Evaluation(loss: .nan),
      parametersSHA256: Self.hash(parameters))
    result.wasInterrupted = true
    return result
  }

  /// Ends the run with its last evaluation: checkpoint, metrics, final parameters.
  func end(_ measurements: Measurements) throws -> Result {
    try settle()
    let parameters = try parameters()
    try requireFinite(parameters, after: state.step)
    let record = try record(measurements)
    var result = Result(
      steps: state.step, train: record.train ?? Evaluation(loss: .nan),
      validation: record.validation, test: record.test, parametersSHA256: Self.hash(parameters))
    result.record = record
    result.stoppedEarly = state.step < settings.steps
    guard let directory else { return result }
    if let loss = record.validation?.loss, loss < state.bestLoss ?? .infinity {
      try directory.writeParameters(
        parameters, network: model.network, type: model.type, as: "best.safetensors")
    }
    try saveCheckpoint()
    try directory.append(record, network: model.network, measures: settings.measures)
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
