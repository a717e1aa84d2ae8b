import Compute
import DataSets
import Networks

/// Checkpoints hold everything a run needs to go on with the same bits: `parameters.*`, or
/// `center.*` and `displacement.*`, the optimizer's moments `moment0.*`, `moment1.*`, and the
/// counters as metadata. The run's start is initial.safetensors.
extension Trainer {
  private static let keptCheckpoints = 3

  func saveCheckpoint(_ state: RunState) throws {
    guard let directory else { return }
    let (network, backend, type) = (model.network, model.backend, model.type)
    func named(_ vector: Matrix, _ prefix: String) throws -> [(String, NumericArray)] {
      let values = try backend.download(vector)
      try requireFinite(values, after: state.step)
      return network.namedTensors(values, type: type, prefix: prefix)
    }
    var tensors: [(name: String, array: NumericArray)] = []
    if let displacement = model.displacement {
      tensors += try named(model.center, "center.")
      tensors += try named(displacement, "displacement.")
    } else {
      tensors += try named(model.center, "parameters.")
    }
    for (index, moment) in step.moments.enumerated() {
      tensors += try named(moment, "moment\(index).")
    }
    var metadata = [
      "step": String(state.step), "evaluations_since_best": String(state.evaluationsSinceBest),
    ]
    metadata["best_loss"] = state.bestLoss.map { String($0) }
    try SafetensorsFile.write(
      tensors, metadata: metadata, to: directory.checkpointPath(state.step))
    directory.pruneCheckpoints(keeping: Self.keptCheckpoints)
  }

  /// Loads the newest checkpoint, if there is one.
  func restore() throws -> RunState? {
    guard let directory, let newest = directory.checkpointSteps().last else { return nil }
    let file = try SafetensorsFile(directory.checkpointPath(newest))
    guard let step = file.metadata["step"].flatMap({ Int($0) }), step <= settings.steps else {
      throw TrainingError("\(file.path) is not a checkpoint of this run; choose another --out")
    }
    func vector(_ prefix: String) throws -> [Double] {
      try model.network.readParameters(file, prefix: prefix)
    }
    if model.displacement == nil {
      try model.load(center: try vector("parameters."), displacement: nil)
    } else {
      try model.load(center: try vector("center."), displacement: try vector("displacement."))
    }
    for (index, moment) in self.step.moments.enumerated() {
      try model.backend.upload(try vector("moment\(index)."), to: moment)
    }
    try directory.dropMetrics(after: step)
    var state = RunState()
    state.step = step
    state.bestLoss = file.metadata["best_loss"].flatMap { Double($0) }
    state.evaluationsSinceBest =
      file.metadata["evaluations_since_best"].flatMap { Int($0) } ?? 0
    resumed(at: step)
    return state
  }
}
