import ArgumentParser
import Maclaurin

/// --order-zero-cache
enum OrderZeroOption: String, ExpressibleByArgument, CaseIterable {
  case auto, on, off

  /// Under `auto`, of the memory of the device or the machine.
  private static let share = 4

  /// What `--help` says.
  static let help = ArgumentHelp(
    "Keep coefficient 0 of dense layers for the training set, whose center stays: auto (in a quarter "
      + "of the memory), on or off. Bits are the same.", valueName: "when")

  /// The plan of a run that keeps what this option allows, and what that is.
  ///
  /// - Parameters:
  ///   - memory: asked for only where something would be kept.
  ///   - plan: the plan within limits.
  /// - Throws: `TrainingError` where `on` keeps nothing.
  func plan(
    within memory: () throws -> AvailableMemory,
    _ plan: (OrderZeroLayout.Limits) throws -> TrainingPlan
  ) throws -> (plan: TrainingPlan, limits: OrderZeroLayout.Limits) {
    if self == .off { return (try plan(.none), .none) }
    let most = OrderZeroLayout.Limits(bytes: .max)
    let wanted = try plan(most)
    if let reason = wanted.orderZero.reason {
      guard self == .auto else {
        throw TrainingError("--order-zero-cache on keeps nothing here: \(reason); leave it out")
      }
      return (wanted, .none)
    }
    if self == .on { return (wanted, most) }
    let memory = try memory()
    let limits = OrderZeroLayout.Limits(
      bytes: memory.bytes / Self.share, pieceBytes: memory.largestPiece)
    let limited = try plan(limits)
    if limited.peakBytes <= memory.budget { return (limited, limits) }
    // What the run itself needs goes before.
    var rest = limits
    rest.bytes = max(1, memory.budget - (limited.peakBytes - limited.orderZero.bytes))
    return (try plan(rest), rest)
  }

  /// What was decided, for people.
  static func text(_ layout: OrderZeroLayout) -> String {
    guard let reason = layout.reason else {
      let count = layout.layers.count
      return "\(bytesText(layout.bytes)) for \(count) dense layer\(count == 1 ? "" : "s")"
    }
    return "none: \(reason)"
  }
}
