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

  /// Opens a file for reading and writing, making it where it is missing.
  static func openForUpdate(_ path: String, mode: Mode) throws -> Int32 {
    try retried { open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode) }
  }

  /// Takes the lock of an open file; false when another process has it. A file system without locks
  /// lets everybody in.
  static func lock(_ descriptor: Int32) -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }

  static func unlock(_ descriptor: Int32) { _ = flock(descriptor, LOCK_UN) }

  /// Whether an open file is still the one under a path.
  static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var (own, named) = (stat(), stat())
    guard fstat(descriptor, &own) == 0, stat(path, &named) == 0 else { return false }
    return own.st_dev == named.st_dev && own.st_ino == named.st_ino
  }

  static func setSize(_ descriptor: Int32, _ size: Int) throws {
    _ = try retried { ftruncate(descriptor, off_t(size)) }
  }

  /// Gives a file its size and takes the space for it, so that writing to it cannot fail for want
  /// of space.
  static func allocate(_ descriptor: Int32, _ size: Int) throws {
    #if canImport(Darwin)
      try setSize(descriptor, size)
    #else
      while true {
        switch posix_fallocate(descriptor, 0, off_t(size)) {
        case 0: return
        case EINTR: continue
        // Without a call of the file system for it, and without the library's substitute.
        case EOPNOTSUPP: return try setSize(descriptor, size)
        case let code: throw Failure(code: code)
        }
      }
    #endif
  }

  /// Writes all of `bytes` at `offset`.
  static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      done += try bytes.withUnsafeBytes { bytes in
        try retried {
          pwrite(
            descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        }
      }
    }
  }

  /// The whole of a file as memory that it shares.
  static func map(_ descriptor: Int32, _ size: Int) throws -> UnsafeMutableRawBufferPointer {
    let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else { throw Failure(code: errno) }
    return UnsafeMutableRawBufferPointer(start: memory, count: size)
  }

  static func unmap(_ memory: UnsafeMutableRawBufferPointer) {
    munmap(memory.baseAddress, memory.count)
  }

  /// Brings what was written to such memory to the disk, and gives the pages back.
  static func synchronize(_ memory: UnsafeMutableRawBufferPointer) throws {
    _ = try retried { msync(memory.baseAddress, memory.count, MS_SYNC) }
    madvise(memory.baseAddress, memory.count, Int32(MADV_DONTNEED))
  }

  static func renameFile(_ old: String, _ new: String) throws {
    _ = try retried { rename(old, new) }
  }

  /// Brings the names in a file's folder to the disk.
  static func synchronizeFolder(of path: String) throws {
    try AtomicFile.synchronizeFolder(AtomicFile.split(path).folder)
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
