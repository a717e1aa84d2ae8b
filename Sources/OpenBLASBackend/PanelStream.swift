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

  /// The same once the copy is there.
  var filled: PanelSource {
    var source = self
    source.isFilled = kept != nil
    return source
  }
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
  /// The load whose turn is next.
  private var index = 0
  /// How many loads have been begun; the last one of them is what `ahead` is about.
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
    slotBytes = Self.slotBytes(instance)
  }

  /// As many panels as are in use at the same time, and as many again on their way.
  private static func slots(sources: Int) -> Int { 2 * sources }

  private static func slotBytes(_ instance: ContractionInstance) -> Int {
    // Not a multiple of a cache's way: neighbouring slots then begin in different sets.
    Int(MACLAURIN_CHAIN) * instance.columns * instance.elementBytes
      + 4 * Int(CONTRACTION_LINE_BYTES)
  }

  /// Space for a stream of so many sources.
  static func spaceBytes(_ instance: ContractionInstance, sources: Int) -> Int {
    (slots(sources: sources) * slotBytes(instance) + 4095) / 4096 * 4096
  }

  /// The next panel, packed. It stays until as many more as there are sources have been taken.
  mutating func next() -> UnsafeRawPointer {
    let load = load(index)
    let place = place(of: index, load)
    let source = sources[load.source]
    if index < begun - 1 {
      if way(load) == .fetched || way(load) == .packed { pack(load, from: source, to: place) }
    } else {
      if index == begun - 1, way(load) == .copied {
        if ahead.left > 0 { instance.finishCopy(&ahead) }
      } else if way(load) != .kept {
        pack(load, from: source, to: place)
      }
      ahead.left = 0
    }
    index += 1
    begun = max(begun, index)
    return UnsafeRawPointer(place)
  }

  /// Spreads the work on the next loads over a multiplication of `panels` panels of A, `depth` deep.
  mutating func spread(panels: Int, depth: Int) {
    if ahead.left == 0 && begun < min(count, index + sources.count) { begin() }
    let step = Int(CONTRACTION_AHEAD_DEPTH)
    let bursts = panels * ((depth + step - 1) / step)
    ahead.rate = (ahead.left + bursts - 1) / bursts
  }

  /// How a panel gets to its place.
  private enum Way { case kept, copied, fetched, packed }

  private func way(_ load: Load) -> Way {
    let source = sources[load.source]
    if source.isFilled { return .kept }
    // Rows of a partial panel may end where memory does.
    if source.laneStride == 1 {
      return load.column + instance.columns <= source.lanes ? .copied : .packed
    }
    return source.depthStride == 1 ? .fetched : .packed
  }

  private mutating func begin() {
    let load = load(begun)
    let source = sources[load.source]
    let perLine = Int(CONTRACTION_LINE_BYTES) / source.elementBytes
    ahead = ContractionAhead()
    ahead.source =
      source.pointer
      + (load.column * source.laneStride + load.first * source.depthStride) * source.elementBytes
    switch way(load) {
    case .kept:
      ahead.source = UnsafeRawPointer(place(of: begun, load))
      ahead.left = load.depth * instance.columns / perLine
      ahead.lines = ahead.left
    case .copied:
      ahead.target = place(of: begun, load)
      ahead.stride = source.depthStride
      ahead.left = load.depth
    case .fetched:
      ahead.stride = source.laneStride
      ahead.lines = (load.depth + perLine - 1) / perLine
      ahead.left = ahead.lines * min(instance.columns, source.lanes - load.column)
    case .packed: break
    }
    begun += 1
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
