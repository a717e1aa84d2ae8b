/// The values of a kernel between two sets of examples, on the host.
///
/// Networks of infinite width have one number for a pair of examples, which all outputs share and which
/// is 0 between different ones. A network of finite width has O×O numbers.
public struct KernelMatrix: Sendable, Equatable {
  /// Examples along either axis.
  public let rowCount: Int
  public let columnCount: Int
  /// Rows and columns for each example: 1 where outputs share the kernel, else the outputs O.
  public let block: Int
  /// [rowCount·block, columnCount·block], row-major: all outputs of an example, then the next example.
  public let values: [Double]

  public var rows: Int { rowCount * block }
  public var columns: Int { columnCount * block }

  /// A kernel that outputs share.
  ///
  /// - Parameter values: [rowCount, columnCount].
  public init(_ values: [Double], rowCount: Int, columnCount: Int) {
    precondition(values.count == rowCount * columnCount, "a number for each pair of examples")
    (self.rowCount, self.columnCount, self.values) = (rowCount, columnCount, values)
    block = 1
  }

  /// A kernel between outputs of examples.
  ///
  /// - Parameter values: [rowCount, columnCount, outputs, outputs].
  public init(full values: [Double], rowCount: Int, columnCount: Int, outputs: Int) {
    let (o, size) = (outputs, outputs * outputs)
    precondition(values.count == rowCount * columnCount * size, "O×O numbers for each pair")
    (self.rowCount, self.columnCount) = (rowCount, columnCount)
    block = o
    self.values = [Double](unsafeUninitializedCapacity: values.count) { buffer, initialized in
      values.withUnsafeBufferPointer { values in
        var index = 0
        for row in 0..<rowCount {
          for p in 0..<o {
            for column in 0..<columnCount {
              let pair = (row * columnCount + column) * size + p * o
              for q in 0..<o {
                buffer.initializeElement(at: index, to: values[pair + q])
                index += 1
              }
            }
          }
        }
      }
      initialized = values.count
    }
  }
}

/// The blocks of a kernel that predictions take.
public struct KernelBlocks: Sendable, Equatable {
  /// Between training examples.
  public var train: KernelMatrix
  /// Between test examples, along the rows, and training examples.
  public var cross: KernelMatrix
  /// Between test examples; covariances need it.
  public var test: KernelMatrix?

  public init(train: KernelMatrix, cross: KernelMatrix, test: KernelMatrix? = nil) {
    precondition(
      train.rows == train.columns && cross.columns == train.columns && cross.block == train.block,
      "test examples against training examples")
    precondition(test.map { $0.rows == cross.rows && $0.columns == cross.rows } ?? true)
    (self.train, self.cross, self.test) = (train, cross, test)
  }
}
