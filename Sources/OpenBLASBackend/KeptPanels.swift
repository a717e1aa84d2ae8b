import Compute
import Glibc
import Kernels

/// Packed copies of weights that do not change: of the center of an expansion, or of a network that
/// is evaluated. A matrix is packed into memory of its own the second time that it is multiplied with
/// unchanged content, and read from there until its content changes or its buffer goes.
///
/// The copies take no more than `limit` bytes in all; further matrices are packed each time, as are
/// those whose content changes from one use to the next. No bit depends on it.
final class KeptPanels {
  /// An eighth of the machine's memory.
  static let defaultLimit = HostMachine.memory / 8

  let limit: Int
  /// Whether any matrix is kept, or would be if it were used again unchanged.
  private(set) var isInUse = false
  /// Bytes of all copies now.
  private(set) var bytes = 0

  init(limit: Int = KeptPanels.defaultLimit) { self.limit = limit }

  /// The panels of one matrix in one direction.
  final class Copy {
    let version: Int
    fileprivate(set) var pointer: UnsafeMutableRawPointer?
    var isFilled = false
    private let owner: KeptPanels
    private var bytes = 0

    fileprivate init(version: Int, owner: KeptPanels) {
      self.version = version
      self.owner = owner
    }

    /// Takes the memory, where the limit allows it.
    fileprivate func reserve(_ bytes: Int) {
      guard owner.bytes + bytes <= owner.limit else { return }
      let page = 2 << 20
      var memory: UnsafeMutableRawPointer?
      guard posix_memalign(&memory, bytes < page ? 4096 : page, bytes) == 0 else { return }
      madvise(memory, bytes, Int32(MADV_HUGEPAGE))
      pointer = memory
      self.bytes = bytes
      owner.bytes += bytes
    }

    deinit {
      free(pointer)
      owner.bytes -= bytes
    }
  }

  /// What tells the matrices in a buffer apart.
  struct Key: Hashable {
    var offset, rows, columns, stride: Int
    var isTransposed: Bool
  }

  /// The copy of a matrix that is about to be used; nil the first time, and where there is no room.
  func copy(of matrix: Matrix, isTransposed: Bool, bytes: Int) -> Copy? {
    guard let buffer = matrix.buffer as? HostBuffer else { return nil }
    let key = Key(
      offset: matrix.offset, rows: matrix.rows, columns: matrix.columns, stride: matrix.stride,
      isTransposed: isTransposed)
    guard let known = buffer.panels[key], known.version == buffer.version else {
      isInUse = true
      buffer.panels[key] = Copy(version: buffer.version, owner: self)
      return nil
    }
    if known.pointer == nil { known.reserve(bytes) }
    return known.pointer == nil ? nil : known
  }
}
