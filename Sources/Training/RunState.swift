/// What a run must remember between steps, besides the model and the optimizer's moments.
struct RunState: Sendable, Equatable {
  /// Steps done.
  var step = 0
  var bestLoss: Double?
  var evaluationsSinceBest = 0
}
