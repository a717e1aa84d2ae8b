import Compute

extension Scheduler {
  /// What one of several independent parts costs at each place.
  struct Survey {
    /// Buffers from here on belong to the part itself.
    let serial: Int
    /// Seconds by place.
    var seconds: [Double]
    /// What all parts read and place p lacks: counted once.
    var shared: [Placement.Traffic]
    /// What the part leaves behind in buffers that existed before.
    var written = Placement.Traffic()
    private var seen: Set<ObjectIdentifier> = []

    init(serial: Int, places: Int) {
      self.serial = serial
      seconds = Array(repeating: 0, count: places)
      shared = Array(repeating: Placement.Traffic(), count: places)
    }

    mutating func add(_ operands: [Operand], _ costs: [Double], _ places: Int) {
      for place in 0..<places { seconds[place] += costs[place] }
      for operand in operands where operand.buffer.serial < serial {
        let bytes = operand.elements.count * operand.buffer.type.byteCount
        if operand.access.writes {
          written += Placement.Traffic(bytes: bytes, pieces: 1)
        } else if seen.insert(ObjectIdentifier(operand.buffer)).inserted {
          for place in 0..<places
          where !operand.buffer.validity.isValid(operand.elements, at: place) {
            shared[place] += Placement.Traffic(bytes: bytes, pieces: 1)
          }
        }
      }
    }
  }

  /// The first part runs where operations run anyway, and its cost is taken for that of the others.
  /// Each of those goes, as a whole, to the place that would end with it first: devices work through
  /// their queues while the host goes on.
  public func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws {
    guard count > 1, helpers.count > 1, pinned == nil, survey == nil, case .automatic = policy,
      places.allSatisfy({ !$0.isUsable || $0.profile != nil })
    else {
      for index in 0..<count { try body(index) }
      return
    }
    survey = Survey(serial: memory.nextSerial(), places: places.count)
    let first = survey!
    defer {
      survey = nil
      pinned = nil
    }
    try body(0)
    let cost = survey ?? first
    survey = nil
    let (home, usable) = (residency.home, helpers)
    // Seconds until each place is free for one more part.
    var load = places.indices.map { place in
      Placement.transfer(cost.shared[place], from: home, to: place, profiles)
        + (residency.isOpen[place] ? 0 : profiles[place].opening)
    }
    load[home] += cost.seconds[home]
    for index in 1..<count {
      func end(_ place: Int) -> Double {
        load[place] + cost.seconds[place]
          + Placement.transfer(cost.written, from: place, to: home, profiles)
      }
      let place = usable.filter { places[$0].isUsable }.min { end($0) < end($1) } ?? 0
      load[place] = end(place)
      pinned = place
      try body(index)
    }
  }

  /// Places that parts can go to: home, and those that do not share its processors.
  private var helpers: [Int] {
    let home = places[residency.home]
    return places.indices.filter { index in
      let place = places[index]
      return place === home
        || place.isUsable && !place.sharesProcessors && !(place.isHost && home.sharesProcessors)
    }
  }
}
