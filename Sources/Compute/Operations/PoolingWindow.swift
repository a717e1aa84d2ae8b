/// Windows over an image of H×W positions, without padding: window (i, j) holds the positions
/// (i·s_y + dy, j·s_x + dx), 0 ≤ dy < h, 0 ≤ dx < w. There are ⌊(H − h)/s_y⌋ + 1 by
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
  /// Where the image begins, counted from the first window's beginning. Only samples of an adjoint
  /// have another one than (0, 0): one position and the windows that hold it.
  let origin: Size

  public init(image: Size, window: Size, stride: Size) {
    precondition(window.height > 0 && window.width > 0, "an empty window")
    precondition(stride.height > 0 && stride.width > 0, "a stride of zero")
    precondition(
      window.height <= image.height && window.width <= image.width, "a window beyond the image")
    self.image = image
    self.window = window
    self.stride = stride
    pooled = Size(
      (image.height - window.height) / stride.height + 1,
      (image.width - window.width) / stride.width + 1)
    origin = Size(0, 0)
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

  /// Window number `index`'s first position.
  func first(of index: Int) -> Int {
    index / pooled.width * stride.height * image.width + index % pooled.width * stride.width
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
