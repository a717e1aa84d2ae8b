import Kernels

/// u⁽ᵛ⁾ ← factor·Σt·(p ∘ d⁽ᵛ⁾ − p (pᵀd⁽ᵛ⁾)), p = softmax(F), row by row: the Hessian of the
/// cross-entropy −Σ t log softmax(F) with respect to F, times `factor`, times V tangents d.
///
/// The Hessian of log Σ e^F is diag(p) − ppᵀ; the linear part of the loss has none.
public struct SoftmaxCurvature: PortableOperation {
  /// F and t, [n, outputs].
  public var outputs: Matrix
  public var targets: Matrix
  /// d and u, [V·n, outputs], direction after direction. They are not the same memory.
  public var tangents: Matrix
  public var product: Matrix
  public var factor: Double

  public init(
    _ product: Matrix, outputs: Matrix, targets: Matrix, tangents: Matrix, factor: Double
  ) {
    precondition(
      outputs.isContiguous && targets.isContiguous && tangents.isContiguous
        && product.isContiguous, "contiguous")
    precondition(
      outputs.rows == targets.rows && outputs.columns == targets.columns
        && outputs.columns == tangents.columns, "equal rows")
    precondition(
      tangents.rows == product.rows && tangents.columns == product.columns
        && outputs.rows > 0 && tangents.rows % outputs.rows == 0, "whole directions")
    self.product = product
    self.outputs = outputs
    self.targets = targets
    self.tangents = tangents
    self.factor = factor
  }

  public var name: String { "softmax_curvature" }
  public var cost: Cost {
    Cost(
      flops: 30 * Double(tangents.count),
      bytes: 4 * Double(tangents.count * tangents.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&outputs, .read, body)
    try visit(&targets, .read, body)
    try visit(&tangents, .read, body)
    try visit(&product, .write, body)
  }

  public func define() {
    let factor = Bounded(tangents.type.round(self.factor))
    let width = tangents.columns
    for item in 0..<tangents.rows {
      let row = item % outputs.rows
      let f = (0..<width).map { outputs.exact(row, $0) }
      guard let largest = f.max(by: { $0.value < $1.value }) else { continue }
      let tangent = (0..<width).map { tangents.exact(item, $0) }
      let targetSum = (0..<width).map { targets.exact(row, $0) }.reduce(Bounded(0), +)
      let powers = f.map { ($0 - largest).exponential }
      let sum = powers.reduce(Bounded(0), +)
      let weighted = zip(powers, tangent).reduce(Bounded(0)) { .fma($1.0, $1.1, $0) }
      let mean = weighted / sum
      let weight = factor * targetSum
      for o in 0..<width {
        product[item, o] = weight * (powers[o] / sum * (tangent[o] - mean))
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = tangents.type
    let parameters = SoftmaxCurvatureParameters(
      rows: outputs.rows, outputs: outputs.columns, factor: type.encode(factor))
    return [
      Launch(
        "softmax_curvature", source: "softmax_curvature", type: type, .items(tangents.rows),
        [product, outputs, targets, tangents], parameters)
    ]
  }
}
