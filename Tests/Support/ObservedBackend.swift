import Compute

/// Another backend whose every call is shown to a closure first; what that throws, the call throws.
public final class ObservedBackend: Backend {
  public enum Event: Equatable, Sendable {
    case allocate(bytes: Int)
    case upload(ScalarType, bytes: Int)
    case download(bytes: Int)
    /// The `number`th start of a download, from 0.
    case startDownload(number: Int, bytes: Int)
    case wait(number: Int)
    /// An operation, by name.
    case run(String)
    case runIndependently(count: Int)
    case finish
  }

  private let inner: any Backend
  private let observe: (Event) throws -> Void
  private let reversesIndependentWork: Bool
  private var downloads = 0

  /// - Parameter reversesIndependentWork: does the last part of independent work first.
  public init(
    _ inner: any Backend, reversesIndependentWork: Bool = false,
    _ observe: @escaping (Event) throws -> Void = { _ in }
  ) {
    self.inner = inner
    self.reversesIndependentWork = reversesIndependentWork
    self.observe = observe
  }

  private final class ObservedDownload: Download {
    let inner: any Download
    let onWait: () throws -> Void
    init(_ inner: any Download, _ onWait: @escaping () throws -> Void) {
      self.inner = inner
      self.onWait = onWait
    }
    func wait() throws -> [UInt8] {
      try onWait()
      return try inner.wait()
    }
  }

  public var name: String { inner.name }
  public var numerics: Numerics { inner.numerics }
  public var statistics: BackendStatistics { inner.statistics }
  public var timeline: Timeline? {
    get { inner.timeline }
    set { inner.timeline = newValue }
  }
  private func bytes(_ matrix: Matrix) -> Int { matrix.count * matrix.type.byteCount }

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    try observe(.allocate(bytes: count * type.byteCount))
    return try inner.allocate(count, type)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    try observe(.upload(matrix.type, bytes: bytes(matrix)))
    try inner.upload(source, to: matrix)
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    try observe(.download(bytes: bytes(matrix)))
    try inner.download(matrix, into: target)
  }

  public func run(_ operation: Operation) throws {
    try observe(.run(operation.name))
    try inner.run(operation)
  }

  public func finish() throws {
    try observe(.finish)
    try inner.finish()
  }

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    let number = downloads
    downloads += 1
    try observe(.startDownload(number: number, bytes: bytes(matrix)))
    let observe = observe
    return ObservedDownload(try inner.startDownload(matrix)) { try observe(.wait(number: number)) }
  }

  public func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws {
    try observe(.runIndependently(count: count))
    try inner.runIndependently(count) { try body(reversesIndependentWork ? count - 1 - $0 : $0) }
  }
}
