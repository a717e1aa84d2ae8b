import Compute
import DataSets
import TangentKernels
import TestSupport
import Testing

/// A kernel of made-up values, no two of them alike but where symmetry makes them so.
final class FormulaKernel: TiledKernel {
  struct Stop: Error {}

  let rowCount: Int
  let columnCount: Int
  let isSymmetric: Bool
  let entry: [Int]
  let type: ScalarType
  private let backend: any Backend
  /// Blocks that were asked for.
  private(set) var blocks = 0
  /// After so many blocks it throws.
  var breaksAfter = Int.max

  /// - Parameter columns: nil for a symmetric kernel.
  init(
    _ rows: Int, _ columns: Int? = nil, entry: [Int] = [], _ type: ScalarType = .float64,
    on backend: any Backend = ReferenceBackend()
  ) {
    rowCount = rows
    columnCount = columns ?? rows
    isSymmetric = columns == nil
    self.entry = entry
    self.type = type
    self.backend = backend
  }

  private func value(_ i: Int, _ a: Int, _ j: Int, _ b: Int) -> Double {
    let outputs = entry.first ?? 1
    let (p, q) = (i * outputs + a, j * outputs + b)
    return isSymmetric ? Double(min(p, q) * 1000 + max(p, q)) : Double(p * 1000 + q)
  }

  /// The values of a pair of examples.
  private func values(_ i: Int, _ j: Int) -> [Double] {
    switch entry.count {
    case 0: [value(i, 0, j, 0)]
    case 1: (0..<entry[0]).map { value(i, $0, j, $0) }
    default:
      (0..<entry[0]).flatMap { a in (0..<entry[1]).map { value(i, a, j, $0) } }
    }
  }

  func values(_ rows: Range<Int>, _ columns: Range<Int>) -> [Double] {
    rows.flatMap { i in columns.flatMap { values(i, $0) } }
  }

  /// All of them, by definition.
  var all: [Double] { values(0..<rowCount, 0..<columnCount) }

  func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    guard blocks < breaksAfter else { throw Stop() }
    blocks += 1
    return try backend.matrix(
      rows.count, columns.count * entryCount, type, values(rows, columns))
  }

  func record(
    side: Int, settings: [String: String] = ["kind": "ntk"], shard: KernelShard? = nil
  ) -> KernelRecord {
    KernelRecord(
      settings: settings, shape: shape, type: type, isSymmetric: isSymmetric, side: side,
      shard: shard)
  }
}

/// Kernels in a folder.
struct KernelFolder {
  let folder = TemporaryFolder("kernel")

  func argument(_ name: String) throws -> ArrayArgument {
    try ArrayArgument(parsing: "\(folder.path)/\(name)")
  }

  func open(
    _ name: String, _ record: KernelRecord, resume: Bool = false
  ) throws -> KernelFile {
    guard case .open(let file) = try KernelFile.open(argument(name), record, resume: resume) else {
      throw FormulaKernel.Stop()
    }
    // Every tile counts at once.
    file.commitInterval = .zero
    return file
  }

  /// Computes a kernel, or goes on with it.
  func compute(
    _ kernel: FormulaKernel, side: Int, _ name: String = "k.npy", shard: KernelShard? = nil,
    resume: Bool = false
  ) throws {
    let file = try open(name, kernel.record(side: side, shard: shard), resume: resume)
    #expect(try file.compute(kernel, on: ReferenceBackend(), pending: 1))
  }

  func expect(
    _ kernel: FormulaKernel, in name: String = "k.npy", _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let array = try argument(name).read()
    #expect(array.shape == kernel.shape, "\(what)", sourceLocation: sourceLocation)
    #expect(
      array.elementType == (kernel.type == .float64 ? .float64 : .float32),
      sourceLocation: sourceLocation)
    #expect(array.doubles() == kernel.all, "\(what)", sourceLocation: sourceLocation)
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try AtomicFile.write("\(folder.path)/\(name)", bytes)
  }

  func bytes(_ name: String) throws -> [UInt8] {
    try FileContents.read("\(folder.path)/\(name)")
  }
}

/// The sentence of the error that `body` throws.
func sentence(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}
