/// Memory of one backend. It returns to its backend's pool when the last reference goes.
///
/// A buffer belongs to the backend that allocated it and, like all device memory here, stays in
/// one concurrency domain: plain arrays cross domains, buffers do not.
open class Buffer {
  /// Number of elements that fit.
  public let count: Int
  public let type: ScalarType
  /// Where the content lies in host memory; nil for a device's memory.
  public final var hostPointer: UnsafeMutableRawPointer?
  /// Another number after every change of content in host memory.
  public final var version = 0

  public init(count: Int, type: ScalarType, hostPointer: UnsafeMutableRawPointer? = nil) {
    self.count = count
    self.type = type
    self.hostPointer = hostPointer
  }

  public var byteCount: Int { count * type.byteCount }
}
