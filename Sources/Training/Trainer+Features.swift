import Compute
import Networks

/// How far a run's features have changed, and what has become of its expansion.
extension Trainer {
  /// Θ_0, of the network itself at the run's start: computed anew where a run is resumed.
  func measureStart() throws {
    guard let probe, kernelBefore.isEmpty else { return }
    let start = try Model(
      model.network, center: initial ?? model.center, order: 0, on: model.backend)
    kernelBefore = try probe.start(start).wait()
  }

  /// Enqueues the tangent kernel of the present model.
  func startKernel() throws -> [() throws -> [(name: String, value: Double)]] {
    guard let pending = try probe?.start(model) else { return [] }
    return [
      { [kernelBefore] in
        let kernel = try pending.wait()
        return [
          ("kernel_distance", TangentProbe.distance(kernel, from: kernelBefore)),
          ("kernel_alignment", TangentProbe.alignment(kernel, with: kernelBefore)),
        ]
      }
    ]
  }

  /// The measures of `TrainingSettings.measures` that the host knows.
  ///
  /// - Parameter squares: ‖θ − θ0‖² of each tensor.
  func expansionMeasures(_ squares: [Double]) -> [(name: String, value: Double)] {
    let wanted = Set(settings.measures)
    var values: [(name: String, value: Double)] = [
      (
        "parameter_movement",
        (squares.reduce(0, +) / initialSquares.reduce(0, +)).squareRoot()
      ),
      ("expansions", Double(step.expansion.count)), ("order", Double(step.expansion.order)),
    ]
    if let error = step.expansion.predictedError { values.append(("predicted_error", error)) }
    return values.filter { wanted.contains($0.name) }
  }
}
