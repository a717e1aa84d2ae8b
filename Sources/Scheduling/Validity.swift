/// Which copies of a buffer hold its current content, by range of elements.
///
/// Segments cover the elements without gaps. Each has the set of places whose copy is current
/// there; the empty set stands for content that nobody has written yet.
struct Validity {
  /// Places as bits.
  typealias Places = UInt32

  struct Segment: Equatable {
    var end: Int
    var places: Places
  }

  private let count: Int
  /// Where everything is current, if that is the same set throughout.
  private var uniform: Places = 0
  /// Empty where it is.
  private var parts: [Segment] = []

  init(count: Int) { self.count = count }

  var segments: [Segment] { parts.isEmpty ? [Segment(end: count, places: uniform)] : parts }

  /// Where any part is current.
  var places: Places { parts.reduce(uniform) { $0 | $1.places } }

  /// Calls `body` with every part of `range` and where it is current.
  @inline(__always)
  func forEach(in range: Range<Int>, _ body: (Range<Int>, Places) throws -> Void) rethrows {
    if parts.isEmpty {
      if !range.isEmpty { try body(range, uniform) }
      return
    }
    var start = range.lowerBound
    for segment in parts where segment.end > start {
      if start >= range.upperBound { return }
      let end = min(segment.end, range.upperBound)
      try body(start..<end, segment.places)
      start = end
    }
  }

  /// Whether the copy at `place` is current in all of `range` that has content.
  func isValid(_ range: Range<Int>, at place: Int) -> Bool {
    var result = true
    forEach(in: range) { _, places in
      if places != 0 && places & (1 << place) == 0 { result = false }
    }
    return result
  }

  /// `range` has been written at `place`: all other copies are out of date there.
  mutating func write(_ range: Range<Int>, at place: Int) {
    update(range) { _ in 1 << place }
  }

  /// What has content in `range` has been copied to `place`.
  mutating func copied(_ range: Range<Int>, to place: Int) {
    update(range) { $0 == 0 ? 0 : $0 | 1 << place }
  }

  private mutating func update(_ range: Range<Int>, _ change: (Places) -> Places) {
    guard !range.isEmpty else { return }
    if parts.isEmpty {
      let places = change(uniform)
      if places == uniform { return }
      if range == 0..<count {
        uniform = places
        return
      }
    }
    var result: [Segment] = []
    result.reserveCapacity(segments.count + 2)
    func append(_ end: Int, _ places: Places) {
      if let last = result.last {
        if last.end >= end { return }
        if last.places == places {
          result[result.count - 1].end = end
          return
        }
      } else if end <= 0 {
        return
      }
      result.append(Segment(end: end, places: places))
    }
    var start = 0
    for segment in segments {
      let begins = max(start, range.lowerBound)
      let ends = min(segment.end, range.upperBound)
      if begins < ends {
        append(begins, segment.places)
        append(ends, change(segment.places))
      }
      append(segment.end, segment.places)
      start = segment.end
    }
    if result.count == 1 {
      uniform = result[0].places
      parts = []
    } else {
      uniform = 0
      parts = result
    }
  }
}
