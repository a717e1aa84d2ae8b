/// Something that a user or a device caused: one sentence that says what, where and what to do.
public struct BackendError: Error, CustomStringConvertible, Sendable {
  /// What follows for whoever asked.
  public enum Cause: Sendable, Equatable {
    /// The request cannot be met, by nothing that the device did.
    case request
    /// There is not enough memory; nothing has changed.
    case memory
    /// The device could not compile, or begin, what was asked; results until then stand.
    case launch
    /// The device failed or does not answer: what it holds is lost.
    case device
  }

  public let description: String
  public let cause: Cause

  public init(_ description: String, cause: Cause = .request) {
    self.description = description
    self.cause = cause
  }
}
