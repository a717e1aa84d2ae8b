import Kernels

/// `DualActivation` for activations without a closed form, by Mehler's formula: with
/// ρ = c/√(ab), clamped to [−1, 1] and 0 where ab = 0,
///
///     T = Σ_{n<D} A_n[i, p]·B_n[j, p′]·ρⁿ,   T′ the same with coefficients of its own,
///
/// then Θ ← T′·Θ and K ← T, in place, after the affine map if there is one.
///
/// A_n = E[φ(√a z) h_n(z)] with normalised Hermite polynomials h_n, for a the variance at [i, p], and
/// so for φ′. Coefficients are matrices [D, examples·positions], one degree after the other; D may
/// differ between T and T′. Horner's rule: t ← A_{D−1}B_{D−1}, then t ← fma(t, ρ, A_nB_n) for
/// descending n. A finite series keeps the kernel positive semidefinite, as its terms are powers of
/// one (Schoenberg, Positive definite functions on spheres, 1942), and is off by no more than
/// |ρ|^D √(τ_a τ_b), τ_a = E[φ(√a z)²] − Σ A_n².
public struct DualSeries: PortableOperation {
  public var affine: KernelAffine?
  public var layout: KernelLayout
  public var nngp: Matrix
  public var ntk: Matrix?
  public var rowVariances: Matrix
  public var columnVariances: Matrix
  /// A and B of T.
  public var rowValues: Matrix
  public var columnValues: Matrix
  /// A and B of T′, which Θ needs.
  public var rowSlopes: Matrix?
  public var columnSlopes: Matrix?

  public init(
    nngp: Matrix, ntk: Matrix? = nil, layout: KernelLayout, rowVariances: Matrix,
    columnVariances: Matrix, values: (rows: Matrix, columns: Matrix),
    slopes: (rows: Matrix, columns: Matrix)? = nil, affine: KernelAffine? = nil
  ) {
    precondition(layout.describes(nngp), "K's shape")
    precondition(ntk.map { layout.describes($0) && $0.type == nngp.type } ?? true, "Θ's shape")
    precondition((ntk == nil) == (slopes == nil), "Θ needs slopes")
    layout.checkVariances(rowVariances, columnVariances, of: nngp)
    for series in [values] + (slopes.map { [$0] } ?? []) {
      precondition(series.rows.rows == series.columns.rows && series.rows.rows > 0, "degrees")
      for degree in 0..<series.rows.rows {
        layout.checkVariances(
          series.rows.rows(degree..<degree + 1), series.columns.rows(degree..<degree + 1),
          of: nngp)
      }
    }
    self.affine = affine
    self.layout = layout
    self.nngp = nngp
    self.ntk = ntk
    self.rowVariances = rowVariances
    self.columnVariances = columnVariances
    (rowValues, columnValues) = values
    (rowSlopes, columnSlopes) = (slopes?.rows, slopes?.columns)
  }

  /// Coefficients of T, and of T′.
  private var degrees: (Int, Int) { (rowValues.rows, rowSlopes?.rows ?? 0) }

  public var name: String { "dual_series" }
  public var cost: Cost {
    let (count, terms) = (Double(nngp.count), Double(degrees.0 + degrees.1))
    let rest = [
      rowVariances, columnVariances, rowValues, columnValues, rowSlopes ?? rowValues,
      columnSlopes ?? columnValues,
    ]
    let elements = rest.reduce(2 * count * (ntk == nil ? 1 : 2)) { $0 + Double($1.count) }
    return Cost(
      flops: count * (3 * terms + 6), bytes: elements * Double(nngp.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&rowVariances, .read, body)
    try visit(&columnVariances, .read, body)
    try visit(&rowValues, .read, body)
    try visit(&columnValues, .read, body)
    try visit(&rowSlopes, .read, body)
    try visit(&columnSlopes, .read, body)
    try visit(&nngp, .readWrite, body)
    try visit(&ntk, .readWrite, body)
  }

  public func define() {
    for index in 0..<nngp.count {
      var k = nngp.flat.exact(0, index)
      var theta = ntk?.flat.exact(0, index)
      if let affine { (k, theta) = affine.define(k, theta, nngp.type) }
      let (row, column) = layout.places(of: index)
      let rho = DualFunction.correlation(
        k, rowVariances.flat.exact(0, row), columnVariances.flat.exact(0, column))
      func sum(_ a: Matrix, _ b: Matrix) -> Bounded {
        var sum = Bounded(0)
        for n in (0..<a.rows).reversed() {
          let term = a.exact(n, row) * b.exact(n, column)
          sum = n == a.rows - 1 ? term : .fma(sum, rho, term)
        }
        return sum
      }
      if let old = theta, let rowSlopes, let columnSlopes {
        theta = sum(rowSlopes, columnSlopes) * old
      }
      nngp.flat[0, index] = sum(rowValues, columnValues)
      if let theta { ntk?.flat[0, index] = theta }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = nngp.type
    let (cells, extent) = layout.strips
    let parameters = DualSeriesParameters(
      cells: cells, affine: AffineParameters(affine, type), hasNTK: ntk == nil ? 0 : 1,
      valueCount: degrees.0, slopeCount: degrees.1, rowStride: rowValues.stride,
      columnStride: columnValues.stride)
    let arguments = [
      nngp, ntk ?? nngp, rowVariances, columnVariances, rowValues, columnValues,
      rowSlopes ?? rowValues, columnSlopes ?? columnValues,
    ]
    let work = nngp.count * (1 + (degrees.0 + degrees.1) / 8)
    return [
      Launch(
        "dual_series", source: "dual_series", type: type, extent, arguments, parameters, work: work)
    ]
  }
}

extension DualFunction {
  /// c/√(ab) in [−1, 1], 0 where ab = 0.
  static func correlation(_ c: Bounded, _ a: Bounded, _ b: Bounded) -> Bounded {
    let root = mean(a.notNegative, b.notNegative)
    if root.value == 0 { return Bounded(0) }
    var rho = c / root
    rho.value = min(1, max(-1, rho.value))
    return rho
  }
}
