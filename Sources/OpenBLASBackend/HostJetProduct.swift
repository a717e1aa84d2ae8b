import Kernels

/// Products of the coefficients of a jet with weights along a ray: all that a `JetContraction` with
/// one direction consists of, in one sweep over the weights.
///
/// The coefficients are blocks of `rows` rows. A term multiplies some of them with one matrix: the
/// center W0, the displacement Δ, or W0 + u·s·Δ, which is made panel by panel in the nearest caches
/// and never exists as a whole. Every output has the order of `Contraction`; terms that share an
/// output reach it in the order they are listed.
struct HostJetProduct {
  enum Weights: Equatable {
    case center, displacement
    /// W0 + u·s·Δ, with fl(u·s).
    case combined(Double)

    /// Whether they are made of W0 (0), or of Δ (1).
    func reads(source: Int) -> Bool {
      switch self {
      case .center: source == 0
      case .displacement: source == 1
      case .combined: true
      }
    }
  }

  /// Input block number `block` times the term's weights, into `target` (its first element).
  struct Use {
    var block: Int
    var target: UnsafeMutableRawPointer
    /// Whether an earlier term has written there.
    var accumulates: Bool
  }

  struct Term {
    var weights: Weights
    var alpha: Double
    var uses: [Use]
  }

  var isDouble: Bool
  /// First elements of the input's blocks.
  var blocks: [UnsafeRawPointer]
  /// Rows of a block; products of an output; outputs of a row.
  var rows, depth, columns: Int
  var inputStride, outputStride: Int
  /// W0 and, where there is one, Δ.
  var sources: [PanelSource]
  var terms: [Term]
  /// Called with columns and rows of every block whose outputs are done, by the thread that did them,
  /// while they are in its caches.
  var finish: ((_ rows: Range<Int>, _ columns: Range<Int>) -> Void)?

  /// Whether terms need both matrices at once. Then all terms meet one chain's panels before the
  /// next chain's, which no two terms of one output would survive.
  private var isCombined: Bool {
    terms.contains { if case .combined = $0.weights { true } else { false } }
  }

  /// Bytes of packed input that the threads share: a part of the last cache.
  private static let sharedBytes = 6 << 20

  /// Columns that are finished together.
  private static let finishedColumns = 64

  func run(on contraction: HostContraction) {
    let instance = contraction.instance(isDouble: isDouble)
    let pool = contraction.pool
    let (width, elementBytes) = (instance.rows, instance.elementBytes)
    let rowBytes = blocks.count * depth * elementBytes
    let most = max(1, Self.sharedBytes / (rowBytes * width)) * width
    let slices = (rows + most - 1) / most
    let slice = ((rows + slices - 1) / slices + width - 1) / width * width
    let blockBytes = (slice * depth * elementBytes + 4095) / 4096 * 4096
    let columnPanels = (columns + instance.columns - 1) / instance.columns
    // Columns are divided first, so that no two threads need the same weights.
    let columnParts = min(pool.threads, columnPanels)
    let rowParts = min(pool.threads / columnParts, slice / width)
    let threads = columnParts * rowParts
    let partBytes =
      PanelStream.spaceBytes(instance, sources: sources.count)
      + (isCombined ? Int(MACLAURIN_CHAIN) * instance.columns * elementBytes : 0)
    // Several slices need the same panels again: what has no copy gets one until the end.
    let copyBytes =
      slices > 1 && rowParts == 1 ? columnPanels * instance.columns * depth * elementBytes : 0
    let unkept = sources.filter { $0.kept == nil }.count
    let sharedSpace = blocks.count * blockBytes + threads * partBytes
    let space = contraction.reserve(sharedSpace + unkept * copyBytes)
    var sources = self.sources
    if copyBytes > 0 {
      var place = space + sharedSpace
      for index in sources.indices where sources[index].kept == nil {
        sources[index].kept = place
        place += copyBytes
      }
    }
    nonisolated(unsafe) let own = self
    nonisolated(unsafe) let memory = space

    for first in stride(from: 0, to: rows, by: slice) {
      let count = min(slice, rows - first)
      let used = (count + width - 1) / width
      pool.run(parts: threads) { part in
        for index in HostContraction.part(part, of: threads, in: own.blocks.count * used) {
          let (block, panel) = (index / used, index % used)
          let row = first + panel * width
          instance.pack(
            width, min(width, first + count - row), own.depth,
            own.blocks[block] + row * own.inputStride * elementBytes, own.inputStride, 1,
            memory + block * blockBytes + panel * width * own.depth * elementBytes,
            own.depth * width)
        }
      }
      let kept = first == 0 ? sources : sources.map { $0.filled }
      pool.run(parts: threads) { part in
        let rows = HostContraction.part(part / columnParts, of: rowParts, in: used)
        let begin = rows.lowerBound * width
        guard !rows.isEmpty else { return }
        own.sweep(
          HostContraction.part(part % columnParts, of: columnParts, in: columnPanels),
          rows: (first + begin)..<(first + min(rows.upperBound * width, count)), kept, instance,
          packed: memory + begin * own.depth * elementBytes, blockBytes: blockBytes,
          space: memory + own.blocks.count * blockBytes + part * partBytes)
      }
    }
  }

  /// Whether the copies of weights may be made: by one thread each.
  static func makesCopies(columns: Int, threads: Int, _ instance: ContractionInstance) -> Bool {
    2 * ((columns + instance.columns - 1) / instance.columns) > threads
  }

  /// One thread's columns of outputs, for some rows of every block.
  private func sweep(
    _ columnPanels: Range<Int>, rows: Range<Int>, _ sources: [PanelSource],
    _ instance: ContractionInstance, packed: UnsafeRawPointer, blockBytes: Int,
    space: UnsafeMutableRawPointer
  ) {
    let chain = Int(MACLAURIN_CHAIN)
    let chains = (depth + chain - 1) / chain
    let (isCombined, width) = (self.isCombined, instance.columns)
    // Loads of one panel of columns: by chain and source, or by term and chain.
    let perColumn = chains * (isCombined ? sources.count : terms.count)
    let order = terms.map { $0.weights == .center ? 0 : 1 }
    let (first, depth) = (columnPanels.lowerBound, self.depth)
    var stream = PanelStream(
      instance, sources, space: space, count: columnPanels.count * perColumn
    ) { index in
      let place = index % perColumn
      let start = (isCombined ? place / sources.count : place % chains) * chain
      return PanelStream.Load(
        source: isCombined ? place % sources.count : order[place / chains],
        column: (first + index / perColumn) * width, first: start,
        depth: min(chain, depth - start))
    }
    let scratch = space + PanelStream.spaceBytes(instance, sources: sources.count)
    // Strips of the kernels' own width.
    let together = max(1, Self.finishedColumns / width)
    for panel in columnPanels {
      let column = panel * width
      defer {
        let done = panel - first + 1
        if let finish, done % together == 0 || panel == columnPanels.upperBound - 1 {
          finish(
            rows, ((done - 1) / together * together + first) * width..<min(column + width, columns))
        }
      }
      if isCombined {
        for start in stride(from: 0, to: depth, by: chain) {
          let (center, displacement) = (stream.next(), stream.next())
          let part = min(chain, depth - start)
          for term in terms {
            let b: UnsafeRawPointer
            switch term.weights {
            case .center: b = center
            case .displacement: b = displacement
            case .combined(let factor):
              instance.combine(part * width, center, displacement, factor, scratch)
              b = UnsafeRawPointer(scratch)
            }
            multiply(term, b, column, start, part, rows, instance, packed, blockBytes, &stream)
          }
        }
      } else {
        for term in terms {
          for start in stride(from: 0, to: depth, by: chain) {
            let b = stream.next()
            multiply(
              term, b, column, start, min(chain, depth - start), rows, instance, packed, blockBytes,
              &stream)
          }
        }
      }
    }
  }

  /// One chain of a term: products start ..< start + part.
  private func multiply(
    _ term: Term, _ b: UnsafeRawPointer, _ column: Int, _ start: Int, _ part: Int,
    _ rows: Range<Int>, _ instance: ContractionInstance, _ packed: UnsafeRawPointer,
    _ blockBytes: Int, _ stream: inout PanelStream
  ) {
    let width = instance.rows
    stream.spread(panels: term.uses.count * ((rows.count + width - 1) / width), depth: part)
    for use in term.uses {
      var target = ContractionTarget()
      target.c =
        use.target + (rows.lowerBound * outputStride + column) * instance.elementBytes
      (target.row, target.column) = (outputStride, 1)
      instance.addChain(
        rows.count, min(instance.columns, columns - column), part,
        packed + use.block * blockBytes + start * width * instance.elementBytes, depth * width, b,
        &target, term.alpha, start == 0 && !use.accumulates ? 0 : 1, &stream.ahead)
    }
  }
}
