import Kernels

/// Pooling of jets of images, and its adjoint. A row is a position, a column a channel; row
/// (example·H + y)·W + x of a coefficient.
///
/// - average: y_i = (1/hw) Σ x_i over the window, in ascending order of (dy, dx) from +0 by plain
///   additions, then times 1/hw, rounded once from Double. Adjoint: x̄_i = (1/hw) Σ ȳ_i over the
///   windows that hold the position, ascending, from +0.
/// - max: the window's position with the largest x_0, the first of equals, the first NaN before
///   everything, gives y_i for every i; what lies outside of the image is not looked at. `choice`
///   receives its number dy·w + dx. Adjoint:
///   x̄_i = Σ ȳ_i over the windows that hold the position and chose it, ascending, from +0.
///
/// Both are linear once coefficient 0 is fixed, so a coefficient's adjoint is that of the same
/// index. Adjoints write all of x̄; a position in no window gets 0.
public struct Pooling: PortableOperation {
  public enum Kind: Sendable { case average, max }
  public enum Sense: Sendable { case forward, adjoint }

  public var kind: Kind
  public var sense: Sense
  public var window: PoolingWindow
  /// x, or ȳ.
  public var input: JetView
  /// y, or x̄, to its own degree.
  public var output: JetView
  /// max only: the window's positions chosen, [examples·windows, channels], numbers of the jet's
  /// type. Written if it is wanted; the adjoint reads it.
  public var choice: Matrix?

  public init(
    _ kind: Kind, _ sense: Sense, _ window: PoolingWindow, _ input: JetView,
    into output: JetView, choice: Matrix? = nil
  ) {
    self.kind = kind
    self.sense = sense
    self.window = window
    self.input = input
    self.output = output
    self.choice = choice
    let (image, pooled) = (self.image, self.pooled)
    precondition(
      image.block % window.image.count == 0
        && pooled.block == image.block / window.image.count * window.pooled.count,
      "rows do not fit the windows")
    precondition(input.columns == output.columns, "as many channels")
    precondition(input.directions == output.directions, "as many directions")
    precondition(input.hasZero == output.hasZero && output.degree <= input.degree, "coefficients")
    precondition(sense == .adjoint || input.hasZero && output.degree == input.degree, "a jet")
    precondition(kind == .average || sense == .forward || choice != nil, "needs the choice")
    precondition(
      kind == .max || sense == .adjoint || !window.isPadded, "averages have no padding")
    if let choice {
      precondition(
        kind == .max && choice.isContiguous && choice.type == input.type
          && choice.rows == pooled.block && choice.columns == pooled.columns, "the choice's shape")
    }
  }

  /// The larger of the two jets, and the smaller one.
  private var image: JetView { sense == .forward ? input : output }
  private var pooled: JetView { sense == .forward ? output : input }
  /// How many images there are.
  private var examples: Int { window.image.count == 0 ? 0 : image.block / window.image.count }
  /// Coefficients of all directions.
  private var slices: Int { (output.hasZero ? 1 : 0) + output.directions * output.degree }

  public var name: String { "pooling" }
  public var cost: Cost {
    let cells = Double(slices * pooled.columns)
    return Cost(
      flops: cells * Double(pooled.block * window.window.count),
      bytes: cells * Double((image.block + pooled.block) * image.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&input, .read, body)
    try visit(&choice, sense == .forward ? .write : .read, body)
    try visit(&output, .write, body)
  }

  // MARK: Definition

  public func define() {
    for example in 0..<examples {
      for column in 0..<input.columns {
        switch (kind, sense) {
        case (.average, .forward): defineAverage(example, column)
        case (.max, .forward): defineMax(example, column)
        case (_, .adjoint): defineAdjoint(example, column)
        }
      }
    }
  }

  /// Calls `body` with every pair of stored coefficients of input and output.
  private func eachCoefficient(_ body: (Matrix, Matrix) -> Void) {
    if output.hasZero { body(input[0], output[0]) }
    for v in 0..<output.directions {
      for i in 0..<output.degree {
        body(input[i + 1, direction: v], output[i + 1, direction: v])
      }
    }
  }

  private var factor: Double { 1 / Double(window.window.count) }

  private func defineAverage(_ example: Int, _ column: Int) {
    let factor = Bounded(input.type.round(factor))
    for index in 0..<window.pooled.count {
      eachCoefficient { x, y in
        let sum = positions(of: index).reduce(Bounded(0)) {
          $0 + x.exact(example * window.image.count + $1.position, column)
        }
        y[example * window.pooled.count + index, column] = factor * sum
      }
    }
  }

  private func defineMax(_ example: Int, _ column: Int) {
    for index in 0..<window.pooled.count {
      let positions = positions(of: index)
      let rows = positions.map { example * window.image.count + $0.position }
      let values = rows.map { input[0].exact($0, column).value }
      let largest = values.max()!
      let taken = values.firstIndex { $0.isNaN } ?? values.firstIndex { $0 == largest }!
      let row = example * window.pooled.count + index
      choice?[row, column] = Bounded(Double(positions[taken].tap))
      eachCoefficient { x, y in y[row, column] = x.exact(rows[taken], column) }
    }
  }

  private func defineAdjoint(_ example: Int, _ column: Int) {
    for position in 0..<window.image.count {
      let (rows, columns) = window.holding(position)
      let (y, x) = window.place(position)
      var holding: [Int] = []
      for i in rows {
        for j in columns {
          let row = (example * window.pooled.height + i) * window.pooled.width + j
          let tap =
            (y - i * window.stride.height) * window.window.width + x - j * window.stride.width
          if let choice, choice[row, column].value != Double(tap) { continue }
          holding.append(row)
        }
      }
      eachCoefficient { cotangent, result in
        let sum = holding.reduce(Bounded(0)) { $0 + cotangent.exact($1, column) }
        result[example * window.image.count + position, column] =
          kind == .max ? sum : Bounded(input.type.round(factor)) * sum
      }
    }
  }

  /// The positions of window number `index`, in order, and their numbers in the window.
  private func positions(of index: Int) -> [(tap: Int, position: Int)] {
    let (y, x) = window.beginning(of: index)
    let (rows, columns) = window.inside(of: index)
    return rows.flatMap { dy in
      columns.map { dx in
        (dy * window.window.width + dx, (y + dy) * window.image.width + x + dx)
      }
    }
  }

  // MARK: Launches

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = input.type
    let parameters = PoolingParameters(
      examples: examples, columns: input.columns, imageHeight: window.image.height,
      imageWidth: window.image.width, windowHeight: window.window.height,
      windowWidth: window.window.width, strideY: window.stride.height,
      strideX: window.stride.width, pooledHeight: window.pooled.height,
      pooledWidth: window.pooled.width, originY: window.origin.height,
      originX: window.origin.width, hasZero: output.hasZero ? 1 : 0, degree: output.degree,
      directions: output.directions, imageCapacity: image.capacity,
      pooledCapacity: pooled.capacity, factor: type.encode(factor),
      hasChoice: choice == nil ? 0 : 1)
    let function: String
    var arguments = [output.matrix, input.matrix]
    var rows = slices * output.block
    switch (kind, sense) {
    case (.average, .forward): function = "average_pool"
    case (.average, .adjoint): function = "average_pool_adjoint"
    case (.max, .forward):
      function = "max_pool"
      // An absent argument is never touched; any buffer stands in for it.
      arguments.insert(choice ?? output.matrix, at: 1)
      rows = output.block
    case (.max, .adjoint):
      function = "max_pool_adjoint"
      arguments.append(choice!)
    }
    let work = cost.bytes / Double(type.byteCount)
    return [
      Launch(
        function, source: "pooling", type: type, .grid(rows: rows, columns: input.columns),
        arguments, parameters, work: Int(work))
    ]
  }
}
