import Glibc

/// Compiled programs on disk: one file per key, in the user's cache folder.
///
/// A file is the line "maclaurin program 1", the 128-bit hash of its payload, and the payload. A
/// file that fails this check counts as absent and is overwritten; a folder that cannot be written
/// leaves the cache empty.
struct ProgramCache {
  let folder: String

  private static let magic = Array("maclaurin program 1\n".utf8)
  private static let headerCount = magic.count + 16

  /// $XDG_CACHE_HOME/maclaurin/programs, or ~/.cache/maclaurin/programs; nil without a home.
  static var userFolder: String? {
    if let cache = OpenCLDevices.environment("XDG_CACHE_HOME"), cache.hasPrefix("/") {
      return cache + "/maclaurin/programs"
    }
    guard let home = OpenCLDevices.environment("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.cache/maclaurin/programs"
  }

  /// The file that holds the program of these texts.
  func path(of texts: [String]) -> String {
    // Lengths keep ("ab", "c") and ("a", "bc") apart.
    let key = Self.hash(texts.map { "\($0.utf8.count):\($0)" }.joined().utf8)
    return "\(folder)/\(String(key, radix: 16)).bin"
  }

  func read(_ path: String) -> [UInt8]? {
    guard let bytes = SmallFile.read(path), bytes.count > Self.headerCount,
      bytes.starts(with: Self.magic)
    else { return nil }
    let payload = Array(bytes[Self.headerCount...])
    let stored = bytes[Self.magic.count..<Self.headerCount]
    return stored.elementsEqual(Self.checksum(payload)) ? payload : nil
  }

  func write(_ payload: [UInt8], to path: String) {
    SmallFile.makeFolder(folder)
    SmallFile.write(Self.magic + Self.checksum(payload) + payload, to: path)
  }

  private static func checksum(_ payload: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: hash(payload).littleEndian) { Array($0) }
  }

  /// FNV-1a with 128 bits.
  /// Source: Fowler, Noll, Vo, Eastlake, "The FNV Non-Cryptographic Hash Algorithm", RFC 9923.
  static func hash(_ bytes: some Sequence<UInt8>) -> UInt128 {
    var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    for byte in bytes { hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b }
    return hash
  }
}
