/// Memory of one backend. It returns to its backend's pool when the last reference goes.
///
/// A buffer belongs to the backend that allocated it and, like all device memory here, stays in
/// one concurrency domain: plain arrays cross domains, buffers do not.
open class Buffer {
  /// Number of elements that fit.
  public let count: Int
  public let type: ScalarType

  public init(count: Int, type: ScalarType) {
    self.count = count
    self.type = type
  }

  public var byteCount: Int { count * type.byteCount }
}
