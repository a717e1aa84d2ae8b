#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The few system calls the module needs, with interruptions retried and `errno` as a thrown error.
enum POSIX {
  /// A failed call.
  struct Failure: Error {
    let code: Int32

    /// The system's text for the code, such as `No space left on device`.
    var text: String { String(cString: strerror(code)) }
    var isMissingFile: Bool { code == ENOENT }
    var isExistingFile: Bool { code == EEXIST }
  }

  typealias Mode = mode_t

  enum Kind { case regular, directory, other }

  struct Status {
    let kind: Kind
    let size: Int
    let mode: Mode
  }

  static func openForReading(_ path: String) throws -> Int32 {
    try retried { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
  }

  /// Opens what exists already (a device or a pipe) for writing.
  static func openExisting(_ path: String) throws -> Int32 {
    try retried { open(path, O_WRONLY | O_CLOEXEC) }
  }

  /// Creates a file that must not exist yet.
  static func createExclusively(_ path: String, mode: Mode) throws -> Int32 {
    try retried { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) }
  }

  static func status(of descriptor: Int32) throws -> Status {
    var value = stat()
    _ = try retried { fstat(descriptor, &value) }
    return status(value)
  }

  static func status(of path: String) throws -> Status {
    var value = stat()
    _ = try retried { stat(path, &value) }
    return status(value)
  }

  private static func status(_ value: stat) -> Status {
    let kind: Kind =
      switch value.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      default: .other
      }
    return Status(kind: kind, size: Int(value.st_size), mode: value.st_mode & 0o777)
  }

  /// Reads up to `buffer.count` bytes at `offset`; 0 at the end of the file.
  static func read(
    _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    try retried { pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
  }

  /// Writes all of `buffer`.
  static func writeAll(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) throws {
    var rest = buffer
    while rest.count > 0 {
      // One call writes at most 2 GiB on Linux and refuses more on macOS.
      let count = min(rest.count, 1 << 30)
      let written = try retried { write(descriptor, rest.baseAddress, count) }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
    }
  }

  static func synchronize(_ descriptor: Int32) throws {
    do {
      _ = try retried { fsync(descriptor) }
    } catch let failure as Failure where failure.code == EINVAL || failure.code == ENOTSUP {
      // A device, a pipe, or a file system that has nothing to synchronise.
    }
  }

  static func setMode(_ descriptor: Int32, _ mode: Mode) throws {
    _ = try retried { fchmod(descriptor, mode) }
  }

  /// Closes; never retried, because the descriptor is gone even after an interruption.
  static func closeFile(_ descriptor: Int32) throws {
    if close(descriptor) != 0 && errno != EINTR { throw Failure(code: errno) }
  }

  static func renameFile(_ old: String, _ new: String) throws {
    _ = try retried { rename(old, new) }
  }

  static func removeFile(_ path: String) {
    unlink(path)
  }

  static func processIdentifier() -> Int32 { getpid() }

  /// The absolute path with every symbolic link followed; nil where the file does not exist.
  static func resolvedPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The machine's memory in bytes.
  static let physicalMemory: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    guard pages > 0, size > 0 else { return Int.max }
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return overflow ? Int.max : bytes
  }()

  private static func retried<Result: SignedInteger>(_ call: () -> Result) throws -> Result {
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno != EINTR { throw Failure(code: errno) }
    }
  }
}
