/// How a convolution's kernel moves over an image, channels last.
///
/// An image layer of a batch is a matrix with a row for every position, (example·H + y)·W + x, and
/// a column for every channel. Output position (oy, ox) sees input position (oy·s_h − top + dy,
/// ox·s_w − left + dx) through tap t = dy·k_w + dx; what lies outside of the image is zero.
public struct ConvolutionGeometry: Sendable, Equatable {
  /// Positions down and across.
  public struct Extent: Sendable, Equatable, CustomStringConvertible {
    public var height: Int
    public var width: Int

    public init(_ height: Int, _ width: Int) {
      self.height = height
      self.width = width
    }

    public var count: Int { height * width }
    public var description: String { "\(height)×\(width)" }
  }

  public var input: Extent
  public var kernel: Extent
  public var stride: Extent
  /// Rows of zeros above the image.
  public var top: Int
  /// Columns of zeros before it.
  public var left: Int
  public var output: Extent
  /// That a kernel sees: of one group.
  public var channels: Int
  /// How many kernels stand side by side, each with channels and outputs of its own. Unfolding knows
  /// nothing of them: it sees images of one group each.
  public var groups: Int

  public init(
    input: Extent, kernel: Extent, stride: Extent = Extent(1, 1), top: Int = 0, left: Int = 0,
    output: Extent, channels: Int, groups: Int = 1
  ) {
    precondition(input.count > 0 && kernel.count > 0 && stride.count > 0 && output.count > 0)
    precondition(channels > 0 && top >= 0 && left >= 0 && groups > 0)
    self.input = input
    self.kernel = kernel
    self.stride = stride
    self.top = top
    self.left = left
    self.output = output
    self.channels = channels
    self.groups = groups
  }

  /// Columns of the unfolded matrix: kernel positions times channels.
  public var patchCount: Int { kernel.count * channels }

  /// 1×1 with stride 1: the unfolded matrix is the input.
  public var isPointwise: Bool {
    kernel.count == 1 && stride.count == 1 && top == 0 && left == 0 && input == output
  }

  /// Whether it is a dense layer at every position.
  public var isDense: Bool { isPointwise && groups == 1 }

  /// Elements from one row of the unfolded matrix to the next where it is a view of the input: where
  /// a patch is one run of memory and all patches are equally far apart.
  public var viewStride: Int? {
    if isPointwise { return channels }
    guard top == 0, left == 0, output.width == 1, kernel.width == input.width,
      (output.height - 1) * stride.height + kernel.height <= input.height
    else { return nil }
    let line = input.width * channels
    if output.height == 1 { return input.height * line }
    return output.height * stride.height == input.height ? stride.height * line : nil
  }

  /// Whether that view meets every element of the input exactly once.
  public var viewIsPartition: Bool {
    viewStride != nil && (isPointwise || output.height * kernel.height == input.height)
  }
}
