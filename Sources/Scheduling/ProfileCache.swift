import FoundationEssentials
import Glibc

/// Measured profiles on disk: one JSON file per key, beside the compiled programs.
///
/// A file that is damaged, of another format or of another key counts as absent and is written
/// anew. A folder that cannot be written leaves the cache empty; nothing here fails a run.
public struct ProfileCache: Sendable {
  /// Version of what a file holds and of what is measured.
  static let format = 1

  /// Nil keeps nothing.
  public let folder: String?

  public init(folder: String? = ProfileCache.userFolder) { self.folder = folder }

  /// $XDG_CACHE_HOME/maclaurin/profiles, or ~/.cache/maclaurin/profiles; nil without a home.
  public static var userFolder: String? {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
    if let cache = variable("XDG_CACHE_HOME") { return cache + "/maclaurin/profiles" }
    return variable("HOME").map { $0 + "/.cache/maclaurin/profiles" }
  }

  private struct Entry: Codable {
    var format: Int
    var key: ProfileKey
    var profile: DeviceProfile
  }

  /// The kept profile, if there is one that can be used.
  public func profile(for key: ProfileKey) -> DeviceProfile? {
    guard let path = path(of: key),
      let data = FileManager.default.contents(atPath: path),
      let entry = try? JSONDecoder().decode(Entry.self, from: data),
      entry.format == Self.format, entry.key == key, entry.profile.isValid
    else { return nil }
    return entry.profile
  }

  /// Keeps a profile; returns whether that worked.
  @discardableResult
  public func keep(_ profile: DeviceProfile, for key: ProfileKey) -> Bool {
    guard let folder, let path = path(of: key), profile.isValid else { return false }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      let data = try encoder.encode(Entry(format: Self.format, key: key, profile: profile))
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      // Under another name first, so that a reader sees all or nothing.
      try data.write(to: URL(filePath: path), options: .atomic)
      return true
    } catch {
      return false
    }
  }

  /// The kept profile, or a new one that is then kept; with `.refresh` always a new one.
  ///
  /// - Throws: what `measure` throws.
  public func profile(
    for key: ProfileKey, _ policy: ProfilePolicy, measure: () throws -> DeviceProfile
  ) rethrows -> DeviceProfile {
    if policy == .cached, let known = profile(for: key) { return known }
    let fresh = try measure()
    keep(fresh, for: key)
    return fresh
  }

  func path(of key: ProfileKey) -> String? { folder.map { "\($0)/\(key.fileName)" } }
}
