import Kernels

/// out ← W0 + u·s·Δ, elementwise and rounded once: fma(fl(u·s), Δ, W0). The weights of a layer at a
/// point of the ray.
public struct RayWeights: PortableOperation {
  /// Contiguous.
  public var output: Matrix
  public var center: Matrix
  public var displacement: Matrix
  public var u: Double
  /// The 1×1 direction scale s, absent for 1.
  public var scale: Matrix?

  public init(
    _ output: Matrix, center: Matrix, displacement: Matrix, at u: Double, scale: Matrix?
  ) {
    self.output = output
    self.center = center
    self.displacement = displacement
    self.u = u
    self.scale = scale
    precondition(output.isContiguous, "contiguous")
    precondition(
      [center, displacement].allSatisfy {
        $0.rows == output.rows && $0.columns == output.columns && $0.type == output.type
      }, "equal shapes")
  }

  public var name: String { "ray_weights" }
  public var cost: Cost {
    Cost(
      flops: 2 * Double(output.count), bytes: 3 * Double(output.count * output.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&center, .read, body)
    try visit(&displacement, .read, body)
    try visit(&scale, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    let step = Self.step(u, scale)
    for row in 0..<output.rows {
      for column in 0..<output.columns {
        output[row, column] = .fma(
          step, displacement.exact(row, column), center.exact(row, column))
      }
    }
  }

  /// fl(u·s), exact where s is a power of two.
  static func step(_ u: Double, _ scale: Matrix?) -> Bounded {
    guard let scale else { return Bounded(u) }
    let s = scale.exact(0, 0)
    return abs(u) == 1 ? Bounded(u * s.value) : Bounded(u) * s
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = RayWeightsParameters(
      u: output.type.encode(u), hasScale: scale == nil ? 0 : 1, centerStride: center.stride,
      displacementStride: displacement.stride)
    return [
      Launch(
        "ray_weights", source: "ray_weights", type: output.type,
        .grid(rows: output.rows, columns: output.columns),
        [output, center, displacement, scale ?? center], parameters)
    ]
  }
}
