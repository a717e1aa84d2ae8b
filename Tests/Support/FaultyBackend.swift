import Compute
import Glibc

/// A back end in which one thing goes wrong, once, at a chosen place.
///
/// Counts operations, allocations and downloads, so that a test can meet every one of a run.
public final class FaultyBackend: Backend {
  /// What goes wrong; places count from 0.
  public enum Fault: Sendable, Equatable {
    /// Flips one bit of one element that operation `operation` has written.
    case flip(operation: Int, element: Int, bit: Int)
    /// Writes NaN over one element that it has written.
    case nan(operation: Int, element: Int)
    /// Adds to one element that it has written.
    case add(operation: Int, element: Int, Double)
    /// Flips a bit of every so-manieth element of all operations of a name, from the first one on.
    case spoil(name: String, every: Int, bit: Int)
    /// No memory.
    case allocation(Int)
    /// The program does not compile, or does not start; nothing has changed.
    case launch(operation: Int)
    case download(Int)
    /// The device stops answering at a download, and for good.
    case hang(download: Int)
  }

  public let wrapped: any Backend
  public var fault: Fault?
  public private(set) var operations = 0
  public private(set) var allocations = 0
  public private(set) var downloads = 0
  /// Whether the fault has taken place.
  public private(set) var isDone = false
  private var isGone = false

  public init(_ wrapped: any Backend, _ fault: Fault? = nil) {
    self.wrapped = wrapped
    self.fault = fault
  }

  public var name: String { wrapped.name }
  public var numerics: Numerics { wrapped.numerics }
  public var statistics: BackendStatistics { wrapped.statistics }
  public var timeline: Timeline? {
    get { wrapped.timeline }
    set { wrapped.timeline = newValue }
  }

  /// What everything throws once the device is gone.
  public static func gone(_ name: String) -> BackendError {
    BackendError("\(name) did not answer", cause: .device)
  }

  private func requireDevice() throws {
    if isGone { throw Self.gone(name) }
  }

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    try requireDevice()
    defer { allocations += 1 }
    if fault == .allocation(allocations) {
      isDone = true
      throw BackendError("out of memory on \(name)", cause: .memory)
    }
    return try wrapped.allocate(count, type)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    try requireDevice()
    try wrapped.upload(source, to: matrix)
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    try requireDevice()
    defer { downloads += 1 }
    switch fault {
    case .download(downloads):
      isDone = true
      throw BackendError("downloading from \(name) failed", cause: .device)
    case .hang(downloads):
      (isDone, isGone) = (true, true)
      usleep(20_000)
      throw Self.gone(name)
    default: try wrapped.download(matrix, into: target)
    }
  }

  public func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws {
    try wrapped.runIndependently(count, body)
  }

  public func finish() throws {
    try requireDevice()
    try wrapped.finish()
  }

  public func run(_ operation: Operation) throws {
    try requireDevice()
    defer { operations += 1 }
    if fault == .launch(operation: operations) {
      isDone = true
      throw BackendError("\(operation.name) does not start on \(name)", cause: .launch)
    }
    try wrapped.run(operation)
    switch fault {
    case .flip(operations, let element, let bit):
      try change(operation, element) { $0[bit / 8 % $0.count] ^= 1 << (bit % 8) }
    case .nan(operations, let element):
      try change(operation, element) { bytes in
        for index in bytes.indices { bytes[index] = 0xFF }
      }
    case .add(operations, let element, let amount):
      try change(operation, element) { bytes in
        bytes.withUnsafeMutableBytes { bytes in
          if bytes.count == 8 {
            bytes.storeBytes(of: bytes.load(as: Double.self) + amount, as: Double.self)
          } else {
            bytes.storeBytes(of: bytes.load(as: Float.self) + Float(amount), as: Float.self)
          }
        }
      }
    case .spoil(operation.name, let every, let bit):
      for element in stride(from: 0, to: Self.outputs(of: operation).count, by: every) {
        try change(operation, element) { $0[bit / 8 % $0.count] ^= 1 << (bit % 8) }
      }
    default: break
    }
  }

  /// Changes the bytes of one of the elements that an operation has written, counted over all its
  /// outputs modulo their number.
  private func change(
    _ operation: Operation, _ element: Int, _ body: (inout [UInt8]) -> Void
  ) throws {
    let (outputs, total) = Self.outputs(of: operation)
    guard total > 0 else { return }
    var rest = element % total
    for output in outputs {
      guard rest >= output.count else {
        let one = output.element(rest)
        var bytes = try wrapped.bytes(of: one)
        body(&bytes)
        try bytes.withUnsafeBytes { try wrapped.upload($0, to: one) }
        isDone = true
        return
      }
      rest -= output.count
    }
  }

  /// What an operation writes without gaps, and how many elements that are.
  private static func outputs(of operation: Operation) -> (matrices: [Matrix], count: Int) {
    var outputs: [Matrix] = []
    var copy = operation
    copy.visitOperands { matrix, access in
      guard access.writes, access.isDense, access.span > 0 else { return }
      outputs.append(
        Matrix(matrix.buffer, offset: matrix.offset, rows: 1, columns: access.span))
    }
    return (outputs, outputs.reduce(0) { $0 + $1.count })
  }
}
