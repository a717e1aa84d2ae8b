/// A Gaussian process that cannot be used: one sentence.
public struct GaussianProcessError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
