import Compute

/// Searches the parameters with which a device's float32 contractions are fastest.
///
/// Every candidate is built, its compiler's report is read, and its results on several shapes are
/// compared bit for bit with another back end's; only then it is timed. A candidate whose bits
/// differ, whose registers spill, or which the device does not run is reported and never chosen.
public final class ContractionTuner {
  /// What became of one candidate.
  public struct Trial: Sendable {
    public var candidate: String
    /// GFLOP/s by shape; empty where it was refused.
    public var gigaflops: [Double] = []
    /// Registers of a work-item where the compiler tells.
    public var registers: Int?
    /// Why it is out of the question.
    public var refusal: String?
    /// The shapes for which it was chosen.
    public var chosen: Set<Int> = []
  }

  public let device: OpenCLDevice
  public let family: KernelFamily
  /// Shapes as text.
  public var shapes: [String] { cases.map(\.label) }
  /// In the order in which they were tried; the first is what is taken without a table.
  public private(set) var trials: [Trial] = []

  private let quick: Bool
  private let backend: OpenCLBackend
  private let cases: [TuningCase]
  private var candidates: [TuningCandidate] = []
  private var table: ContractionTuning

  /// How much faster than without a table what is written must be.
  private static let margin = 1.02

  /// - Parameters:
  ///   - reference: a back end with the right bits.
  ///   - quick: two candidates and tiny shapes, which shows that everything works.
  ///   - programSources: texts of programs in place of the embedded ones.
  public init(
    _ device: OpenCLDevice, family: KernelFamily? = nil, against reference: any Backend,
    quick: Bool = false, programSources: [String: String] = [:],
    allowMissingCapabilities: Bool = false
  ) throws {
    self.device = device
    self.quick = quick
    backend = try OpenCLBackend(
      device: device, family: family, allowMissingCapabilities: allowMissingCapabilities,
      programSourceOverride: programSources, cacheFolder: nil, verboseBuilds: true)
    self.family = backend.family
    table = ContractionTuning(for: device)
    var cases: [TuningCase] = []
    for (kind, shape) in Self.shapes(of: device, quick: quick) {
      cases.append(
        try TuningCase(kind, shape, on: backend, reference, hasJets: backend.family == .device))
    }
    self.cases = cases
  }

  private static func shapes(
    of device: OpenCLDevice, quick: Bool
  ) -> [(ContractionClass, (m: Int, n: Int, k: Int))] {
    if quick { return [(.forward, (48, 64, 32)), (.adjoint, (48, 64, 32))] }
    let large = device.kind == .cpu ? 2048 : 4096
    return [
      (.large, (large, large, large)), (.forward, (512, 2048, 2048)), (.adjoint, (512, 2048, 2048)),
      (.gradient, (2048, 2048, 512)), (.fewRows, (32, 2048, 2048)), (.fewColumns, (2048, 16, 2048)),
    ]
  }

  /// Tries everything.
  ///
  /// - Parameter progress: candidates tried, of how many, and the next.
  /// - Throws: when the device fails, or when its results are wrong without a table.
  public func run(_ progress: (Int, Int, String) -> Void) throws {
    var pending =
      [TuningCandidate.usual]
      + (family == .device
        ? TuningCandidate.tiles(for: device, quick: quick)
        : TuningCandidate.blocks(for: device, quick: quick))
    let later =
      family == .host ? TuningCandidate.streams(of: .init(for: device), on: device).count : 0
    let total = pending.count + later
    while !pending.isEmpty {
      let candidate = pending.removeFirst()
      progress(trials.count, total, candidate.description)
      candidates.append(candidate)
      trials.append(try attempt(candidate))
      guard trials[0].refusal == nil else {
        throw BackendError(
          "\(device.label): \(trials[0].refusal!) without any tuning; maclaurin verify says more")
      }
      if family == .host, pending.isEmpty, trials.count < total {
        var block = ContractionBlock(for: device)
        if case .block(let fastest) = candidates[fastestBlock()] { block = fastest }
        pending = TuningCandidate.streams(of: block, on: device)
      }
    }
    choose()
  }

  // MARK: One candidate

  private func attempt(_ candidate: TuningCandidate) throws -> Trial {
    backend.contractionTile = nil
    backend.contractionBlock = ContractionBlock(for: device)
    var trial = Trial(candidate: candidate.description)
    var defines = ""
    switch candidate {
    case .usual: break
    case .tile(let tile):
      backend.contractionTile = tile
      defines = Self.text(tile.shape(.float32))
    case .block(let block):
      backend.contractionBlock = block
      defines = Self.text(block.defines)
    }
    do {
      for entry in cases where try !entry.isRight(on: backend) {
        trial.refusal = "wrong bits at \(entry.label)"
        return trial
      }
    } catch let error as BackendError
      where error.cause == .launch || error.cause == .memory
    {
      let line = error.description.prefix { $0 != "\n" }
      trial.refusal = "does not run: \(line)"
      return trial
    }
    if !defines.isEmpty {
      let report = report(of: defines)
      trial.registers = report.registers
      if let bytes = report.spilledBytes, bytes > 0 {
        trial.refusal = "spills \(bytes) bytes of registers"
        return trial
      }
    }
    for index in cases.indices {
      let best = trials.reduce(0) { $1.gigaflops.isEmpty ? $0 : max($0, $1.gigaflops[index]) }
      trial.gigaflops.append(try rate(cases[index].timed, best: best))
    }
    return trial
  }

  private static func text(_ defines: [(name: String, value: Int)]) -> String {
    defines.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
  }

  /// Of the programs that have been built with these macros.
  private func report(of defines: String) -> CompilerReport {
    var report = CompilerReport()
    for (program, log) in backend.buildLogs where (program + ",").contains(defines + ",") {
      report.add(CompilerReport(parsing: log))
    }
    return report
  }

  /// GFLOP/s, of the fastest of some runs.
  private func rate(_ contraction: Contraction, best: Double) throws -> Double {
    let operation = Operation.contraction(contraction)
    let flops = operation.cost.flops
    func seconds(_ count: Int) throws -> Double {
      let start = ContinuousClock.now
      for _ in 0..<count { try backend.run(operation) }
      try backend.finish()
      return (ContinuousClock.now - start) / .seconds(1) / Double(count)
    }
    var fastest = try seconds(1)
    let count = max(1, min(100, Int((quick ? 1e-3 : 0.03) / fastest)))
    // What is far behind is not measured any better.
    let repeats = quick || flops / fastest * 1e-9 < best / 2 ? 1 : 5
    for _ in 0..<repeats { fastest = min(fastest, try seconds(count)) }
    return flops / fastest * 1e-9
  }

  // MARK: The choice

  /// The block with the largest geometric mean of speeds over those without a table.
  private func fastestBlock() -> Int {
    trials.indices.max { speed($0) < speed($1) }!
  }

  private func speed(_ index: Int) -> Double {
    guard !trials[index].gigaflops.isEmpty else { return 0 }
    var product = 1.0
    for (mine, usual) in zip(trials[index].gigaflops, trials[0].gigaflops) {
      product *= mine / usual
    }
    return HostMath.root(product, cases.count)
  }

  private func choose() {
    // What was tuned before of the other family stays.
    if let folder = OpenCLBackend.userCacheFolder {
      let known = TuningCache(besidePrograms: folder).table(for: device, shipped: []).table
      if let known { table = known }
    }
    switch family {
    case .host:
      table.block = nil
      let index = fastestBlock()
      guard speed(index) > Self.margin, case .block(let block) = candidates[index] else { return }
      trials[index].chosen = Set(cases.indices)
      table.block = .init(
        rows: block.rows, vectors: block.vectors, streams: block.streams, speed: speed(index))
    case .device:
      table.tiles = [:]
      for (number, entry) in cases.enumerated() {
        func rate(_ index: Int) -> Double {
          trials[index].gigaflops.isEmpty ? 0 : trials[index].gigaflops[number]
        }
        let index = trials.indices.max { rate($0) < rate($1) }!
        guard rate(index) > Self.margin * rate(0), case .tile(let tile) = candidates[index]
        else { continue }
        trials[index].chosen.insert(number)
        table.tiles[entry.kind.rawValue] = .init(
          rows: tile.rows, columns: tile.columns, depth: tile.depth, itemRows: tile.itemRows,
          itemColumns: tile.itemColumns, gigaflops: rate(index), registers: trials[index].registers)
      }
    }
  }

  /// Writes the table to a file, or where back ends look for it; returns the path.
  public func write(to path: String?) throws -> String {
    if let path {
      guard SmallFile.write(try TuningCache.encode(table), to: path) else {
        throw BackendError("\(path) cannot be written; give --output another path")
      }
      return path
    }
    guard let folder = OpenCLBackend.userCacheFolder,
      let path = try TuningCache(besidePrograms: folder).keep(table, for: device)
    else {
      throw BackendError(
        "the folder of tuning tables cannot be written; give --output FILE, or XDG_CACHE_HOME "
          + "another folder")
    }
    return path
  }
}
