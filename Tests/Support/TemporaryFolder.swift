import FoundationEssentials
import Glibc
import Synchronization

/// A new folder, removed with everything in it when the value goes or the process ends.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init(_ purpose: String) {
    let tag = String(UInt64.random(in: .min ... .max), radix: 36)
    path = FileManager.default.temporaryDirectory.path + "/maclaurin-\(purpose)-\(tag)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    TemporaryFolder.removeAtExit(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Names in a folder below this one, sorted.
  public func contents(_ folder: String = "") -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)
    return (names ?? []).sorted()
  }

  // Values in static variables are never released.
  private static func removeAtExit(_ path: String) {
    paths.withLock { paths in
      if paths.isEmpty { atexit { TemporaryFolder.removeAll() } }
      paths.append(path)
    }
  }

  private static func removeAll() {
    for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
  }

  private static let paths = Mutex<[String]>([])
}
