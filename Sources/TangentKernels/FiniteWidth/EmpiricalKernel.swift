import Compute
import Jets
import Networks

/// The kernels of one network of finite width at given parameters θ, block by block.
///
/// Θ(x, x′)_{oo′} = Σ_p ∂f_o(x)/∂θ_p ∂f_o′(x′)/∂θ_p over the trainable parameters; of an expansion the
/// derivatives are those of f_k with respect to Δ. K(x, x′) is the covariance that the output layer's
/// initial distribution gives to an output, everything below it fixed: w⟨h(x), h(x′)⟩ + b with h the
/// output layer's input, w and b the variances of its weights and of its bias, their factors included
/// (in the parameterizations `standard` and `ntk`: w = σw²/n, b = σb²); different outputs have none.
///
/// A block of Θ takes one pass over its examples, forward and back, with a cotangent for each output; a
/// layer's contribution is added while the cotangents are there (`KernelContributions`), so that there
/// is never a Jacobian. A pass over more examples than `passBytes` allow is cut in strips; then every
/// pair of strips has a pass. Nothing of this changes a bit.
public final class EmpiricalKernel: TiledKernel {
  let network: Network
  let kind: KernelKind
  let backend: any Backend
  let center: Matrix
  let x1: Matrix
  let x2: Matrix?
  let pairs: OutputPairs
  let expansion: Expansion?
  let isTrainable: [Bool]?
  /// Bytes that a pass may take, as far as the examples can be cut.
  public let passBytes: Int
  /// sΔ, of orders from 2 on; and s.
  let ray: (direction: Matrix, scale: Double)?
  /// Strips that were found for blocks of some shape.
  private var strips: [BlockShape: Int] = [:]

  /// A model f_k around θ0.
  public struct Expansion {
    /// Δ, 1×P.
    public var displacement: Matrix
    /// k ≥ 1. The kernel of order 1 is the network's at θ0, whatever Δ is.
    public var order: Int
    /// Of the model only this coefficient, where it is given.
    public var coefficient: Int?

    public init(displacement: Matrix, order: Int, coefficient: Int? = nil) {
      self.displacement = displacement
      self.order = order
      self.coefficient = coefficient
    }
  }

  public static let defaultPassBytes = 1 << 30

  public let rowCount: Int
  public let columnCount: Int
  public var isSymmetric: Bool { x2 == nil }
  public var entry: [Int] { pairs.entry }
  public var type: ScalarType { center.type }

  /// - Parameters:
  ///   - parameters: θ, 1×P; of an expansion θ0.
  ///   - x1: [n1, features].
  ///   - x2: [n2, features]; nil for x1 itself.
  ///   - isTrainable: for each tensor whether it counts for Θ; by default all do.
  /// - Throws: `NetworkError` where there is no such kernel. Waits for an expansion of order ≥ 2.
  public init(
    _ network: Network, _ kind: KernelKind, at parameters: Matrix, _ x1: Matrix,
    _ x2: Matrix? = nil, outputs: KernelOutputs = .trace, expansion: Expansion? = nil,
    isTrainable: [Bool]? = nil, passBytes: Int = EmpiricalKernel.defaultPassBytes,
    on backend: any Backend
  ) throws {
    precondition(parameters.rows == 1 && parameters.columns == network.parameterCount)
    precondition(x1.columns == network.inputCount && x2?.columns ?? x1.columns == x1.columns)
    self.network = network
    self.kind = kind
    self.backend = backend
    center = parameters
    self.x1 = x1
    self.x2 = x2
    pairs = OutputPairs(kind: outputs, outputs: network.outputCount)
    self.expansion = expansion
    self.isTrainable = isTrainable
    self.passBytes = passBytes
    rowCount = x1.rows
    columnCount = (x2 ?? x1).rows
    if kind == .nngp { try Self.checkCovariance(network, expansion) }
    guard let expansion, expansion.order >= 2 else {
      ray = nil
      return
    }
    let s = try Self.scale(parameters, expansion, on: backend)
    let direction = try backend.matrix(1, network.parameterCount, parameters.type)
    try backend.run(
      .linearCombination(LinearCombination(direction, s, expansion.displacement)))
    ray = (direction, s)
  }

  /// The same kernel of other examples, on a back end that only counts.
  private init(counting other: EmpiricalKernel, _ rows: Int, _ columns: Int?, on null: NullBackend)
    throws
  {
    network = other.network
    kind = other.kind
    backend = null
    center = try null.matrix(1, other.center.columns, other.type)
    x1 = try null.matrix(rows, other.x1.columns, other.type)
    x2 = try columns.map { try null.matrix($0, other.x1.columns, other.type) }
    pairs = other.pairs
    expansion = other.expansion
    isTrainable = other.isTrainable
    passBytes = .max
    rowCount = rows
    columnCount = columns ?? rows
    ray = try other.ray.map {
      (try null.matrix(1, $0.direction.columns, $0.direction.type), $0.scale)
    }
  }

  private static func checkCovariance(_ network: Network, _ expansion: Expansion?) throws {
    guard expansion == nil || expansion?.order == 0 else {
      throw NetworkError(
        "an expansion has no nngp kernel of its own; ask for ntk, or for the network's nngp")
    }
    guard network.outputVariances != nil else {
      throw NetworkError(
        "the nngp kernel at finite width is made of the last dense layer's input, and the network does "
          + "not end with a dense layer; ask for ntk, or let it end with one")
    }
    guard !network.description.isSymmetric else {
      throw NetworkError(
        "a symmetric start makes all outputs 0, so there is no nngp kernel; leave symmetric out of the "
          + "network, or ask for ntk")
    }
  }

  /// The power of two that brings Δ to θ0's length, as in training (`DirectionScale`).
  private static func scale(
    _ center: Matrix, _ expansion: Expansion, on backend: any Backend
  ) throws -> Double {
    let scalars = try backend.matrix(1, 3, center.type)
    for (index, vector) in [(1, center), (2, expansion.displacement)] {
      try backend.run(
        .reduction(Reduction(.sumOfSquares, of: vector, into: scalars.element(index))))
    }
    try backend.run(
      .directionScale(
        DirectionScale(
          scalars.element(0), centerSquares: scalars.element(1),
          displacementSquares: scalars.element(2), order: expansion.order)))
    let s = try backend.download(scalars.element(0))[0]
    // A back end that only counts has no numbers.
    return s > 0 && s.isFinite ? s : 1
  }

  // MARK: Blocks

  public func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    precondition(rows.upperBound <= rowCount && columns.upperBound <= columnCount, "within")
    let block = try backend.matrix(rows.count, columns.count * entryCount, type)
    if kind == .nngp {
      try covariance(rows, columns, into: block)
      return block
    }
    let isDiagonal = isSymmetric && rows == columns
    let size = try strip(BlockShape(rows.count, isDiagonal ? nil : columns.count))
    let parts = (
      rows: Self.parts(rows.count, size), columns: Self.parts(columns.count, size)
    )
    for (r, left) in parts.rows.enumerated() {
      for (c, right) in parts.columns.enumerated() where !isDiagonal || c >= r {
        let isOne = isDiagonal && c == r
        let sum = try sums(
          left.shifted(by: rows.lowerBound), isOne ? nil : right.shifted(by: columns.lowerBound))
        try store(sum, left, right, into: block)
        if isDiagonal, !isOne { try storeMirrored(sum, left, right, into: block) }
      }
    }
    return block
  }

  /// Θ as a matrix between outputs, rows and columns example after example: [rows·O, columns·O].
  ///
  /// - Precondition: `full` outputs.
  public func matrix(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    precondition(pairs.kind == .full, "every output with every output")
    let outputs = pairs.outputs
    let block = try block(rows: rows, columns: columns)
    // For each row example [n2·O, O] → [O, n2·O]: (e, o′, e′, o) with o and o′ exchanged at first.
    let exchanged = try backend.matrix(block.rows, block.columns, type)
    try backend.run(
      .transposition(
        Transposition(exchanged, from: block, rows: outputs, columns: outputs)))
    let result = try backend.matrix(rows.count * outputs, columns.count * outputs, type)
    try backend.run(
      .transposition(
        Transposition(result, from: exchanged, rows: columns.count * outputs, columns: outputs)))
    return result
  }

  /// Adds nothing to Θ: copies sums, [pairs, n1·n2], to where the block has them, [n1, n2·pairs].
  private func store(
    _ sum: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    var values = sum
    if pairs.count > 1 {
      values = try backend.matrix(sum.columns, sum.rows, type)
      try backend.run(
        .transposition(Transposition(values, from: sum, rows: sum.rows, columns: sum.columns)))
    }
    try copy(values, rows, columns, into: block)
  }

  /// The same with the examples exchanged, and with them the outputs.
  private func storeMirrored(
    _ sum: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    var values = try backend.matrix(sum.rows, sum.columns, type)
    try backend.run(
      .transposition(Transposition(values, from: sum, rows: rows.count, columns: columns.count)))
    if pairs.count > 1 {
      let entries = try backend.matrix(values.columns, values.rows, type)
      try backend.run(
        .transposition(
          Transposition(entries, from: values, rows: values.rows, columns: values.columns)))
      values = entries
    }
    if pairs.kind == .full {
      let exchanged = try backend.matrix(values.rows, values.columns, type)
      try backend.run(
        .transposition(
          Transposition(exchanged, from: values, rows: pairs.outputs, columns: pairs.outputs)))
      values = exchanged
    }
    try copy(values, columns, rows, into: block)
  }

  /// Rows of a block, for `trace` divided by O: a product with [1].
  private func copy(
    _ values: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    let width = columns.count * pairs.count
    let values = values.reshaped(rows: rows.count, columns: width)
    let target = Matrix(
      block.buffer,
      offset: block.offset + rows.lowerBound * block.stride + columns.lowerBound * pairs.count,
      rows: 1, columns: width, stride: block.stride)
    try backend.run(
      .contraction(
        Contraction(
          try backend.matrix(1, 1, type, [1]), values.rows(0..<1), into: target,
          alpha: pairs.kind == .trace ? 1 / Double(pairs.outputs) : 1, batch: rows.count,
          strideB: width, strideC: block.stride)))
  }

  // MARK: Strips

  /// Rows and columns of a block; no columns for one with its own rows.
  private struct BlockShape: Hashable {
    var rows: Int
    var columns: Int?

    init(_ rows: Int, _ columns: Int?) {
      self.rows = rows
      self.columns = columns
    }
  }

  /// Examples of each side in one pass: half as many, until the pass fits or is one pair's.
  private func strip(_ shape: BlockShape) throws -> Int {
    if passBytes == .max { return max(shape.rows, shape.columns ?? 0) }
    if let known = strips[shape] { return known }
    var size = max(shape.rows, shape.columns ?? 0)
    while size > 1 {
      let isWhole = size >= shape.rows && shape.columns == nil
      let bytes = try peakBytes(
        min(size, shape.rows), isWhole ? nil : min(size, shape.columns ?? size))
      if bytes <= passBytes { break }
      size = (size + 1) / 2
    }
    strips[shape] = size
    return size
  }

  /// What a pass takes beyond parameters and inputs.
  private func peakBytes(_ rows: Int, _ columns: Int?) throws -> Int {
    let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
    let kernel = try EmpiricalKernel(counting: self, rows, columns, on: null)
    let before = null.statistics.liveBytes
    _ = try kernel.sums(0..<rows, columns.map { 0..<$0 })
    return null.statistics.peakBytes - before
  }

  static func parts(_ count: Int, _ size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: max(1, size)).map { $0..<min(count, $0 + size) }
  }
}

extension Range<Int> {
  func shifted(by offset: Int) -> Range<Int> {
    (lowerBound + offset)..<(upperBound + offset)
  }
}
