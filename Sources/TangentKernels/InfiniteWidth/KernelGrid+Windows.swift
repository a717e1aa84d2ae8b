import Compute
import Networks

extension KernelGrid {
  /// What a convolution does: the kernel at (p, p′) becomes 1/|F| times its sum over (Sp + δ, Sp′ + δ),
  /// δ ∈ F, along one axis after the other. Zeros outside count in |F|.
  func convolved(_ geometry: ConvolutionGeometry) -> (windows: [KernelWindow], grid: KernelGrid) {
    let rows = WindowAxis(
      input: height, output: geometry.output.height, size: geometry.kernel.height,
      stride: geometry.stride.height, before: geometry.top)
    let columns = WindowAxis(
      input: width, output: geometry.output.width, size: geometry.kernel.width,
      stride: geometry.stride.width, before: geometry.left)
    let isPairs = cells == .pairs
    let mode = isPairs ? WindowSum.Mode.diagonal : .single
    let done = isPairs ? rows.output * rows.output : rows.output
    let windows = [
      KernelWindow(mode: mode, axis: rows, outer: 1, inner: isPairs ? width * width : width),
      KernelWindow(mode: mode, axis: columns, outer: done, inner: 1),
    ]
    var grid = self
    (grid.height, grid.width) = (geometry.output.height, geometry.output.width)
    return (Self.scaled(windows, 1 / Double(geometry.kernel.count)), grid.normalized)
  }

  /// Means over both images' windows, of a kernel over pairs of positions; behind the last layer
  /// that averages only positions remain.
  func pooled(_ window: PoolingWindow, keepsPairs: Bool) -> (
    windows: [KernelWindow], grid: KernelGrid
  ) {
    let rows = WindowAxis(
      input: height, output: window.pooled.height, size: window.window.height,
      stride: window.stride.height)
    let columns = WindowAxis(
      input: width, output: window.pooled.width, size: window.window.width,
      stride: window.stride.width)
    let plane = width * width
    var windows = [
      KernelWindow(mode: .single, axis: rows, outer: 1, inner: height * plane),
      KernelWindow(mode: .single, axis: rows, outer: rows.output, inner: plane),
    ]
    var outer = rows.output * rows.output
    if !keepsPairs {
      windows.append(
        KernelWindow(mode: .trace, axis: .each(rows.output), outer: 1, inner: plane))
      outer = rows.output
    }
    windows += [
      KernelWindow(mode: .single, axis: columns, outer: outer, inner: width),
      KernelWindow(mode: .single, axis: columns, outer: outer * columns.output, inner: 1),
    ]
    if !keepsPairs {
      windows.append(
        KernelWindow(mode: .trace, axis: .each(columns.output), outer: outer, inner: 1))
    }
    let size = Double(window.window.count)
    let grid = KernelGrid(
      height: rows.output, width: columns.output, cells: keepsPairs ? .pairs : .positions)
    return (Self.scaled(windows, 1 / (size * size)), grid.normalized)
  }

  /// From pairs of positions to positions.
  var diagonal: (windows: [KernelWindow], grid: KernelGrid) {
    let windows = [
      KernelWindow(mode: .trace, axis: .each(height), outer: 1, inner: width * width),
      KernelWindow(mode: .trace, axis: .each(width), outer: height, inner: 1),
    ]
    return (
      Self.scaled(windows, 1), KernelGrid(height: height, width: width, cells: .positions)
    )
  }

  /// The mean over positions: what a dense layer sees of a flattened image.
  var averaged: [KernelWindow] {
    Self.scaled(
      [
        KernelWindow(mode: .single, axis: .whole(height), outer: 1, inner: width),
        KernelWindow(mode: .single, axis: .whole(width), outer: 1, inner: 1),
      ], 1 / Double(positionCount))
  }

  /// An image of one position has one pair of them.
  var normalized: KernelGrid {
    positionCount == 1 ? KernelGrid() : self
  }

  /// Without those that change nothing, and with a factor at the last one.
  private static func scaled(_ windows: [KernelWindow], _ alpha: Double) -> [KernelWindow] {
    var windows = windows.filter { window in
      let isWhole = window.axis == .each(window.axis.input)
      return !isWhole || window.mode == .trace && window.axis.input > 1
    }
    if !windows.isEmpty { windows[windows.count - 1].alpha = alpha }
    return windows
  }
}
