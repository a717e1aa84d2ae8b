import Kernels

/// out[i] ← the image in row rows[i] of x, shifted, flipped and normalised.
///
/// Rows are images of `channels` planes of height × width, channels first. With pad(X) the plane
/// with zeros around it,
///
///     out[i, c, y, x] = (pad(X)[rows[i], c, y + dy, x̂ + dx] − mean_c)·factor_c,
///     x̂ = x, or width − 1 − x where the image is flipped.
///
/// Drawn windows and flips depend on (seed, step, i) only: word 0 of the stream (seed,
/// augmentation, i + 1) at block `step` flips image i when its highest bit is set; words 1 and 2,
/// of tensor i + 1 or, for one window per batch, of tensor 0, are dy and dx:
/// ⌊word·(2·padding + 1)/2³²⌋ − padding.
public struct ImageGather: PortableOperation {
  /// The sizes of one image.
  public struct Shape: Sendable, Equatable {
    public var channels: Int
    public var height: Int
    public var width: Int

    public init(channels: Int, height: Int, width: Int) {
      self.channels = channels
      self.height = height
      self.width = width
    }

    public var count: Int { channels * height * width }
  }

  /// Where windows begin.
  public enum Window: Sendable, Equatable {
    case fixed(dy: Int, dx: Int)
    /// One draw for all images of the operation, −padding … padding in both directions.
    case drawn(padding: Int)
    /// A draw for each image.
    case drawnForEach(padding: Int)

    /// The images as they are.
    public static let whole = fixed(dy: 0, dx: 0)
  }

  /// [n, shape.count]
  public var output: Matrix
  public var x: Matrix
  /// int32, one index per output row; nil: the rows of x as they come.
  public var rows: Matrix?
  /// [2, channels]: what is subtracted, and what the difference is multiplied by.
  public var scaling: Matrix
  public var shape: Shape
  public var window: Window
  /// Whether each image is mirrored with probability ½.
  public var flips: Bool
  public var seed: UInt64
  public var step: Int

  public init(
    _ output: Matrix, from x: Matrix, rows: Matrix? = nil, shape: Shape, scaling: Matrix,
    window: Window = .whole, flips: Bool = false, seed: UInt64 = 0, step: Int = 0
  ) {
    precondition(
      rows.map { $0.type == .int32 && $0.count == output.rows && $0.isContiguous }
        ?? (x.rows == output.rows), "indices")
    precondition(
      output.columns == shape.count && x.columns == shape.count && output.isContiguous,
      "images of one shape")
    precondition(
      scaling.rows == 2 && scaling.columns == shape.channels && scaling.isContiguous,
      "a mean and a factor per channel")
    precondition(step >= 0 && output.rows < Int(UInt32.max), "positions in the stream")
    self.output = output
    self.x = x
    self.rows = rows
    self.scaling = scaling
    self.shape = shape
    self.window = window
    self.flips = flips
    self.seed = seed
    self.step = step
  }

  public var name: String { "image_gather" }
  public var cost: Cost {
    Cost(
      flops: 2 * Double(output.count), bytes: 2 * Double(output.count * output.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&rows, .read, body)
    try visit(&scaling, .read, body)
    try visit(&output, .write, body)
  }

  /// The window of output row `row`, and whether it is mirrored.
  public func placement(of row: Int) -> (dy: Int, dx: Int, isFlipped: Bool) {
    func words(_ tensor: Int) -> [UInt32] {
      Philox.words(seed: seed, purpose: .augmentation, tensor: tensor, block: UInt64(step))
    }
    let isFlipped = flips && words(row + 1)[0] >> 31 == 1
    func drawn(_ padding: Int, _ words: [UInt32]) -> (dy: Int, dx: Int, isFlipped: Bool) {
      let choices = UInt32(2 * padding + 1)
      func offset(_ word: UInt32) -> Int {
        Int(word.multipliedFullWidth(by: choices).high) - padding
      }
      return (offset(words[1]), offset(words[2]), isFlipped)
    }
    return switch window {
    case .fixed(let dy, let dx): (dy, dx, isFlipped)
    case .drawn(let padding): drawn(padding, words(0))
    case .drawnForEach(let padding): drawn(padding, words(row + 1))
    }
  }

  /// The column of x that output element (row, column) shows; nil where it shows padding.
  func source(_ column: Int, _ placement: (dy: Int, dx: Int, isFlipped: Bool)) -> Int? {
    let (line, pixel) = column.quotientAndRemainder(dividingBy: shape.width)
    let y = line % shape.height + placement.dy
    let x = (placement.isFlipped ? shape.width - 1 - pixel : pixel) + placement.dx
    guard (0..<shape.height).contains(y), (0..<shape.width).contains(x) else { return nil }
    return (line / shape.height * shape.height + y) * shape.width + x
  }

  public func define() {
    let plane = shape.height * shape.width
    for i in 0..<output.rows {
      let row = rows.map { Int($0.flat[0, i].value) } ?? i
      let placement = placement(of: i)
      for j in 0..<output.columns {
        let value = source(j, placement).map { x.exact(row, $0) } ?? Bounded(0)
        let channel = j / plane
        output[i, j] = (value - scaling.exact(0, channel)) * scaling.exact(1, channel)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    var parameters = ImageGatherParameters()
    parameters.channels = shape.channels
    parameters.height = shape.height
    parameters.width = shape.width
    parameters.stride = x.stride
    parameters.hasRows = rows == nil ? 0 : 1
    switch window {
    case .fixed(let dy, let dx): (parameters.dy, parameters.dx) = (dy, dx)
    case .drawn(let padding): (parameters.crops, parameters.padding) = (1, padding)
    case .drawnForEach(let padding): (parameters.crops, parameters.padding) = (2, padding)
    }
    parameters.flips = flips ? 1 : 0
    parameters.seed = UInt(seed)
    parameters.purpose = RandomFill.Purpose.augmentation.rawValue
    parameters.step = step
    return [
      Launch(
        "image_gather", source: "image_gather", type: x.type,
        .items(output.rows * shape.channels * shape.height), [output, x, rows ?? x, scaling],
        parameters, work: output.count)
    ]
  }
}
