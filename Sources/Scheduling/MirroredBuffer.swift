import Compute

/// A buffer of the scheduler: one copy per place that has needed one. Its `hostPointer` is that of
/// the host's copy, so that operations run on the host as they are.
final class MirroredBuffer: Buffer {
  let memory: MirroredMemory
  var validity: Validity
  /// Grows with every allocation: tells what existed when.
  let serial: Int
  private var host: Buffer?
  /// By accelerator; empty as long as there is none.
  private var others: [Buffer?] = []

  init(count: Int, type: ScalarType, memory: MirroredMemory) {
    self.memory = memory
    validity = Validity(count: count)
    serial = memory.nextSerial()
    super.init(count: count, type: type)
    memory.statistics.allocated(byteCount)
  }

  /// The copy at a place.
  func copy(at place: Int) -> Buffer? {
    place == 0 ? host : others.isEmpty ? nil : others[place - 1]
  }

  func setCopy(_ copy: Buffer?, at place: Int) {
    memory.resident[place] += (copy == nil ? 0 : byteCount)
    memory.resident[place] -= (self.copy(at: place) == nil ? 0 : byteCount)
    if place == 0 {
      host = copy
      hostPointer = copy?.hostPointer
    } else {
      if others.isEmpty { others = Array(repeating: nil, count: memory.resident.count - 1) }
      others[place - 1] = copy
    }
  }

  deinit {
    if host != nil { memory.resident[0] -= byteCount }
    for index in others.indices where others[index] != nil {
      memory.resident[index + 1] -= byteCount
    }
    memory.statistics.released(byteCount)
  }

  /// The copies that are nowhere current go back to their backends.
  func dropStaleCopies() {
    guard !others.isEmpty else { return }
    let current = validity.places
    for place in 0...others.count where current & (1 << place) == 0 {
      if copy(at: place) != nil { setCopy(nil, at: place) }
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
