import Glibc

/// Whole files, for things that may be missing without harm.
enum SmallFile {
  /// The bytes of a regular file, or nil.
  static func read(_ path: String) -> [UInt8]? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let file = fopen(path, "rb")
    else { return nil }
    defer { fclose(file) }
    var complete = true
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { target, count in
      count = target.isEmpty ? 0 : fread(target.baseAddress, 1, target.count, file)
      complete = count == target.count
    }
    return complete ? bytes : nil
  }

  /// Writes under a temporary name, then renames, so that a reader sees all or nothing. Returns
  /// whether it worked.
  @discardableResult
  static func write(_ bytes: [UInt8], to path: String) -> Bool {
    let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
    guard let file = fopen(temporary, "wb") else { return false }
    let written = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    let isWhole = fclose(file) == 0 && written == bytes.count
    if isWhole && rename(temporary, path) == 0 { return true }
    unlink(temporary)
    return false
  }

  /// Makes a folder and those above it.
  static func makeFolder(_ path: String) {
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      made += part
      if !part.isEmpty { mkdir(made, 0o755) }
      made += "/"
    }
  }
}
