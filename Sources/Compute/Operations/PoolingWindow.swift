/// Windows over an image of H×W positions with `top` rows above it and `left` columns before it that
/// hold nothing: window (i, j) holds the positions (i·s_y − top + dy, j·s_x − left + dx), 0 ≤ dy < h,
/// 0 ≤ dx < w, that lie in the image. Without padding there are ⌊(H − h)/s_y⌋ + 1 by
/// ⌊(W − w)/s_x⌋ + 1 of them; positions behind the last one are in none.
public struct PoolingWindow: Sendable, Equatable {
  /// Positions in both directions.
  public typealias Size = ConvolutionGeometry.Extent

  /// What is pooled.
  public let image: Size
  public let window: Size
  public let stride: Size
  /// What comes of it: the number of windows.
  public let pooled: Size
  /// Where the image begins, counted from the first window's beginning: the padding (top, left). Samples
  /// of an adjoint have one position and the windows that hold it.
  let origin: Size

  public init(image: Size, window: Size, stride: Size) {
    precondition(
      window.height <= image.height && window.width <= image.width, "a window beyond the image")
    self.init(
      image: image, window: window, stride: stride, top: 0, left: 0,
      pooled: Size(
        (image.height - window.height) / max(1, stride.height) + 1,
        (image.width - window.width) / max(1, stride.width) + 1))
  }

  /// Windows that begin `top` rows above the image and `left` columns before it.
  ///
  /// - Precondition: every window holds a position.
  public init(image: Size, window: Size, stride: Size, top: Int, left: Int, pooled: Size) {
    precondition(window.height > 0 && window.width > 0, "an empty window")
    precondition(stride.height > 0 && stride.width > 0, "a stride of zero")
    precondition(
      top >= 0 && left >= 0 && top < window.height && left < window.width
        && (pooled.height - 1) * stride.height - top < image.height
        && (pooled.width - 1) * stride.width - left < image.width, "a window beside the image")
    self.image = image
    self.window = window
    self.stride = stride
    self.pooled = pooled
    origin = Size(top, left)
  }

  /// One window over the whole image.
  public init(whole image: Size) { self.init(image: image, window: image, stride: Size(1, 1)) }

  /// One position that lies `origin` behind the beginning of the first of `pooled` windows.
  init(position origin: Size, window: Size, stride: Size, pooled: Size) {
    image = Size(1, 1)
    self.window = window
    self.stride = stride
    self.pooled = pooled
    self.origin = origin
  }

  var isPadded: Bool { origin != Size(0, 0) }

  /// Where window number `index` begins in the image; negative in the padding.
  func beginning(of index: Int) -> (y: Int, x: Int) {
    (
      index / pooled.width * stride.height - origin.height,
      index % pooled.width * stride.width - origin.width
    )
  }

  /// What of window number `index` lies in the image, counted from the window's beginning.
  func inside(of index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let (y, x) = beginning(of: index)
    return (
      max(0, -y)..<min(window.height, image.height - y),
      max(0, -x)..<min(window.width, image.width - x)
    )
  }

  /// The windows that hold a position, by rows and columns of windows.
  func holding(_ position: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    func range(_ at: Int, _ window: Int, _ stride: Int, _ count: Int) -> Range<Int> {
      let first = at < window ? 0 : (at - window) / stride + 1
      return first..<max(first, min(at / stride, count - 1) + 1)
    }
    let (y, x) = place(position)
    return (
      range(y, window.height, stride.height, pooled.height),
      range(x, window.width, stride.width, pooled.width)
    )
  }

  /// A position's row and column, counted from the first window's beginning.
  func place(_ position: Int) -> (y: Int, x: Int) {
    (position / image.width + origin.height, position % image.width + origin.width)
  }
}
