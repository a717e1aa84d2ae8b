/// The definition: every operation as plain loops in Double.
///
/// Each buffer also carries, per element, a bound on what a rounded computation of the operation
/// that wrote it may be off, in units of the unit roundoff, and what underflow adds (`Bounded`). Inputs count as exact,
/// so the bound is that of one operation: `verify` compares a device's result with it.
public final class ReferenceBackend: Backend {
  public let name = "reference"
  public let numerics = Numerics.reproducible
  public private(set) var statistics = BackendStatistics()

  public init() {}

  final class Memory: Buffer {
    var values: [Double]
    var errors: [Double]
    var underflows: [Double]
    init(count: Int, type: ScalarType) {
      values = Array(repeating: .nan, count: count)
      errors = Array(repeating: 0, count: count)
      underflows = Array(repeating: 0, count: count)
      super.init(count: count, type: type)
    }
  }

  public func allocate(_ count: Int, _ type: ScalarType) -> Buffer {
    Memory(count: count, type: type)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) {
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        let index = row * matrix.columns + column
        let value =
          switch matrix.type {
          case .float32: Double(source.loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
          case .float64: source.loadUnaligned(fromByteOffset: 8 * index, as: Double.self)
          case .int32: Double(source.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
          }
        matrix[row, column] = Bounded(value)
      }
    }
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) {
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        let index = row * matrix.columns + column
        let value = matrix[row, column].value
        switch matrix.type {
        case .float32: target.storeBytes(of: Float(value), toByteOffset: 4 * index, as: Float.self)
        case .float64: target.storeBytes(of: value, toByteOffset: 8 * index, as: Double.self)
        case .int32: target.storeBytes(of: Int32(value), toByteOffset: 4 * index, as: Int32.self)
        }
      }
    }
  }

  public func run(_ operation: Operation) {
    statistics.count(operation.name)
    operation.define()
  }

  public func finish() {}

  /// The values of `matrix`, not rounded to its type, and their bounds in units of u.
  public func bounded(_ matrix: Matrix) -> [Bounded] {
    (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { matrix[row, $0] } }
  }
}

extension Matrix {
  /// Element (row, column) of a reference matrix. Reading takes the value as exact.
  subscript(row: Int, column: Int) -> Bounded {
    get {
      let memory = buffer as! ReferenceBackend.Memory
      let index = offset + row * stride + column
      return Bounded(
        memory.values[index], error: memory.errors[index], underflow: memory.underflows[index])
    }
    nonmutating set {
      let memory = buffer as! ReferenceBackend.Memory
      let index = offset + row * stride + column
      memory.values[index] = newValue.value
      memory.errors[index] = newValue.error
      memory.underflows[index] = newValue.underflow
    }
  }

  /// Element (row, column), taken as exact.
  func exact(_ row: Int, _ column: Int) -> Bounded { Bounded(self[row, column].value) }
}
