/// A part of an operation: a small operation of the same kind whose outputs are some of the whole
/// one's, with the same bits, because every output has an order of summation of its own.
///
/// `operands` says which elements of the whole operation's matrices the small one's consist of.
public struct Restriction {
  /// One matrix of the small operation.
  public struct Operand {
    public var kind: Access.Kind
    public var type: ScalarType
    /// The small operation's matrix is contiguous and of this shape.
    public var rows: Int
    public var columns: Int
    /// What it consists of, one patch after the other; fewer elements than it holds where the
    /// operation does not touch the rest.
    public var patches: [Patch]
    /// In place of patches: elements that are the same wherever the sample lies.
    public var constant: [UInt8]?

    public var count: Int { rows * columns }
    /// Elements in the patches.
    public var sampled: Int { patches.reduce(0) { $0 + $1.count } }

    public init(_ kind: Access.Kind, rows: Int, columns: Int, _ patches: [Patch]) {
      self.kind = kind
      type = patches[0].matrix.type
      self.rows = rows
      self.columns = columns
      self.patches = patches
      assert(sampled <= count, "more elements than the matrix holds")
    }

    /// A matrix of row numbers.
    public init(indices: [Int32]) {
      kind = .read
      type = .int32
      rows = 1
      columns = indices.count
      patches = []
      constant = indices.withUnsafeBytes { Array($0) }
    }
  }

  /// In the order of `visitOperands`. Outputs at the end that take all of the operation, such as a sum
  /// beside its elements, may be missing: then they are not made.
  public var operands: [Operand]
  /// The small operation on matrices for `operands`. Holds no memory of the whole one.
  public let make: ([Matrix]) -> Operation

  public init(_ operands: [Operand], make: @escaping ([Matrix]) -> Operation) {
    self.operands = operands
    self.make = make
  }

  /// Elements that are written.
  public var outputCount: Int {
    operands.reduce(0) { $0 + ($1.kind == .read ? 0 : $1.sampled) }
  }

  /// The same without references to memory, so that keeping it keeps nothing else alive.
  public var withoutMemory: Restriction {
    var result = self
    for (index, operand) in operands.enumerated() {
      for patch in operand.patches.indices {
        result.operands[index].patches[patch].matrix =
          operand.patches[patch].matrix.withoutMemory
        result.operands[index].patches[patch].indirection = nil
      }
    }
    return result
  }
}

extension Matrix {
  /// The same view of a buffer that has no memory: a shape.
  public var withoutMemory: Matrix {
    Matrix(
      Buffer(count: buffer.count, type: type), offset: offset, rows: rows, columns: columns,
      stride: stride)
  }
}

extension OperationContent {
  /// The same operation on matrices without memory.
  var withoutMemory: Self {
    var copy = self
    copy.visitOperands { matrix, _ in matrix = matrix.withoutMemory }
    return copy
  }
}

extension Operation {
  /// The same operation on matrices without memory: its shapes and parameters.
  public var withoutMemory: Operation {
    var copy = self
    copy.visitOperands { matrix, _ in matrix = matrix.withoutMemory }
    return copy
  }

  /// All of an operation as a restriction: every operand's memory as it is.
  public var wholeRestriction: Restriction {
    var operands: [Restriction.Operand] = []
    var bare = self
    bare.visitOperands { matrix, access in
      // A view may be longer than what is touched, and several copies longer than one view.
      let extent = matrix.count == 0 ? 0 : (matrix.rows - 1) * matrix.stride + matrix.columns
      // Gaps between the elements that it writes must hold what they held before.
      let kind = access.kind == .write && !access.isDense ? .readWrite : access.kind
      operands.append(
        Restriction.Operand(
          kind, rows: 1, columns: max(1, extent, access.span),
          [Patch(span: access.span, of: matrix)]))
      matrix = matrix.withoutMemory
    }
    return Restriction(operands) { matrices in
      var copy = bare
      var next = matrices.makeIterator()
      copy.visitOperands { matrix, _ in
        matrix = Matrix(
          next.next()!.buffer, rows: matrix.rows, columns: matrix.columns, stride: matrix.stride)
      }
      return copy
    }
  }

  /// A seeded sample of the operation's outputs; nil where it writes nothing, or where an output
  /// needs so many elements that a part is as expensive as the whole.
  public func restricted(by sampler: inout Sampler) -> Restriction? {
    if let sampled = content as? any SampledOperation { return sampled.restriction(&sampler) }
    let whole = wholeRestriction
    let elements = whole.operands.reduce(0) { $0 + $1.sampled }
    return elements <= Self.wholeLimit && whole.outputCount > 0 ? whole : nil
  }

  /// Elements up to which an operation that cannot be sampled is looked at whole.
  package static let wholeLimit = 1 << 16
}

/// An operation whose outputs can be computed a few at a time.
public protocol SampledOperation: OperationContent {
  /// Some of its outputs; nil where it has none.
  func restriction(_ sampler: inout Sampler) -> Restriction?
}
