/// Work and traffic of an operation.
public struct Cost: Sendable, Equatable {
  /// Floating-point operations; a fused multiply-add counts as two.
  public var flops: Double
  /// Bytes read and written at least once.
  public var bytes: Double

  public init(flops: Double = 0, bytes: Double = 0) {
    self.flops = flops
    self.bytes = bytes
  }

  public static func + (a: Cost, b: Cost) -> Cost {
    Cost(flops: a.flops + b.flops, bytes: a.bytes + b.bytes)
  }
}
