import Glibc

/// Keeps a second process out of a run's folder, for as long as this one lives.
final class FolderLock {
  private let descriptor: Int32

  /// - Throws: `TrainingError` when another process holds the folder. A file system without locks
  ///   lets everybody in.
  init(_ path: String) throws {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw TrainingError(
        "another process is working on the run in \(path); wait for it, or choose another --out")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
