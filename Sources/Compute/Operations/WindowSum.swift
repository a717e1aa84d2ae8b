import Kernels

/// How windows move along an axis: window m covers positions stride·m − before + d, d < size.
public struct WindowAxis: Hashable, Sendable {
  /// Positions, and windows.
  public var input: Int
  public var output: Int
  public var size: Int
  public var stride: Int
  /// Zeros before the first position.
  public var before: Int

  public init(input: Int, output: Int, size: Int, stride: Int = 1, before: Int = 0) {
    precondition(input > 0 && output >= 0 && size > 0 && stride > 0 && before >= 0, "a window")
    self.input = input
    self.output = output
    self.size = size
    self.stride = stride
    self.before = before
  }

  /// All positions in one window.
  public static func whole(_ input: Int) -> WindowAxis {
    WindowAxis(input: input, output: 1, size: input)
  }

  /// A window of its own for each position.
  public static func each(_ input: Int) -> WindowAxis {
    WindowAxis(input: input, output: input, size: 1)
  }

  /// The steps d at which window m lies inside.
  func steps(_ m: Int) -> Range<Int> {
    let first = stride * m - before
    let lower = min(size, max(0, -first))
    return lower..<max(lower, min(size, input - first))
  }
}

/// Sums over windows along an axis of length N, out of place, as kernels of images need them:
///
///     single     [outer, N, inner]    → [outer, M, inner]      α·Σ_d x[o, w(m, d), i]
///     diagonal   [outer, N, N, inner] → [outer, M, M, inner]   α·Σ_d x[o, w(m, d), w(m′, d), i]
///     trace      [outer, N, N, inner] → [outer, M, inner]      α·Σ_d x[o, w(m, d), w(m, d), i]
///
/// with w(m, d) = stride·m − before + d, and zeros outside. Plain additions in ascending order of d
/// from +0, then one product with α, rounded once from Double. Convolutions of a kernel over pairs of
/// positions are two diagonal sums, over (y, y′) and (x, x′); means over both images' windows are
/// four single ones; the trace takes pairs of positions to positions.
public struct WindowSum: PortableOperation {
  public enum Mode: Sendable { case single, diagonal, trace }

  public var mode: Mode
  public var input: Matrix
  public var output: Matrix
  public var axis: WindowAxis
  public var outer: Int
  public var inner: Int
  public var alpha: Double

  public init(
    _ mode: Mode, of input: Matrix, into output: Matrix, axis: WindowAxis, outer: Int, inner: Int,
    alpha: Double = 1
  ) {
    precondition(outer >= 0 && inner > 0, "extents")
    precondition(input.isContiguous && output.isContiguous, "contiguous")
    precondition(input.type == output.type, "one scalar type")
    let read = outer * axis.input * (mode == .single ? 1 : axis.input) * inner
    let written = outer * axis.output * (mode == .diagonal ? axis.output : 1) * inner
    precondition(input.count == read && output.count == written, "the extents' products")
    self.mode = mode
    self.input = input
    self.output = output
    self.axis = axis
    self.outer = outer
    self.inner = inner
    self.alpha = alpha
  }

  public var name: String { "window_sum" }
  public var cost: Cost {
    Cost(
      flops: Double(output.count) * Double(axis.size + (alpha == 1 ? 0 : 1)),
      bytes: Double((input.count + output.count) * input.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&input, .read, body)
    try visit(&output, .write, body)
  }

  /// The element of the input that output (o, m, m′, i) takes at step d; m′ counts in diagonals.
  func place(_ o: Int, _ m: Int, _ other: Int, _ i: Int, step d: Int) -> Int {
    let first = axis.stride * m - axis.before + d
    let second = axis.stride * other - axis.before + d
    switch mode {
    case .single: return (o * axis.input + first) * inner + i
    case .diagonal: return ((o * axis.input + first) * axis.input + second) * inner + i
    case .trace: return ((o * axis.input + first) * axis.input + first) * inner + i
    }
  }

  /// The steps of a window, or of two in a diagonal, that lie inside.
  func steps(_ m: Int, _ other: Int) -> Range<Int> {
    mode == .diagonal ? axis.steps(m).clamped(to: axis.steps(other)) : axis.steps(m)
  }

  /// (o, m, m′, i) of output number `index`.
  func indices(of index: Int) -> (Int, Int, Int, Int) {
    var (rest, i) = index.quotientAndRemainder(dividingBy: inner)
    let other = mode == .diagonal ? rest % axis.output : 0
    if mode == .diagonal { rest /= axis.output }
    return (rest / axis.output, rest % axis.output, other, i)
  }

  public func define() {
    let factor = Bounded(output.type.round(alpha))
    for index in 0..<output.count {
      let (o, m, other, i) = indices(of: index)
      let sum = steps(m, other).reduce(Bounded(0)) {
        $0 + input.flat.exact(0, place(o, m, other, i, step: $1))
      }
      output.flat[0, index] = factor * sum
    }
  }

  /// Rows of a launch are windows, columns what lies behind them in memory. Where the last axis of
  /// windows has a step of its own between neighbours it is among the columns.
  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = input.type
    let (n, m) = (axis.input, axis.output)
    let isFlat = mode != .trace && (axis.stride == 1 || inner == 1)
    var parameters = WindowSumParameters(
      windows: 1, others: 1, input: n, size: axis.size, stride: axis.stride, before: axis.before,
      outerStep: (mode == .single ? 1 : n) * n * inner, windowStep: 0, otherStep: 0, columnStep: 0,
      columnLimit: 0, columnStride: 1, alpha: type.encode(alpha))
    if mode != .single || !isFlat {
      parameters.windows = m
      parameters.windowStep = [.single: 1, .diagonal: n, .trace: n + 1][mode]! * inner
    }
    if isFlat {
      parameters.columnStep = inner
      parameters.columnLimit = n * inner
      parameters.columnStride = axis.stride
    } else if mode == .diagonal {
      parameters.others = m
      parameters.otherStep = inner
    }
    let rows = outer * parameters.windows * parameters.others
    let columns = isFlat ? m * inner : inner
    precondition(rows < 1 << 32, "at most 2^32 windows at once")
    return [
      Launch(
        columns < 8 ? "window_sum_cells" : "window_sum", source: "window_sum", type: type,
        .grid(rows: rows, columns: columns), [output, input], parameters,
        work: max(input.count, output.count))
    ]
  }
}
