import Compute
import DataSets
import Networks

/// Checkpoints hold everything a run needs to go on with the same bits: `parameters.*`, or
/// `center.*` and `displacement.*`, the optimizer's moments `moment0.*`, `moment1.*`, and the
/// counters as metadata: of re-expansions too, where there are any. A run that was interrupted
/// between two lines of metrics also keeps the losses since the last one, so that the lines of the
/// resumed run are those of an unbroken one.
/// The run's start is initial.safetensors.
extension Trainer {
  private static let keptCheckpoints = 3

  func saveCheckpoint() throws {
    guard let directory else { return }
    try settle()
    let (network, type) = (model.network, model.type)
    func named(_ vector: Matrix, _ prefix: String) throws -> [(String, NumericArray)] {
      let values = try model.backend.download(vector)
      try requireFinite(values, after: state.step)
      return network.namedTensors(values, type: type, prefix: prefix)
    }
    var tensors: [(name: String, array: NumericArray)] = []
    if let displacement = model.displacement {
      tensors += try named(model.center, "center.")
      tensors += try named(model.inNoFrame(displacement, spare: step.gradient), "displacement.")
    } else {
      tensors += try named(model.center, "parameters.")
    }
    for (index, moment) in step.moments.enumerated() {
      let isFramed = index < step.framedMoments.count
      let values = isFramed ? try model.inNoFrame(moment, spare: step.gradient) : moment
      tensors += try named(values, "moment\(index).")
    }
    if state.step > log.start {
      let losses = try openLossSums(state.step)
      tensors.append(("interval", NumericArray(losses, shape: [losses.count])))
    }
    var metadata = [
      "step": String(state.step), "evaluations_since_best": String(state.evaluationsSinceBest),
      "interval_start": String(log.start), "metrics": String(directory.metricsCount),
    ]
    metadata["best_loss"] = state.bestLoss.map { String($0) }
    metadata.merge(step.expansion.metadata) { $1 }
    metadata.merge(step.gaussNewton?.metadata ?? [:]) { $1 }
    // A fault that has not shown yet must show before there is a file.
    try model.backend.finish()
    directory.synchronizeMetrics()
    try SafetensorsFile.write(
      tensors, metadata: metadata, to: directory.checkpointPath(state.step))
    directory.pruneCheckpoints(keeping: Self.keptCheckpoints)
  }

  /// Loads the newest checkpoint, if there is one; drops the metrics that came after it.
  func restore() throws -> RunState? {
    guard let directory else { return nil }
    guard let newest = directory.checkpointSteps().last else {
      try directory.keepMetrics(0)
      return nil
    }
    let path = directory.checkpointPath(newest)
    do {
      return try restore(SafetensorsFile(path), directory)
    } catch let error as TrainingError {
      throw error
    } catch let error as BackendError {
      throw error
    } catch {
      throw TrainingError(
        "the checkpoint \(path) is damaged (\(error)); remove it to go on from the one before it")
    }
  }

  private func restore(_ file: SafetensorsFile, _ directory: RunDirectory) throws -> RunState {
    func counter(_ name: String, in range: ClosedRange<Int>) throws -> Int {
      guard let value = file.metadata[name].flatMap({ Int($0) }), range.contains(value) else {
        throw TrainingError(
          "\(file.path) is not a checkpoint of this run (\(name) is "
            + "\(file.metadata[name] ?? "missing")); remove it or choose another --out")
      }
      return value
    }
    func vector(_ prefix: String) throws -> [Double] {
      try model.network.readParameters(file, prefix: prefix)
    }
    let step = try counter("step", in: 0...settings.steps)
    let start = try counter("interval_start", in: max(0, step - log.capacity + 1)...step)
    let metrics = try counter("metrics", in: 0...Int.max / 2)
    var state = RunState()
    state.step = step
    state.evaluationsSinceBest = try counter("evaluations_since_best", in: 0...Int.max)
    state.bestLoss = file.metadata["best_loss"].flatMap { Double($0) }
    self.step.expansion = try ExpansionState(
      settings, steps: step, file.metadata, counter: counter)
    if model.displacement == nil {
      try model.load(center: try vector("parameters."), displacement: nil)
    } else {
      try model.load(center: try vector("center."), displacement: try vector("displacement."))
      if model.order > 0 { model.changeOrder(to: self.step.expansion.order) }
    }
    for (index, moment) in self.step.moments.enumerated() {
      try model.backend.upload(try vector("moment\(index)."), to: moment)
    }
    self.step.gaussNewton?.restore(file.metadata)
    let losses = step > start ? try file.tensor("interval").doubles() : []
    guard losses.count == step - start else {
      throw TrainingError("\(file.path) is not a checkpoint of this run; choose another --out")
    }
    try log.restart(at: start, lossSums: losses)
    try directory.keepMetrics(metrics)
    return state
  }
}
