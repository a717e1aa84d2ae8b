import Compute

/// Device memory in which samples are collected until one download brings them to the host.
struct StagingArena {
  let type: ScalarType
  /// Elements.
  private(set) var used = 0
  private var memory: Matrix?

  /// So many bytes before checks are resolved.
  static let bytes = 8 << 20

  init(_ type: ScalarType) { self.type = type }

  func hasRoom(for count: Int) -> Bool {
    used + count <= max(memory?.columns ?? 0, Self.bytes / type.byteCount)
  }

  /// The next `count` elements; call when there is room, or nothing is in use.
  mutating func take(_ count: Int, on backend: any Backend) throws -> Range<Int> {
    if memory == nil || memory!.columns < used + count {
      precondition(used == 0 || memory == nil, "checks are resolved before an arena grows")
      memory = nil
      memory = try backend.matrix(1, max(Self.bytes / type.byteCount, count), type)
    }
    defer { used += count }
    return used..<(used + count)
  }

  func matrix(_ range: Range<Int>) -> Matrix {
    Matrix(memory!.buffer, offset: range.lowerBound, rows: 1, columns: range.count)
  }

  mutating func discard() { used = 0 }

  /// Everything so far, which is then free again.
  mutating func collect(from backend: any Backend) throws -> [UInt8] {
    defer { used = 0 }
    guard used > 0 else { return [] }
    return try backend.bytes(of: matrix(0..<used))
  }
}
