import Compute
import Jets
import Networks

/// The kernels of one network of finite width at given parameters θ, block by block.
///
/// Θ(x, x′)_{oo′} = Σ_p ∂f_o(x)/∂θ_p ∂f_o′(x′)/∂θ_p over the trainable parameters; of an expansion the
/// derivatives are those of f_k with respect to Δ. With scales r_t of the tensors Θ = Σ_t r_t² J_tJ_tᵀ,
/// as for a prior on the parameters with these standard deviations. K(x, x′) is the covariance that the output layer's
/// initial distribution gives to an output, everything below it fixed: w⟨h(x), h(x′)⟩ + b with h the
/// output layer's input, w and b the variances of its weights and of its bias, their factors included
/// (in the parameterizations `standard` and `ntk`: w = σw²/n, b = σb²); different outputs have none.
///
/// A block of Θ takes one pass over its examples, forward and back, with a cotangent for each output; a
/// layer's contribution is added while the cotangents are there (`KernelContributions`), so that there
/// is never a Jacobian. A pass that takes more than `passBytes` is cut: first into some outputs at a time,
/// each with a pass forward of its own (not for `full`), then into strips of examples, where every pair of
/// strips has a pass. Nothing of this changes a bit.
public final class EmpiricalKernel: TiledKernel {
  let network: Network
  let kind: KernelKind
  let backend: any Backend
  let center: Matrix
  let x1: Matrix
  let x2: Matrix?
  let outputs: KernelOutputs
  let expansion: Expansion?
  let isTrainable: [Bool]?
  let tensorScales: [Double]?
  /// Bytes that a pass may take, as far as the examples can be cut.
  public let passBytes: Int
  /// sΔ, of orders from 2 on; and s.
  let ray: (direction: Matrix, scale: Double)?
  /// What was found for blocks of some shape.
  private var cuts: [BlockShape: PassCut] = [:]

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
  public var entry: [Int] { outputs.entry(network.outputCount) }
  public var type: ScalarType { center.type }

  /// - Parameters:
  ///   - parameters: θ, 1×P; of an expansion θ0.
  ///   - x1: [n1, features].
  ///   - x2: [n2, features]; nil for x1 itself.
  ///   - isTrainable: for each tensor whether it counts for Θ; by default all do.
  ///   - tensorScales: r_t; by default all are 1.
  /// - Throws: `NetworkError` where there is no such kernel. Waits for an expansion of order ≥ 2.
  public init(
    _ network: Network, _ kind: KernelKind, at parameters: Matrix, _ x1: Matrix,
    _ x2: Matrix? = nil, outputs: KernelOutputs = .trace, expansion: Expansion? = nil,
    isTrainable: [Bool]? = nil, tensorScales: [Double]? = nil,
    passBytes: Int = EmpiricalKernel.defaultPassBytes, on backend: any Backend
  ) throws {
    precondition(parameters.rows == 1 && parameters.columns == network.parameterCount)
    precondition(x1.columns == network.inputCount && x2?.columns ?? x1.columns == x1.columns)
    self.network = network
    self.kind = kind
    self.backend = backend
    center = parameters
    self.x1 = x1
    self.x2 = x2
    self.outputs = outputs
    self.expansion = expansion
    self.isTrainable = isTrainable
    self.tensorScales = tensorScales
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
    outputs = other.outputs
    expansion = other.expansion
    isTrainable = other.isTrainable
    tensorScales = other.tensorScales
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
    let cut = try cut(BlockShape(rows.count, isDiagonal ? nil : columns.count))
    let parts = (
      rows: Self.parts(rows.count, cut.examples), columns: Self.parts(columns.count, cut.examples)
    )
    for (r, left) in parts.rows.enumerated() {
      for (c, right) in parts.columns.enumerated() where !isDiagonal || c >= r {
        let isOne = isDiagonal && c == r
        if isOne, let size = stripRows(left.count) {
          try triangle(
            left.shifted(by: rows.lowerBound), at: left.lowerBound, stripRows: size, into: block)
          continue
        }
        let sum = try sums(
          left.shifted(by: rows.lowerBound), isOne ? nil : right.shifted(by: columns.lowerBound),
          outputsAtOnce: cut.outputs)
        try store(sum, left, right, into: block)
        if isDiagonal, !isOne { try storeMirrored(sum, left, right, into: block) }
      }
    }
    return block
  }

  // MARK: Cuts

  /// Rows and columns of a block; no columns for one with its own rows.
  private struct BlockShape: Hashable {
    var rows: Int
    var columns: Int?

    init(_ rows: Int, _ columns: Int?) {
      self.rows = rows
      self.columns = columns
    }
  }

  /// Examples of each side in one pass, and outputs.
  private struct PassCut {
    var examples: Int
    var outputs: Int
  }

  /// Fewer outputs cost passes forward, which with one output at a time are as much work as the passes
  /// back; half as many examples cost twice as many passes both ways. So outputs are halved first, and
  /// begin again with all of them when examples are halved.
  private func cut(_ shape: BlockShape) throws -> PassCut {
    let most = network.outputCount
    var cut = PassCut(examples: max(shape.rows, shape.columns ?? 0), outputs: most)
    if passBytes == .max { return cut }
    if let known = cuts[shape] { return known }
    while try peakBytes(shape, cut) > passBytes {
      if outputs != .full, cut.outputs > 1 {
        cut.outputs = (cut.outputs + 1) / 2
      } else if cut.examples > 1 {
        cut = PassCut(examples: (cut.examples + 1) / 2, outputs: most)
      } else {
        break
      }
    }
    cuts[shape] = cut
    return cut
  }

  /// What a pass takes beyond parameters and inputs.
  private func peakBytes(_ shape: BlockShape, _ cut: PassCut) throws -> Int {
    let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
    let isWhole = shape.columns == nil && cut.examples >= shape.rows
    let rows = min(cut.examples, shape.rows)
    let columns = isWhole ? nil : min(cut.examples, shape.columns ?? cut.examples)
    let kernel = try EmpiricalKernel(counting: self, rows, columns, on: null)
    let before = null.statistics.liveBytes
    _ = try kernel.sums(0..<rows, columns.map { 0..<$0 }, outputsAtOnce: cut.outputs)
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
