/// Something that a user or a device caused: one sentence that says what, where and what to do.
public struct BackendError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
