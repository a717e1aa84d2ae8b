/// A kernel that cannot be used: one sentence.
public struct KernelError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
