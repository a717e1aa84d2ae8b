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

  /// - Parameters:
  ///   - values: [rowCount·block, columnCount·block].
  ///   - block: 1, or the outputs, as `EmpiricalKernel.matrix` has them.
  public init(_ values: [Double], rowCount: Int, columnCount: Int, block: Int = 1) {
    precondition(values.count == rowCount * columnCount * block * block, "numbers for each pair")
    (self.rowCount, self.columnCount, self.block) = (rowCount, columnCount, block)
    self.values = values
  }
}

/// The blocks of a kernel that predictions take.
public struct TrainTestKernel: Sendable, Equatable {
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
