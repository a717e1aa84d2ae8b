import Compute

/// A truncated power series f_0 + f_1 t + … + f_d t^d of matrices, in normalised coefficients
/// f⁽ⁱ⁾(0)/i!, stacked by rows. See `JetView` for the layout.
public typealias Jet = JetView

/// Parameters along a ray: θ0 + t·s·Δ⁽ᵛ⁾, as flat vectors of one scalar type.
public struct ParameterJet {
  /// θ0 (or θ, for order 0), 1×P.
  public var center: Matrix
  /// Δ⁽ᵛ⁾, [V, P]; absent for order 0.
  public var displacement: Matrix?
  /// The 1×1 direction scale s, absent for 1.
  public var scale: Matrix?

  public init(center: Matrix, displacement: Matrix? = nil, scale: Matrix? = nil) {
    precondition(center.rows == 1 && displacement?.columns ?? center.columns == center.columns)
    self.center = center
    self.displacement = displacement
    self.scale = scale
  }

  public var directions: Int { displacement?.rows ?? 1 }

  /// The part of the parameters that one tensor takes, as a rows×columns weight jet.
  public func tensor(at offset: Int, rows: Int, columns: Int) -> TensorJet {
    TensorJet(
      center: center.slice(at: offset, rows: rows, columns: columns),
      displacement: displacement?.rows(0..<1).slice(at: offset, rows: rows, columns: columns),
      displacementStride: displacement?.stride ?? 0, scale: scale)
  }
}

/// One parameter tensor along a ray.
public struct TensorJet {
  public var center: Matrix
  /// Direction 0's; direction v's lies v·`displacementStride` elements further on.
  public var displacement: Matrix?
  public var displacementStride: Int
  public var scale: Matrix?

  public init(
    center: Matrix, displacement: Matrix? = nil, displacementStride: Int = 0, scale: Matrix? = nil
  ) {
    self.center = center
    self.displacement = displacement
    self.displacementStride = displacementStride
    self.scale = scale
  }
}

extension Matrix {
  /// Elements `offset`… of a flat matrix in another shape.
  public func slice(at offset: Int, rows: Int, columns: Int) -> Matrix {
    precondition(isContiguous && offset + rows * columns <= count, "slice out of range")
    return Matrix(buffer, offset: self.offset + offset, rows: rows, columns: columns)
  }
}
