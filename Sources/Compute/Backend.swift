/// How contractions may be computed.
public enum Numerics: String, Sendable, Codable, CaseIterable {
  /// The canonical order: the same bits on every device.
  case reproducible
  /// Whatever is fastest; judged by a componentwise error bound.
  case fast
}

/// A place where operations run. Four duties: allocate, upload, download, run.
///
/// Operations are enqueued in order; only `download`, `finish` and `Download.wait` wait. A backend
/// is used from one concurrency domain at a time.
public protocol Backend: AnyObject {
  /// Short name, as `--backend` takes it: "openblas", "opencl:0", "reference".
  var name: String { get }
  var numerics: Numerics { get }
  /// Counters of what ran and how much memory it took.
  var statistics: BackendStatistics { get }

  /// Memory for `count` elements, with unspecified content.
  func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer
  /// Copies `matrix.count` elements of `matrix.type`, contiguous and row-major, to `matrix`.
  func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws
  /// Copies `matrix` to host memory as contiguous rows, after everything enqueued before.
  func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws
  /// Enqueues an operation.
  func run(_ operation: Operation) throws
  /// Enqueues operations, in order. What one of them writes only for a later one to read may be
  /// anything afterwards: a back end that computes both at once need not write it.
  func run(sequence: [Operation]) throws
  /// Whether sequences are a way to save work, not just operations one after the other.
  var runsSequencesAtOnce: Bool { get }
  /// Waits for everything enqueued.
  func finish() throws

  /// Enqueues a copy of `matrix` to the host, as it is after everything enqueued before. What is
  /// enqueued later does not wait for it.
  func startDownload(_ matrix: Matrix) throws -> any Download
  /// Calls `body` for every index below `count`, in any order. The calls do not depend on one
  /// another: none reads what another writes. A backend of several devices spreads them.
  func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws
  /// Where what runs is recorded; nil for nowhere.
  var timeline: Timeline? { get set }
  /// Bytes that a convolution may take for its tiles, to begin with what suits the device. It does
  /// not change a bit.
  var workspaceBytes: Int { get set }
}

/// A copy to the host that has begun.
public protocol Download: AnyObject {
  /// Contiguous rows in the matrix's scalar type, once they are there.
  func wait() throws -> [UInt8]
}

/// A download that has ended.
public final class FinishedDownload: Download {
  private let bytes: [UInt8]
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public func wait() -> [UInt8] { bytes }
}

extension Backend {
  public func run(sequence: [Operation]) throws {
    for operation in sequence { try run(operation) }
  }

  public var runsSequencesAtOnce: Bool { false }

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    FinishedDownload(try bytes(of: matrix))
  }

  public func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws {
    for index in 0..<count { try body(index) }
  }

  public var timeline: Timeline? {
    get { nil }
    set {}
  }

  /// What suits processors: tiles that stay in the nearer caches.
  public static var defaultWorkspaceBytes: Int { 4 << 20 }

  public var workspaceBytes: Int {
    get { Self.defaultWorkspaceBytes }
    set {}
  }

  /// The elements of `matrix`, row-major, as they lie in memory.
  public func bytes(of matrix: Matrix) throws -> [UInt8] {
    let count = matrix.count * matrix.type.byteCount
    return try [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
      try download(matrix, into: UnsafeMutableRawBufferPointer(target))
      initialized = count
    }
  }
}

/// What a backend did since it was made.
public struct BackendStatistics: Sendable {
  /// Launches by kernel function (on the CPU path, calls by function).
  public var launches: [String: Int] = [:]
  public var uploadedBytes = 0
  public var downloadedBytes = 0
  /// Bytes handed out by the pool now, and the most there ever were.
  public private(set) var liveBytes = 0
  public private(set) var peakBytes = 0

  public init() {}

  public mutating func count(_ function: String) { launches[function, default: 0] += 1 }
  public mutating func allocated(_ bytes: Int) {
    liveBytes += bytes
    peakBytes = max(peakBytes, liveBytes)
  }
  public mutating func released(_ bytes: Int) { liveBytes -= bytes }
}

extension Backend {
  /// A new contiguous matrix with unspecified content.
  public func matrix(_ rows: Int, _ columns: Int, _ type: ScalarType) throws -> Matrix {
    Matrix(try allocate(max(1, rows * columns), type), rows: rows, columns: columns)
  }

  /// A new matrix holding `values`, row-major, converted to `type`.
  public func matrix<Values: Collection<Double>>(
    _ rows: Int, _ columns: Int, _ type: ScalarType, _ values: Values
  ) throws -> Matrix {
    let matrix = try matrix(rows, columns, type)
    try upload(values, to: matrix)
    return matrix
  }

  /// Copies `values`, row-major, to `matrix`, converted to its type.
  public func upload<Values: Collection<Double>>(_ values: Values, to matrix: Matrix) throws {
    precondition(values.count == matrix.count, "as many values as elements")
    switch matrix.type {
    case .float32: try upload(values.map { Float($0) }, to: matrix)
    case .float64: try Array(values).withUnsafeBytes { try upload($0, to: matrix) }
    case .int32: try upload(values.map { Int32($0) }, to: matrix)
    }
  }

  public func upload(_ values: [Float], to matrix: Matrix) throws {
    precondition(values.count == matrix.count, "as many values as elements")
    switch matrix.type {
    case .float32: try values.withUnsafeBytes { try upload($0, to: matrix) }
    case .float64: try values.map { Double($0) }.withUnsafeBytes { try upload($0, to: matrix) }
    case .int32: preconditionFailure("reals for an integer matrix")
    }
  }

  public func upload(_ values: [Int32], to matrix: Matrix) throws {
    precondition(values.count == matrix.count && matrix.type == .int32, "an integer matrix")
    try values.withUnsafeBytes { try upload($0, to: matrix) }
  }

  /// The elements of `matrix`, row-major, as Double (exact).
  public func download(_ matrix: Matrix) throws -> [Double] {
    switch matrix.type {
    case .float32: try elements(of: matrix, as: Float.self).map { Double($0) }
    case .float64: try elements(of: matrix, as: Double.self)
    case .int32: try elements(of: matrix, as: Int32.self).map { Double($0) }
    }
  }

  /// The elements of a matrix whose scalar type is `Element`, row-major.
  public func elements<Element>(of matrix: Matrix, as _: Element.Type) throws -> [Element] {
    precondition(MemoryLayout<Element>.size == matrix.type.byteCount, "the matrix's own type")
    return try [Element](unsafeUninitializedCapacity: matrix.count) { target, count in
      try download(matrix, into: UnsafeMutableRawBufferPointer(target))
      count = matrix.count
    }
  }
}
