/// A network description, or parameters for it, that cannot be used: one sentence that names the
/// layer and says what to do.
public struct NetworkError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
