/// The free parts of a piece of memory: disjoint ranges of bytes in ascending order, none of which
/// touches the next.
///
/// The smallest range that fits serves a request, so that the large ones stay whole; what is given
/// back becomes one with its neighbours. So a loop that asks for the same sizes in the same order
/// again and again comes to need hardly more than it uses at once, whatever the sizes are.
struct FreeRanges {
  private(set) var ranges: [Range<Int>]

  init(_ all: Range<Int>) { ranges = all.isEmpty ? [] : [all] }

  /// Takes `count` bytes that begin at a multiple of `alignment`; nil if no range has them.
  mutating func take(_ count: Int, alignment: Int) -> Range<Int>? {
    var best: Int?
    for (index, range) in ranges.enumerated() {
      let start = Self.aligned(range.lowerBound, alignment)
      guard start + count <= range.upperBound else { continue }
      if best.map({ range.count < ranges[$0].count }) ?? true { best = index }
    }
    guard let best else { return nil }
    let range = ranges[best]
    let start = Self.aligned(range.lowerBound, alignment)
    let rest = [range.lowerBound..<start, (start + count)..<range.upperBound].filter { !$0.isEmpty }
    ranges.replaceSubrange(best...best, with: rest)
    return start..<(start + count)
  }

  /// Gives back a range that was taken.
  mutating func give(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var (merged, first, last) = (range, low, low)
    if low > 0, ranges[low - 1].upperBound == range.lowerBound {
      merged = ranges[low - 1].lowerBound..<merged.upperBound
      first = low - 1
    }
    if low < ranges.count, ranges[low].lowerBound == range.upperBound {
      merged = merged.lowerBound..<ranges[low].upperBound
      last = low + 1
    }
    ranges.replaceSubrange(first..<last, with: [merged])
  }

  private static func aligned(_ offset: Int, _ alignment: Int) -> Int {
    (offset + alignment - 1) / alignment * alignment
  }
}
