import Kernels

/// The matrix B (depth × lanes) that panels are made of: element (k, l) lies at
/// l·laneStride + k·depthStride.
struct PanelSource {
  var pointer: UnsafeRawPointer
  var lanes: Int
  var laneStride, depthStride: Int
  var elementBytes: Int
  /// Where a packed copy of the whole matrix lies or is to be written: panel p at p·width·depth.
  var kept: UnsafeMutableRawPointer?
  /// Whether the copy is there.
  var isFilled = false
  /// The whole matrix's depth.
  var depth = 0
}

/// Panels of B for one thread, in the order in which it multiplies with them. While one is in use,
/// `ahead` says what the multiplication may do on the side for the next: rows that are contiguous are
/// copied to their place, others are fetched into the cache and packed when their turn comes.
struct PanelStream {
  /// Lanes `column`… of a source, products first ..< first + depth.
  struct Load {
    var source: Int
    var column, first, depth: Int
  }

  var ahead = ContractionAhead()
  private let instance: ContractionInstance
  private let sources: [PanelSource]
  private let space: UnsafeMutableRawPointer
  private let count: Int
  private let load: (Int) -> Load
  private let slots: Int
  private let slotBytes: Int
  /// The load whose turn is next, and how many have been begun.
  private var index = 0
  private var begun = 0

  /// - Parameters:
  ///   - space: `spaceBytes` of it.
  ///   - load: what load number 0 ..< count is.
  init(
    _ instance: ContractionInstance, _ sources: [PanelSource], space: UnsafeMutableRawPointer,
    count: Int, load: @escaping (Int) -> Load
  ) {
    self.instance = instance
    self.sources = sources
    self.space = space
    self.count = count
    self.load = load
    slots = Self.slots(sources: sources.count)
    slotBytes = Self.slotBytes(instance, depth: Int(MACLAURIN_CHAIN))
  }

  /// As many panels as are in use at the same time, and as many again on their way.
  private static func slots(sources: Int) -> Int { 2 * sources }

  private static func slotBytes(_ instance: ContractionInstance, depth: Int) -> Int {
    // Not a multiple of a cache's way: neighbouring slots then begin in different sets.
    depth * instance.columns * instance.elementBytes + 4 * Int(CONTRACTION_LINE_BYTES)
  }

  /// Space for a stream of so many sources, chains of at most `depth`.
  static func spaceBytes(_ instance: ContractionInstance, sources: Int, depth: Int) -> Int {
    let bytes = slots(sources: sources) * slotBytes(instance, depth: Int(MACLAURIN_CHAIN))
    return (bytes + 4095) / 4096 * 4096
  }

  /// The next panel, packed, until as many more as there are sources have been taken; then `ahead` is
  /// the one behind it.
  mutating func next() -> UnsafeRawPointer {
    let load = load(index)
    let place = place(of: index, load)
    let source = sources[load.source]
    if !source.isFilled {
      if index < begun && ahead.target != nil {
        if ahead.left > 0 { instance.finishCopy(&ahead) }
      } else {
        pack(load, from: source, to: place)
      }
    }
    index += 1
    begun = index
    begin()
    return UnsafeRawPointer(place)
  }

  /// Begins the load behind the current one.
  private mutating func begin() {
    ahead = ContractionAhead()
    guard index < count else { return }
    begun = index + 1
    let load = load(index)
    let source = sources[load.source]
    let width = instance.columns
    if source.isFilled {
      ahead.source = UnsafeRawPointer(place(of: index, load))
      ahead.left = load.depth * width * source.elementBytes / Int(CONTRACTION_LINE_BYTES)
      ahead.lines = ahead.left
      return
    }
    let start =
      source.pointer
      + (load.column * source.laneStride + load.first * source.depthStride) * source.elementBytes
    ahead.source = start
    if source.laneStride == 1 && load.column + width <= source.lanes {
      // Rows that are fetched before they are copied must exist.
      ahead.target = place(of: index, load)
      ahead.stride = source.depthStride
      ahead.left = load.depth
    } else if source.depthStride == 1 {
      ahead.stride = source.laneStride
      let perLine = Int(CONTRACTION_LINE_BYTES) / source.elementBytes
      ahead.lines = (load.depth + perLine - 1) / perLine
      ahead.left = ahead.lines * min(width, source.lanes - load.column)
    }
  }

  private func place(of index: Int, _ load: Load) -> UnsafeMutableRawPointer {
    let source = sources[load.source]
    if let kept = source.kept {
      return kept
        + (load.column * source.depth + load.first * instance.columns) * source.elementBytes
    }
    return space + index % slots * slotBytes
  }

  private func pack(_ load: Load, from source: PanelSource, to place: UnsafeMutableRawPointer) {
    instance.pack(
      instance.columns, min(instance.columns, source.lanes - load.column), load.depth,
      source.pointer
        + (load.column * source.laneStride + load.first * source.depthStride)
          * source.elementBytes,
      source.laneStride, source.depthStride, place, load.depth * instance.columns)
  }
}
