import ArgumentParser
import Maclaurin

/// A kernel on its way into its file.
struct KernelRun {
  private let job: KernelJob
  private let large: LargeKernelOptions
  private let backend: BackendOptions
  private let report: OutputOptions
  private let target: ArrayArgument
  private let plan: KernelPlan
  private let memory: KernelMemory
  private let cost: KernelPlan.TileCost
  private let record: KernelRecord
  /// What is drawn of the finished kernel.
  var page: KernelPage?

  /// Chooses the tiles.
  ///
  /// - Throws: a sentence when no tile fits, or the kernel does not exist.
  init(
    _ job: KernelJob, _ large: LargeKernelOptions, _ backend: BackendOptions,
    _ report: OutputOptions, to target: ArrayArgument
  ) throws {
    (self.job, self.large, self.backend) = (job, large, backend)
    (self.report, self.target) = (report, target)
    let workspace = try backend.selection().workspace(
      family: backend.kernelFamily, convolutionBytes: backend.workspace.bytes())
    func makePlan() throws -> KernelPlan {
      try KernelPlan(workspace: workspace, job.makeKernel)
    }
    plan = try makePlan()
    memory = try KernelMemory(job, limit: large.limit(), backend: backend)
    // What is gone on with keeps its tiles.
    let known = large.resume ? try KernelFile.record(of: target)?.side : nil
    if let side = large.tile ?? known {
      cost = try plan.cost(side: side)
      if !memory.fits(cost) {
        throw memory.shortage(cost, largest: try makePlan().largestTile(memory.fits))
      }
    } else if let largest = try plan.largestTile(memory.fits) {
      cost = largest
    } else {
      throw memory.shortage(try makePlan().cost(side: 1), largest: nil)
    }
    record = KernelRecord(
      settings: job.settings, shape: plan.kernel.shape, type: job.type,
      isSymmetric: plan.kernel.isSymmetric, side: cost.side, shard: try large.parsedShard())
    guard let shard = record.shard, record.tiles.isEmpty else { return }
    throw KernelError(
      "--shard \(shard) has nothing to do: the kernel has \(record.grid.count) tiles; take fewer "
        + "shares, or a smaller --tile")
  }

  func run() throws {
    let clock = ContinuousClock.now
    let file: KernelFile
    switch try KernelFile.open(target, record, resume: large.resume) {
    case .finished: return try showFinished()
    case .open(let opened): file = opened
    }
    file.touchedLimit = memory.touchedLimit
    file.commitInterval = .seconds(large.journalEvery)
    let (before, total) = (file.finishedCount, record.tiles.count)
    let bar = ProgressBar(quiet: report.quiet)
    Interruption.catchSignals()
    Interruption.catchLostFile()
    try backend.compute(report) { device in
      report.note(
        "Computing \(total - file.finishedCount) of \(total) tiles of \(cost.side) rows and columns "
          + "on \(device.name)")
      let kernel = try job.makeKernel(on: device)
      let isWhole = try file.compute(
        kernel, on: device, pending: memory.pending(cost),
        shouldStop: { Interruption.isRequested }, onProgress: { bar.show($0, of: total, "tiles") })
      bar.clear()
      guard isWhole else {
        report.note(
          "Stopped after \(file.finishedCount) of \(total) tiles; go on with --output and --resume")
        throw ExitCode(Interruption.exitCode)
      }
      try job.writeCompanions(of: kernel)
      if let note = job.note(kernel) { report.note(note) }
      var members = members
      members["seconds"] = .number((ContinuousClock.now - clock) / .seconds(1))
      members["computed_tiles"] = .number(Double(total - before))
      try show(members, device)
    }
  }

  private func showFinished() throws {
    try backend.compute(report) { device in
      // The same bits are promised in this mode only.
      if device.numerics == .reproducible, job.promisesBits {
        try KernelFile.check(target, record, against: job.makeKernel(on: device), on: device)
      }
      report.note("\(target.path) is finished already")
      var members = members
      members["seconds"] = .number(0)
      members["computed_tiles"] = .number(0)
      try show(members, device)
    }
  }

  // MARK: What is printed

  private var output: String { record.shard == nil ? target.description : target.path }

  private var members: [String: JSONValue] {
    func numbers(_ values: [Int]) -> JSONValue { .array(values.map { .number(Double($0)) }) }
    var members: [String: JSONValue] = [
      "output": .string(output), "shape": numbers(record.shape),
      "kind": .string(job.kind.rawValue), "width": .string(job.width.rawValue),
      "dtype": .string(job.type.rawValue), "tiles": .number(Double(record.tiles.count)),
      "tile_rows": .number(Double(record.side)), "bytes": .number(Double(record.byteCount)),
    ]
    members["outputs"] = job.outputs.map { .string($0.rawValue) }
    members["shard"] = record.shard.map { .string($0.description) }
    return members
  }

  private func show(_ members: [String: JSONValue], _ device: any Backend) throws {
    var members = members
    let lines = try page.map { try $0.write() } ?? []
    members["report"] = page.map { .string($0.folder + "/report.html") }
    members["backend"] = .string(device.name)
    members["numerics"] = .string(device.numerics.rawValue)
    let what = record.shard.map { "share \($0) of the kernel" } ?? "kernel"
    report.result(
      members, (["\(what) \(record.shape) in \(output)"] + lines).joined(separator: "\n"),
      Trace(device, backend))
  }

  func showPlan() throws {
    let flops = try plan.flops(record.grid, record.tiles)
    let peak = memory.total(cost, pending: memory.pending(cost))
    let seconds = try estimate()
    var members = members
    members["peak_bytes"] = .number(Double(peak))
    members["flops"] = .number(flops)
    members["estimated_seconds"] = .number(seconds)
    report.result(
      members,
      table([
        ["kernel", "\(record.shape)"], ["file", bytesText(record.byteCount)],
        ["memory", bytesText(peak)], ["tiles", String(record.tiles.count)],
        ["  of rows and columns", String(record.side)], ["GFLOP", fixed(flops / 1e9, 3)],
        ["estimated time", "\(fixed(seconds, seconds < 10 ? 1 : 0)) s"],
      ]), nil)
  }

  /// Bytes per second that a file takes, as many disks do.
  private static let writingRate = 1e9
  /// About the work of a tile that is computed for an estimate.
  private static let sampleFlops = 1e9

  /// Seconds that the tiles should take: by what is known of the devices' speed, on the fastest of
  /// them; else from a small tile that is computed now.
  private func estimate() throws -> Double {
    let known = try backend.selection().knownProfiles(
      numerics: backend.numerics, threads: backend.threads, family: backend.kernelFamily,
      type: job.type)
    let times = try known.map { profile in
      let counter = ProfiledPlan(profile)
      let kernel = try job.makeKernel(on: counter)
      return try KernelPlan.total(record.grid, record.tiles) { tile in
        let before = counter.seconds
        _ = try kernel.block(rows: tile.rows, columns: tile.columns)
        return counter.seconds - before
      }
    }
    let writing = Double(record.byteCount) / Self.writingRate
    if let fastest = times.min(), fastest > 0 { return fastest + writing }
    return try backend.compute(report) { device in
      let kernel = try job.makeKernel(on: device)
      var side = min(cost.side, record.shape[0], record.shape[1])
      let flops = cost.flops / Double(cost.pairs)
      while side > 1, flops * Double(side * side) > Self.sampleFlops || side > 256 { side /= 2 }
      let sample = Tile(rows: 0..<side, columns: (record.shape[1] - side)..<record.shape[1])
      // Programs are compiled and caches filled the first time.
      var seconds = 0.0
      for _ in 0..<2 {
        let start = ContinuousClock.now
        _ = try device.bytes(of: kernel.block(rows: sample.rows, columns: sample.columns))
        seconds = (ContinuousClock.now - start) / .seconds(1)
      }
      let pairs = record.tiles.reduce(0.0) { $0 + Double(record.grid[$1].count) }
      return seconds * pairs / Double(sample.count) + writing
    }
  }
}
