import Kernels

/// A layer's effect on the kernels K and Θ of an infinitely wide network, in place: the affine map
/// if there is one (`KernelAffine`), then
///
///     Θ ← T′(K; a, b)·Θ,   K ← T(K; a, b),
///
/// with T and T′ of a `DualFunction` and the variances a = rowVariances[i, p] and
/// b = columnVariances[j, p′] of the kernel after the affine map. With `identity` there are no
/// variances, and the affine map is all.
///
/// K and Θ are [pairs, cells] of `layout`, variances [examples, positions]. All of it is elementwise:
/// an element's bits depend on its own numbers alone, and running the affine map first and the
/// function afterwards gives the same ones. The function is symmetric in a and b, bit for bit. No
/// finite numbers give NaN as long as T and T′ are in range; c beyond ±√(ab) counts as that, negative
/// variances as 0. Where a variance is 0, T and T′ of rectifiers are those of c = +0, with σ = ½;
/// T of sign is 0; and normalization gives 0 for both if ε is 0 too.
public struct DualActivation: PortableOperation {
  public var function: DualFunction
  public var affine: KernelAffine?
  public var layout: KernelLayout
  /// K.
  public var nngp: Matrix
  /// Θ.
  public var ntk: Matrix?
  public var rowVariances: Matrix?
  public var columnVariances: Matrix?

  public init(
    _ function: DualFunction, nngp: Matrix, ntk: Matrix? = nil, layout: KernelLayout,
    rowVariances: Matrix? = nil, columnVariances: Matrix? = nil, affine: KernelAffine? = nil
  ) {
    precondition(layout.describes(nngp), "K's shape")
    precondition(ntk.map { layout.describes($0) && $0.type == nngp.type } ?? true, "Θ's shape")
    self.function = function
    self.affine = affine
    self.layout = layout
    self.nngp = nngp
    self.ntk = ntk
    guard function != .identity else { return }
    guard let rowVariances, let columnVariances else { preconditionFailure("needs variances") }
    layout.checkVariances(rowVariances, columnVariances, of: nngp)
    self.rowVariances = rowVariances
    self.columnVariances = columnVariances
  }

  public var name: String { "dual_activation" }
  public var cost: Cost {
    let count = Double(nngp.count)
    let kernels = ntk == nil ? 1.0 : 2
    let variances = (rowVariances?.count ?? 0) + (columnVariances?.count ?? 0)
    return Cost(
      flops: count
        * (function.flops + (ntk == nil ? 0 : 1) + (affine == nil ? 0 : 3 * kernels - 1)),
      bytes: (2 * count * kernels + Double(variances)) * Double(nngp.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&rowVariances, .read, body)
    try visit(&columnVariances, .read, body)
    try visit(&nngp, .readWrite, body)
    try visit(&ntk, .readWrite, body)
  }

  public func define() {
    for index in 0..<nngp.count {
      var k = nngp.flat.exact(0, index)
      var theta = ntk?.flat.exact(0, index)
      if let affine { (k, theta) = affine.define(k, theta, nngp.type) }
      if let rowVariances, let columnVariances {
        let (row, column) = layout.places(of: index)
        let (value, slope) = function.define(
          k, rowVariances.flat.exact(0, row), columnVariances.flat.exact(0, column), nngp.type)
        k = value
        theta = function == .sign ? theta.map { _ in Bounded(0) } : theta.map { slope * $0 }
      }
      nngp.flat[0, index] = k
      if let theta { ntk?.flat[0, index] = theta }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = nngp.type
    let constants = function.constants
    let (cells, extent) = layout.strips
    let parameters = DualActivationParameters(
      cells: cells, affine: AffineParameters(affine, type), function: function.code,
      hasNTK: ntk == nil ? 0 : 1, first: type.encode(constants.0),
      second: type.encode(constants.1), third: type.encode(constants.2))
    // An absent argument is never touched; any buffer stands in for it.
    let arguments = [nngp, ntk ?? nngp, rowVariances ?? nngp, columnVariances ?? nngp]
    return [
      Launch(
        "dual_activation", source: "dual_activation", type: type, extent, arguments, parameters,
        work: nngp.count)
    ]
  }
}

extension KernelLayout {
  /// Stops unless these are [examples, positions] of the kernel's type.
  func checkVariances(_ row: Matrix, _ column: Matrix, of kernel: Matrix) {
    for (variances, examples) in [(row, rows), (column, columns)] {
      precondition(variances.type == kernel.type, "one scalar type")
      precondition(
        variances.isContiguous && variances.count == examples * positionCount,
        "a variance for each position of each example")
    }
  }

  /// How kernel functions run over a kernel: rows of an extent, and where the two positions of a
  /// row's cells lie (see kernel_cells.cl).
  var strips: (KernelCells, Launch.Extent) {
    let (area, isPaired) = (positionCount, pairing == .paired)
    precondition(
      pairCount * height * height < 1 << 32 && columns * area < 1 << 32, "at most 2^32 rows at once"
    )
    var cells = KernelCells(
      planes: 1, columns: 1, isPaired: isPaired ? 1 : 0, rowExample: area, columnExample: area,
      rowPlane: 0, columnPlane: 0, segment: 1, rowSegment: 0, rowStep: 0, columnSegment: 0)
    if self.cells == .pairs {
      // A row for (pair, y, y′), segments for x.
      cells.planes = height
      cells.columns = isPaired ? 1 : columns
      (cells.rowPlane, cells.columnPlane) = (width, width)
      (cells.segment, cells.rowSegment) = (width, 1)
      return (cells, .grid(rows: pairCount * height * height, columns: width * width))
    }
    cells.rowStep = 1
    if isPaired {
      // All cells one after the other; few rows, so that strips are full, but enough for threads.
      let each = area >= 64 ? 1 : rows
      cells.segment = max(1, each * area)
      return (cells, .grid(rows: rows / max(1, each), columns: each * area))
    }
    // A row for a row of examples, in it the others one after the other: a segment for each, or
    // one for all where they have a single position.
    cells.columnExample = 0
    cells.segment = max(1, area == 1 ? columns : area)
    if area == 1 { cells.rowStep = 0 }
    cells.columnSegment = area
    return (cells, .grid(rows: rows, columns: columns * area))
  }
}

extension AffineParameters {
  init(_ affine: KernelAffine?, _ type: ScalarType) {
    let affine = affine.map { ($0, 1) } ?? (KernelAffine(), 0)
    self.init(
      isPresent: affine.1, factor: type.encode(affine.0.factor), bias: type.encode(affine.0.bias),
      ntkFactor: type.encode(affine.0.ntkFactor), nngpShare: type.encode(affine.0.nngpShare),
      ntkBias: type.encode(affine.0.ntkBias))
  }
}
