import Glibc
import Kernels

/// C ← α·A·B + β·C on the processor, in the canonical order (the host family):
///
///     c_ij ← β c_ij                              (+0 if β = 0: C is then not read)
///     c_ij ← fma(α, chain_q, c_ij)               for q = 0, 1, …
///     chain_q = Σ a_ip b_pj, p = 1024 q ..< min(k, 1024 (q + 1)), by fma in ascending p from +0
///
/// The result has the same bits for every number of threads, instruction set and blocking: these
/// only choose who computes a chain, and when.
///
/// Blocking. A block of A's rows is packed by all threads together and read by all of them, from the
/// last cache or from memory, once per panel of B: two bytes per cycle. Each thread owns columns of
/// C; it has one panel of B at a time in its own second-level cache, and while it runs down A's
/// panels with that, the next one is on its way (`PanelStream`). A chain stays in registers, so C is
/// read and written once per 1024 of k.
///
/// The workspace is kept, and grows to what the largest shape so far needed. Not for use by several
/// threads at once.
final class HostContraction {
  /// One packed block of A, shared by the threads: about 1024 rows of a float32 chain. A part of the
  /// last cache.
  private static let sharedBytes = 4 << 20
  /// Below this many products one thread is faster than waking another.
  private static let serialProducts = 1 << 18
  /// Below this many elements the calling thread packs A alone.
  private static let serialPacking = 1 << 15

  let pool: ThreadPool
  private let float32, float64: ContractionInstance
  private var workspace: UnsafeMutableRawPointer?
  private var workspaceCapacity = 0

  /// `instructionSet` forces one of the processor's instruction sets, by name: a test's hook.
  init(pool: ThreadPool, instructionSet: String? = nil) {
    self.pool = pool
    func instance(_ elementBytes: Int) -> ContractionInstance {
      let found = Self.instances(elementBytes: elementBytes).first {
        instructionSet == nil || String(cString: $0.instructionSet) == instructionSet
      }
      guard let found else { preconditionFailure("this processor has no \(instructionSet!)") }
      return found
    }
    float32 = instance(4)
    float64 = instance(8)
  }

  deinit { free(workspace) }

  func instance(isDouble: Bool) -> ContractionInstance { isDouble ? float64 : float32 }

  /// The instruction sets that this processor can run, the fastest first.
  static var instructionSets: [String] {
    instances(elementBytes: 4).map { String(cString: $0.instructionSet) }
  }

  /// Runs the contraction that `p` describes (its device-only fields are not looked at) on float32
  /// elements, or on float64 ones. `scale`: the element that multiplies α, if `p.hasScale`.
  ///
  /// With `descent`, not for batches: state ← fl(state + fl(rate·C)) in place of C, whose memory is used.
  func run(
    _ p: ContractionParameters, isDouble: Bool, a: UnsafeRawPointer, b: UnsafeRawPointer,
    c: UnsafeMutableRawPointer, scale: UnsafeRawPointer? = nil, descent: Descent? = nil
  ) {
    guard p.m > 0, p.n > 0, p.batch > 0 else { return }
    let instance = instance(isDouble: isDouble)
    let (alpha, beta) = Self.factors(p, isDouble: isDouble, scale: scale)
    var operands = Operands(
      instance: instance, shape: p, a: a, b: b, c: c, alpha: alpha, beta: beta)
    if let descent {
      (operands.state, operands.rate) = (descent.state, descent.rate)
      (operands.stateRow, operands.stateColumn) = (descent.row, descent.column)
    }
    if operands.isBetterExchanged { operands = operands.exchanged }
    if p.k == 0 { return operands.scale() }

    if p.batch > 1 && p.batch >= pool.threads { return runBatch(operands) }
    let plan = Plan(operands, threads: pool.threads)
    let space = reserve(plan.bytes)
    for matrix in 0..<p.batch {
      Self.multiply(operands.matrix(matrix), plan, space) { pool.run(parts: $0, $1) }
    }
  }

  /// A state that a contraction changes: its first element, element (i, j) at i·row + j·column, and
  /// the factor of the change.
  struct Descent {
    var state: UnsafeMutableRawPointer
    var row, column: Int
    var rate: Double
  }

  /// The workspace that a contraction of this shape needs at most, in bytes: about 4 MiB and 1 MiB
  /// per thread for large ones.
  func workspaceBytes(m: Int, n: Int, k: Int, batch: Int = 1, isDouble: Bool) -> Int {
    var p = ContractionParameters()
    (p.m, p.n, p.k, p.batch) = (m, n, k, batch)
    (p.aRow, p.aColumn, p.bRow, p.bColumn, p.cRow, p.cColumn) = (k, 1, n, 1, n, 1)
    guard m > 0, n > 0, k > 0 else { return 0 }
    let none = UnsafeMutableRawPointer(bitPattern: 64)!
    var operands = Operands(
      instance: instance(isDouble: isDouble), shape: p, a: none, b: none, c: none, alpha: 1, beta: 0
    )
    if operands.isBetterExchanged { operands = operands.exchanged }
    if batch > 1 && batch >= pool.threads { return Plan(operands, threads: 1).bytes * pool.threads }
    return Plan(operands, threads: pool.threads).bytes
  }

  /// Part number `index` of 0 ..< count, cut as evenly as can be.
  static func part(_ index: Int, of parts: Int, in count: Int) -> Range<Int> {
    index * count / parts..<(index + 1) * count / parts
  }

  // MARK: - Steps

  /// Many matrices: each by one thread, which then waits for nobody.
  private func runBatch(_ operands: Operands) {
    let plan = Plan(operands, threads: 1)
    let batch = operands.shape.batch
    let threads = batch * operands.products <= Self.serialProducts ? 1 : pool.threads
    let space = reserve(plan.bytes * threads)
    pool.run(parts: threads) { thread in
      for matrix in Self.part(thread, of: threads, in: batch) {
        Self.multiply(operands.matrix(matrix), plan, space + thread * plan.bytes) { parts, body in
          for part in 0..<parts { body(part) }
        }
      }
    }
  }

  /// One matrix. `run` does the numbered parts of a phase and returns when they are done.
  private static func multiply(
    _ operands: Operands, _ plan: Plan, _ space: UnsafeMutableRawPointer,
    _ run: (_ parts: Int, _ body: (Int) -> Void) -> Void
  ) {
    for row in stride(from: 0, to: operands.m, by: plan.rowBlock) {
      let rows = min(plan.rowBlock, operands.m - row)
      for first in stride(from: 0, to: operands.k, by: plan.depthBlock) {
        let depth = min(plan.depthBlock, operands.k - first)
        let packers = rows * depth <= serialPacking ? 1 : plan.threads
        run(packers) { part in
          let panels = Self.part(
            part, of: packers, in: plan.panels(of: rows, width: operands.rowWidth))
          operands.packRows(panels, row: row, rows: rows, first: first, depth: depth, to: space)
        }
        run(plan.rowParts * plan.columnParts) { part in
          let block = Block(
            row: row, rows: rows, first: first, depth: depth, packed: space,
            panelSpace: space + plan.packedBytes + part * plan.partBytes)
          multiplyPart(part, of: block, operands, plan)
        }
      }
    }
  }

  /// A packed block of A, and room for one thread's panels of B.
  private struct Block {
    let row, rows, first, depth: Int
    let packed, panelSpace: UnsafeMutableRawPointer
  }

  /// One part's rows of the block times its columns of B, panel group by panel group.
  private static func multiplyPart(_ part: Int, of block: Block, _ operands: Operands, _ plan: Plan)
  {
    let rowPanels = Self.part(
      part / plan.columnParts, of: plan.rowParts,
      in: plan.panels(of: block.rows, width: operands.rowWidth))
    let columnPanels = Self.part(
      part % plan.columnParts, of: plan.columnParts,
      in: plan.panels(of: operands.n, width: operands.columnWidth))
    guard !rowPanels.isEmpty else { return }
    let row = rowPanels.lowerBound * operands.rowWidth
    let rows = min(rowPanels.upperBound * operands.rowWidth, block.rows) - row
    let chains = (block.depth + Int(MACLAURIN_CHAIN) - 1) / Int(MACLAURIN_CHAIN)
    var stream = PanelStream(
      operands.instance, [operands.columnPanels], space: block.panelSpace,
      count: columnPanels.count * chains
    ) { index in
      let first = index % chains * Int(MACLAURIN_CHAIN)
      return PanelStream.Load(
        source: 0, column: (columnPanels.lowerBound + index / chains) * operands.columnWidth,
        first: block.first + first, depth: min(Int(MACLAURIN_CHAIN), block.depth - first))
    }
    for panel in columnPanels {
      let column = panel * operands.columnWidth
      let columns = min(operands.columnWidth, operands.n - column)
      for chain in stride(from: 0, to: block.depth, by: Int(MACLAURIN_CHAIN)) {
        let b = stream.next()
        let depth = min(Int(MACLAURIN_CHAIN), block.depth - chain)
        stream.spread(panels: rowPanels.count, depth: depth)
        operands.addChain(
          row: block.row + row, rows: rows, column: column, columns: columns, depth: depth,
          isFirst: block.first + chain == 0, isLast: block.first + chain + depth == operands.k,
          a: block.packed + (row * block.depth + chain * operands.rowWidth) * operands.elementBytes,
          aPanelStride: block.depth * operands.rowWidth, b: b, ahead: &stream.ahead)
      }
    }
  }

  /// At least that much workspace.
  func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
    if bytes > workspaceCapacity {
      free(workspace)
      workspace = nil
      // Large pages spare the streams of packed panels most of their page walks.
      let page = 2 << 20
      let capacity = bytes < page ? bytes : (bytes + page - 1) / page * page
      let status = posix_memalign(&workspace, bytes < page ? 4096 : page, capacity)
      precondition(status == 0, "no memory for \(bytes) bytes of contraction workspace")
      madvise(workspace, capacity, Int32(MADV_HUGEPAGE))
      workspaceCapacity = capacity
    }
    return workspace!
  }

  /// fl(alpha·scale) of a term.
  static func factor(_ alpha: Double, _ scale: UnsafeRawPointer?, isDouble: Bool) -> Double {
    var p = ContractionParameters()
    p.alpha = isDouble ? Int(bitPattern: UInt(alpha.bitPattern)) : Int(Float(alpha).bitPattern)
    p.hasScale = scale == nil ? 0 : 1
    return factors(p, isDouble: isDouble, scale: scale).alpha
  }

  private static func instances(elementBytes: Int) -> [ContractionInstance] {
    var found: [ContractionInstance] = []
    while let instance = contraction_instance(elementBytes, Int32(found.count)) {
      found.append(instance.pointee)
    }
    return found
  }

  /// α·scale, rounded once to the element's type, and β.
  private static func factors(
    _ p: ContractionParameters, isDouble: Bool, scale: UnsafeRawPointer?
  ) -> (alpha: Double, beta: Double) {
    precondition(p.hasScale == 0 || scale != nil, "a contraction with hasScale needs a scale")
    if isDouble {
      let alpha = Double(bitPattern: UInt64(bitPattern: Int64(p.alpha)))
      let factor = p.hasScale == 0 ? 1 : scale!.load(as: Double.self)
      return (alpha * factor, Double(bitPattern: UInt64(bitPattern: Int64(p.beta))))
    }
    let alpha = Float(bitPattern: UInt32(truncatingIfNeeded: p.alpha))
    let factor = p.hasScale == 0 ? 1 : scale!.load(as: Float.self)
    return (Double(alpha * factor), Double(Float(bitPattern: UInt32(truncatingIfNeeded: p.beta))))
  }
}

extension HostContraction {
  /// A contraction with everything that its phases need.
  private struct Operands {
    let instance: ContractionInstance
    var shape: ContractionParameters
    var a, b: UnsafeRawPointer
    var c: UnsafeMutableRawPointer
    let alpha, beta: Double
    var state: UnsafeMutableRawPointer?
    var stateRow = 0
    var stateColumn = 0
    var rate = 0.0

    var m: Int { shape.m }
    var n: Int { shape.n }
    var k: Int { shape.k }
    var elementBytes: Int { instance.elementBytes }
    var rowWidth: Int { instance.rows }
    var columnWidth: Int { instance.columns }
    var products: Int { m * n * k }

    /// Matrix number `index` of the batch.
    func matrix(_ index: Int) -> Operands {
      var operands = self
      operands.a += index * shape.aBatch * elementBytes
      operands.b += index * shape.bBatch * elementBytes
      operands.c += index * shape.cBatch * elementBytes
      return operands
    }

    /// The same contraction as Cᵀ ← α·Bᵀ·Aᵀ + β·Cᵀ. Every product and sum is the same.
    var exchanged: Operands {
      var operands = self
      (operands.a, operands.b) = (b, a)
      (operands.shape.m, operands.shape.n) = (n, m)
      (operands.shape.aRow, operands.shape.aColumn) = (shape.bColumn, shape.bRow)
      (operands.shape.bRow, operands.shape.bColumn) = (shape.aColumn, shape.aRow)
      (operands.shape.cRow, operands.shape.cColumn) = (shape.cColumn, shape.cRow)
      (operands.shape.aBatch, operands.shape.bBatch) = (shape.bBatch, shape.aBatch)
      (operands.stateRow, operands.stateColumn) = (stateColumn, stateRow)
      return operands
    }

    /// Whether the exchange pays: few columns (say ten classes) waste most of a block of columns,
    /// but not of a block of rows; in return C is written element by element.
    var isBetterExchanged: Bool { exchanged.estimate < estimate }

    /// Products that the register blocks compute, and 64 for every element that is not written as
    /// a part of a vector.
    private var estimate: Int {
      let rest = m % rowWidth
      let few = [0, 1, 2, 4, 8].first { rest <= $0 } ?? rowWidth
      let computedRows = m - rest + min(few, rowWidth)
      let computedColumns = (n + columnWidth - 1) / columnWidth * columnWidth
      return computedRows * computedColumns * k + (shape.cColumn == 1 ? 0 : 64 * m * n)
    }

    /// Packs panels of A: those of rows row ..< row + rows, products first ..< first + depth.
    func packRows(
      _ panels: Range<Int>, row: Int, rows: Int, first: Int, depth: Int,
      to packed: UnsafeMutableRawPointer
    ) {
      let begin = panels.lowerBound * rowWidth
      let lanes = min(panels.upperBound * rowWidth, rows) - begin
      if lanes <= 0 { return }
      instance.pack(
        rowWidth, lanes, depth,
        a + ((row + begin) * shape.aRow + first * shape.aColumn) * elementBytes,
        shape.aRow, shape.aColumn, packed + begin * depth * elementBytes, depth * rowWidth)
    }

    /// B as a source of panels.
    var columnPanels: PanelSource {
      PanelSource(
        pointer: b, lanes: n, laneStride: shape.bColumn, depthStride: shape.bRow,
        elementBytes: elementBytes)
    }

    /// Adds one chain to rows × columns outputs, columns of one panel. Only the first one meets β.
    func addChain(
      row: Int, rows: Int, column: Int, columns: Int, depth: Int, isFirst: Bool, isLast: Bool,
      a: UnsafeRawPointer, aPanelStride: Int, b: UnsafeRawPointer, ahead: inout ContractionAhead
    ) {
      var target = ContractionTarget()
      target.c = c + (row * shape.cRow + column * shape.cColumn) * elementBytes
      (target.row, target.column) = (shape.cRow, shape.cColumn)
      if let state, isLast {
        target.state = state + (row * stateRow + column * stateColumn) * elementBytes
        (target.stateRow, target.stateColumn, target.rate) = (stateRow, stateColumn, rate)
      }
      instance.addChain(
        rows, columns, depth, a, aPanelStride, b, &target, alpha, isFirst ? beta : 1, &ahead)
    }

    /// The whole contraction when k = 0.
    func scale() {
      for index in 0..<shape.batch {
        instance.scale(m, n, matrix(index).c, shape.cRow, shape.cColumn, beta)
      }
    }
  }

  /// How a contraction is cut: a pure function of its shape and the number of threads.
  private struct Plan {
    /// Rows of A, and products of each, that are packed at a time.
    let rowBlock, depthBlock: Int
    /// The grid of parts that C's blocks are cut into, one part per thread.
    let rowParts, columnParts: Int
    let threads: Int
    /// Bytes of the packed block of A, and of one part's panels of B.
    let packedBytes, partBytes: Int

    init(_ operands: Operands, threads available: Int) {
      let chain = Int(MACLAURIN_CHAIN)
      let width = operands.rowWidth
      threads = operands.products <= serialProducts ? 1 : available

      // As many rows as fit with one chain, evenly; then as many whole chains as fit.
      let depth = min(operands.k, chain)
      let mostRows = max(1, sharedBytes / (depth * operands.elementBytes * width)) * width + width
      let blocks = (operands.m + mostRows - 1) / mostRows
      rowBlock = Self.up((operands.m + blocks - 1) / blocks, width)
      let chains = max(1, sharedBytes / (rowBlock * chain * operands.elementBytes))
      depthBlock = min(operands.k, chains * chain)

      packedBytes = Self.up(rowBlock * depthBlock * operands.elementBytes, 4096)
      partBytes = PanelStream.spaceBytes(operands.instance, sources: 1)
      (rowParts, columnParts) = Self.grid(
        rowPanels: panelCount(min(rowBlock, operands.m), width),
        columnPanels: panelCount(operands.n, operands.columnWidth), width, threads)
    }

    /// The grid with the least work in its largest part. A panel of B is packed once per row of the
    /// grid, which costs about as much as 16 rows of products.
    private static func grid(
      rowPanels: Int, columnPanels: Int, _ width: Int, _ threads: Int
    ) -> (rows: Int, columns: Int) {
      var best = (rows: 1, columns: 1)
      var least = Int.max
      for rows in 1...min(threads, rowPanels) {
        let columns = min(threads / rows, columnPanels)
        let work = panelCount(columnPanels, columns) * (panelCount(rowPanels, rows) * width + 16)
        if work < least { (best, least) = ((rows, columns), work) }
      }
      return best
    }

    /// The whole workspace.
    var bytes: Int { packedBytes + rowParts * columnParts * partBytes }

    func panels(of lanes: Int, width: Int) -> Int { panelCount(lanes, width) }

    private static func up(_ value: Int, _ multiple: Int) -> Int {
      (value + multiple - 1) / multiple * multiple
    }
  }
}

private func panelCount(_ lanes: Int, _ width: Int) -> Int { (lanes + width - 1) / width }
