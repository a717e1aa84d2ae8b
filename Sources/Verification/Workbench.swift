import Compute

/// The matrices of one case on one backend, each inside a buffer with guard words around it.
///
/// A case builds the same matrices, in the same order, on every backend; their content is drawn
/// once and shared. Guards and padding are NaN, so that an operation that reads them shows it in
/// its results, and one that writes them is found by `overwritten`.
public final class Workbench {
  /// What a matrix holds when its operation starts.
  public enum Content {
    /// Uniform in (−bound, bound).
    case random(Double)
    /// Uniform in (0, bound).
    case positive(Double)
    /// Integers from −bound to bound.
    case integers(Int)
    /// Zeros of both signs, subnormals, infinities, NaN, the largest and the smallest numbers
    /// among random ones.
    case special
    /// Row-major.
    case values([Double])
    /// NaN throughout: to be written, never read.
    case unset
  }

  /// The initial words of every buffer of a case, shared by its workbenches.
  final class Inputs {
    fileprivate var words: [[UInt64]] = []
    fileprivate let tensor: Int
    /// - Parameter number: distinguishes the streams of random numbers of two cases.
    init(number: Int) { tensor = number << 8 }
  }

  let backend: any Backend
  public let type: ScalarType
  private let inputs: Inputs
  private var whole: [Matrix] = []

  /// Guard words before and after each matrix: odd, so that rows are not aligned.
  static let guardCount = 19

  init(_ backend: any Backend, type: ScalarType, inputs: Inputs) {
    self.backend = backend
    self.type = type
    self.inputs = inputs
  }

  /// A matrix whose rows are `padding` elements longer than they need to be.
  public func matrix(
    _ rows: Int, _ columns: Int, _ content: Content, padding: Int = 0
  ) throws -> Matrix {
    try copies(1, rows, columns, content, padding: padding).first
  }

  /// A 1×1 matrix with a number, or none.
  public func scalar(_ value: Double?) throws -> Matrix? {
    try value.map { try matrix(1, 1, .values([$0])) }
  }

  /// A matrix in double precision, whatever the case's type.
  public func doubles(_ rows: Int, _ columns: Int, _ content: Content) throws -> Matrix {
    try make(1, rows, columns, content, padding: 0, type: .float64).first
  }

  /// Row indices or labels.
  public func indices(_ values: [Int]) throws -> Matrix {
    try make(
      1, 1, values.count, .values(values.map(Double.init)), padding: 0, type: .int32
    ).first
  }

  /// `count` equal-shaped matrices in one buffer, `stride` elements apart.
  public func copies(
    _ count: Int, _ rows: Int, _ columns: Int, _ content: Content, padding: Int = 0, gap: Int = 0
  ) throws -> Copies {
    try make(count, rows, columns, content, padding: padding, gap: gap, type: type)
  }

  public struct Copies {
    public let first: Matrix
    /// Elements from one copy to the next.
    public let stride: Int
    public let count: Int
    public var all: [Matrix] { (0..<count).map { first.moved(by: $0 * stride) } }
  }

  /// A jet with room for `capacity` coefficients.
  public func jet(
    block: Int, columns: Int, degree: Int, capacity: Int? = nil, directions: Int = 1,
    hasZero: Bool = true, _ content: Content
  ) throws -> JetView {
    let capacity = max(degree, capacity ?? degree)
    let rows = block * ((hasZero ? 1 : 0) + directions * capacity)
    return JetView(
      try matrix(rows, columns, content), block: block, degree: degree, capacity: capacity,
      directions: directions, hasZero: hasZero)
  }

  private func make(
    _ count: Int, _ rows: Int, _ columns: Int, _ content: Content, padding: Int, gap: Int = 0,
    type: ScalarType
  ) throws -> Copies {
    let rowStride = columns + padding
    let stride = rows * rowStride + gap
    let total = count * stride + 2 * Self.guardCount
    let ordinal = whole.count
    if ordinal == inputs.words.count {
      let rowsOfAll = (0..<count).flatMap { copy in
        (0..<rows).map { Self.guardCount + copy * stride + $0 * rowStride }
      }
      inputs.words.append(
        initialWords(
          total, rows: rowsOfAll, columns: columns, content, type,
          tensor: inputs.tensor + ordinal))
    }
    let buffer = try backend.allocate(total, type)
    whole.append(Matrix(buffer, rows: 1, columns: total))
    try upload(ordinal)
    let first = Matrix(
      buffer, offset: Self.guardCount, rows: rows, columns: columns, stride: rowStride)
    return Copies(first: first, stride: stride, count: count)
  }

  private func initialWords(
    _ total: Int, rows: [Int], columns: Int, _ content: Content, _ type: ScalarType, tensor: Int
  ) -> [UInt64] {
    var words = [UInt64](repeating: type.guardWord, count: total)
    if case .unset = content { return words }
    var sample = SampleStream(tensor: tensor, isDouble: type == .float64)
    var next = 0
    for start in rows {
      for column in 0..<columns {
        let value: Double
        switch content {
        case .random(let bound): value = bound * sample.symmetric()
        case .positive(let bound): value = bound * abs(sample.symmetric())
        case .integers(let bound): value = Double(sample.integer(below: 2 * bound + 1) - bound)
        case .special: value = sample.special()
        case .values(let values): value = values[next]
        case .unset: continue
        }
        next += 1
        words[start + column] = type.word(value)
      }
    }
    return words
  }

  // MARK: Words

  private func upload(_ ordinal: Int) throws {
    let words = inputs.words[ordinal]
    let matrix = whole[ordinal]
    if matrix.type == .float64 {
      try words.withUnsafeBytes { try backend.upload($0, to: matrix) }
    } else {
      try words.map { UInt32(truncatingIfNeeded: $0) }.withUnsafeBytes {
        try backend.upload($0, to: matrix)
      }
    }
  }

  /// Gives every matrix its initial content again.
  func reset() throws {
    for ordinal in whole.indices { try upload(ordinal) }
  }

  /// All words of all buffers, guards included.
  func words() throws -> [[UInt64]] {
    try whole.map { matrix in
      if matrix.type == .float64 { return try backend.elements(of: matrix, as: UInt64.self) }
      return try backend.elements(of: matrix, as: UInt32.self).map(UInt64.init)
    }
  }

  /// The words before the operation.
  var initialWords: [[UInt64]] { inputs.words }
  var types: [ScalarType] { whole.map(\.type) }

  /// For every word of every buffer whether it belongs to one of `outputs`.
  func mask(of outputs: [Matrix]) -> [[Bool]] {
    var mask = whole.map { [Bool](repeating: false, count: $0.columns) }
    for output in outputs {
      guard let ordinal = whole.firstIndex(where: { $0.buffer === output.buffer }) else {
        preconditionFailure("an output that no workbench made")
      }
      for row in 0..<output.rows {
        let start = output.offset + row * output.stride
        for index in start..<(start + output.columns) { mask[ordinal][index] = true }
      }
    }
    return mask
  }

  /// The definition's values and bounds of all words; for a workbench on the reference.
  func bounded(by reference: ReferenceBackend) -> [[Bounded]] {
    whole.map { reference.bounded($0) }
  }
}

extension ScalarType {
  /// What stands around matrices: a NaN, or an index that no matrix has.
  var guardWord: UInt64 {
    switch self {
    case .float32: 0x7FC0_DEAD
    case .float64: 0x7FF8_0000_0000_DEAD
    case .int32: 0x7FFF_DEAD
    }
  }
}
