import Compute

/// A buffer of the scheduler: one copy per place that has needed one.
final class MirroredBuffer: Buffer {
  let memory: MirroredMemory
  /// By place; nil where there is none.
  var copies: [Buffer?]
  var validity: Validity
  /// Grows with every allocation: tells what existed when.
  let serial: Int

  init(count: Int, type: ScalarType, places: Int, memory: MirroredMemory) {
    self.memory = memory
    copies = Array(repeating: nil, count: places)
    validity = Validity(count: count)
    serial = memory.nextSerial()
    super.init(count: count, type: type)
    memory.statistics.allocated(byteCount)
  }

  deinit {
    for place in copies.indices where copies[place] != nil { memory.resident[place] -= byteCount }
    memory.statistics.released(byteCount)
  }

  /// The copies that are nowhere current go back to their backends.
  func dropStaleCopies() {
    let current = validity.places
    for place in copies.indices where copies[place] != nil && current & (1 << place) == 0 {
      copies[place] = nil
      memory.resident[place] -= byteCount
    }
  }
}

/// What all buffers of one scheduler count.
final class MirroredMemory {
  var statistics = BackendStatistics()
  /// Bytes of copies by place.
  var resident: [Int]
  private var serials = 0

  init(places: Int) { resident = Array(repeating: 0, count: places) }

  func nextSerial() -> Int {
    serials += 1
    return serials
  }
}
