import Kernels

/// The patches that a convolution sees, as rows ("im2col").
///
/// out[r − first, t·C + c] ← x[(e·H + oy·s_h − top + dy)·W + ox·s_w − left + dx, c], or 0 outside of
/// the image, for output positions r = (e·OH + oy)·OW + ox and taps t = dy·k_w + dx. `out` is
/// [rows, taps·C]; `x` is one coefficient, [batch·H·W, C]. Exact.
public struct Unfold: PortableOperation {
  public var output: Matrix
  public var x: Matrix
  public var geometry: ConvolutionGeometry
  /// The output position of the first row.
  public var first: Int

  public init(_ output: Matrix, from x: Matrix, _ geometry: ConvolutionGeometry, first: Int = 0) {
    precondition(x.isContiguous && output.isContiguous && x.columns == geometry.channels)
    precondition(output.columns == geometry.patchCount && first >= 0, "taps·C columns")
    let batch = x.rows / geometry.input.count
    precondition(first + output.rows <= batch * geometry.output.count, "rows past the batch")
    self.output = output
    self.x = x
    self.geometry = geometry
    self.first = first
  }

  public var name: String { "unfold" }
  public var cost: Cost { Cost(bytes: 2 * Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    for row in 0..<output.rows {
      for tap in 0..<geometry.kernel.count {
        let source = geometry.source(ofOutput: first + row, tap: tap)
        for c in 0..<geometry.channels {
          output[row, tap * geometry.channels + c] = source.map { x.exact($0, c) } ?? Bounded(0)
        }
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    [
      Launch(
        "unfold", source: "unfold", type: x.type,
        .grid(rows: output.rows * geometry.kernel.count, columns: geometry.strips), [output, x],
        geometry.parameters(first: first), work: output.count)
    ]
  }
}

/// The transpose of `Unfold` ("col2im"): sums patches back into images.
///
/// x̄[(e·H + y)·W + x, c] ← Σ_t p[r(t) − first, t·C + c] over the taps t, ascending, that see the
/// position from an output position r(t); plain additions from +0. `first` is a multiple of the
/// output positions of one image: whole examples are summed.
public struct Fold: PortableOperation {
  /// [examples·H·W, C]
  public var output: Matrix
  /// [examples·OH·OW, taps·C]
  public var patches: Matrix
  public var geometry: ConvolutionGeometry

  public init(_ output: Matrix, from patches: Matrix, _ geometry: ConvolutionGeometry) {
    precondition(patches.isContiguous && output.isContiguous, "contiguous")
    precondition(output.columns == geometry.channels && patches.columns == geometry.patchCount)
    precondition(
      output.rows % geometry.input.count == 0
        && patches.rows == output.rows / geometry.input.count * geometry.output.count,
      "whole examples")
    self.output = output
    self.patches = patches
    self.geometry = geometry
  }

  public var name: String { "fold" }
  public var cost: Cost {
    let count = Double(patches.count)
    return Cost(flops: count, bytes: Double(output.type.byteCount) * (count + Double(output.count)))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&patches, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    for row in 0..<output.rows {
      for c in 0..<geometry.channels {
        var sum = Bounded(0)
        for tap in 0..<geometry.kernel.count {
          guard let source = geometry.output(seeing: row, tap: tap) else { continue }
          sum = sum + patches.exact(source, tap * geometry.channels + c)
        }
        output[row, c] = sum
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    [
      Launch(
        "fold", source: "unfold", type: output.type,
        .grid(rows: output.rows, columns: geometry.strips), [output, patches],
        geometry.parameters(first: 0), work: patches.count)
    ]
  }
}

extension ConvolutionGeometry {
  /// The input row that output position `r` sees through a tap; nil outside of the image.
  func source(ofOutput r: Int, tap: Int) -> Int? {
    let (example, position) = r.quotientAndRemainder(dividingBy: output.count)
    let y = position / output.width * stride.height - top + tap / kernel.width
    let x = position % output.width * stride.width - left + tap % kernel.width
    guard y >= 0, y < input.height, x >= 0, x < input.width else { return nil }
    return (example * input.height + y) * input.width + x
  }

  /// The output position that sees input row `r` through a tap; nil if none does.
  func output(seeing r: Int, tap: Int) -> Int? {
    let (example, position) = r.quotientAndRemainder(dividingBy: input.count)
    let y = position / input.width + top - tap / kernel.width
    let x = position % input.width + left - tap % kernel.width
    guard y >= 0, x >= 0, y % stride.height == 0, x % stride.width == 0,
      y / stride.height < output.height, x / stride.width < output.width
    else { return nil }
    return (example * output.height + y / stride.height) * output.width + x / stride.width
  }

  /// Strips of channels, the columns of both launches.
  var strips: Int { (channels + Int(PATCH_LANES) - 1) / Int(PATCH_LANES) }

  func parameters(first: Int) -> UnfoldParameters {
    UnfoldParameters(
      height: input.height, width: input.width, channels: channels, kernelHeight: kernel.height,
      kernelWidth: kernel.width, strideHeight: stride.height, strideWidth: stride.width, top: top,
      left: left, outputHeight: output.height, outputWidth: output.width, first: first)
  }
}
