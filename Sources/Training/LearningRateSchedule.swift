import Compute
import Networks

/// The learning rate by step.
///
///     constant            η
///     linear              η(1 − t/T)
///     cosine              η(1 + cos(πt/T))/2
///     step:F@E1,E2,…      η·F^(number of the epochs E that have been reached)
public enum LearningRateSchedule: Sendable, Equatable, CustomStringConvertible {
  case constant
  case linear
  case cosine
  case step(factor: Double, epochs: [Int])

  public init(parsing text: String) throws {
    switch text {
    case "constant": self = .constant
    case "linear": self = .linear
    case "cosine": self = .cosine
    default:
      let parts = text.split(separator: "@", omittingEmptySubsequences: false)
      guard text.hasPrefix("step:"), parts.count == 2,
        let factor = Double(parts[0].dropFirst(5)), factor > 0, factor.isFinite
      else {
        throw TrainingError(
          "\"\(text)\" is not a learning-rate schedule; known are constant, linear, cosine and "
            + "step:FACTOR@EPOCH,EPOCH, for example step:0.1@100,150")
      }
      let epochs = parts[1].split(separator: ",").map { Int($0) }
      guard !epochs.isEmpty, epochs.allSatisfy({ $0 != nil && $0! > 0 }) else {
        throw TrainingError(
          "the epochs of \"\(text)\" must be positive integers, as in step:0.1@100,150")
      }
      self = .step(factor: factor, epochs: epochs.compactMap { $0 })
    }
  }

  /// The factor on η at step `step` (from 0) of `steps`, in epoch `epoch` (from 0).
  public func factor(step: Int, of steps: Int, epoch: Int) -> Double {
    switch self {
    case .constant: 1
    case .linear: 1 - Double(step) / Double(steps)
    case .cosine: (1 + HostMath.cosine(ofPiTimes: Double(step) / Double(steps))) / 2
    case .step(let factor, let epochs):
      HostMath.power(factor, epochs.count { $0 <= epoch })
    }
  }

  public var description: String {
    switch self {
    case .constant: "constant"
    case .linear: "linear"
    case .cosine: "cosine"
    case .step(let factor, let epochs):
      "step:\(factor)@" + epochs.map { String($0) }.joined(separator: ",")
    }
  }
}

/// Settings or data that cannot be trained with, or a run that failed: one sentence.
public struct TrainingError: Error, CustomStringConvertible, Sendable {
  public let description: String
  /// Of a run whose loss or parameters became infinite or NaN: the steps after which they did.
  public internal(set) var divergedAfter: Int?
  public init(_ description: String) { self.description = description }
}
