import Glibc

/// A file open at its end, for one write; made where it is missing.
package struct AppendingFile: ~Copyable {
  private let descriptor: Int32

  package init?(_ path: String) {
    descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
    if descriptor < 0 { return nil }
  }

  deinit { _ = close(descriptor) }

  /// Whether every byte was written.
  package func write(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  func synchronize() { _ = fsync(descriptor) }
}
