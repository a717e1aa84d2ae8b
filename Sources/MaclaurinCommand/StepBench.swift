import Maclaurin

/// Training steps of one order on a back end of their own, with random data.
final class StepBench {
  let backend: any Backend
  private let settings: TrainingSettings
  private let step: TrainingStep
  private let inputs, targets, lossSum: Matrix
  /// The batch as the whole training set, where its coefficients 0 are kept.
  private let rows: Matrix?
  /// Of one step: the work, the work in contractions, and the peak of memory.
  private let planned: Planned
  private var time = Measurement()
  private var number = 0

  struct Planned {
    var flops, contractionFlops: Double
    var peakBytes: Int
  }

  struct Result {
    let order: String
    /// Median and fastest time of a step.
    let seconds, fastest: Double
    let planned: Planned
    /// Share of a step's time that contractions take.
    let contractionShare: Double
    /// Seconds of one step by kernel function.
    let functions: [String: Double]
    let peakBytes: Int
    /// Memory that the device's pool holds, in use or not; nil where the pool does not say.
    let reservedBytes: Int?

    /// Contraction flops over the time of the whole step.
    var gigaflops: Double { planned.contractionFlops / seconds / 1e9 }
  }

  convenience init(
    _ network: Network, _ settings: TrainingSettings, _ options: BackendOptions,
    keepsOrderZero: Bool = false
  ) throws {
    let counter = NullBackend(
      workspace: try options.selection().workspace(
        family: options.kernelFamily, convolutionBytes: options.workspace.bytes()))
    let plan = try StepBench(network, settings, on: counter, keepsOrderZero: keepsOrderZero)
    let (flops, contractions) = (counter.cost.flops, counter.contractionCost.flops)
    try plan.run()
    try self.init(
      network, settings, on: options.makeBackend(),
      Planned(
        flops: counter.cost.flops - flops,
        contractionFlops: counter.contractionCost.flops - contractions,
        peakBytes: counter.statistics.peakBytes), keepsOrderZero: keepsOrderZero)
  }

  init(
    _ network: Network, _ settings: TrainingSettings, on backend: any Backend,
    _ planned: Planned = Planned(flops: 0, contractionFlops: 0, peakBytes: 0),
    keepsOrderZero: Bool = false
  ) throws {
    self.backend = backend
    self.settings = settings
    self.planned = planned
    let center = try backend.matrix(1, network.parameterCount, settings.type)
    try network.initialize(center, seed: settings.seed, on: backend)
    let model = try Model(network, center: center, settings: settings, on: backend)
    step = try TrainingStep(model, settings)
    inputs = try backend.matrix(settings.batchSize, network.inputCount, settings.type)
    targets = try backend.matrix(settings.batchSize, network.outputCount, settings.type)
    lossSum = try backend.matrix(1, 1, settings.type)
    try backend.run(
      .randomFill(
        RandomFill(inputs.flat, .normal, factor: 1, seed: 2, purpose: .parameters, tensor: 0)))
    // Example i has class i mod outputs.
    var classes = [Double](repeating: 0, count: targets.count)
    for row in 0..<targets.rows { classes[row * targets.columns + row % targets.columns] = 1 }
    try backend.upload(classes, to: targets)
    let batch = ResidentExamples(inputs: inputs, targets: targets, isClassification: true)
    guard keepsOrderZero, try step.keepOrderZero(of: batch) else {
      rows = nil
      return
    }
    rows = try backend.matrix(1, settings.batchSize, .int32)
    try backend.upload((0..<settings.batchSize).map { Double($0) }, to: rows!)
  }

  /// Seconds that a device of this profile should take for one step.
  static func predict(
    _ network: Network, _ settings: TrainingSettings, on profile: DeviceProfile
  ) throws -> Double {
    let plan = ProfiledPlan(profile)
    let bench = try StepBench(
      network, settings, on: plan, Planned(flops: 0, contractionFlops: 0, peakBytes: 0))
    let before = plan.seconds
    try bench.run()

    return plan.seconds - before
  }

  /// One step, waited for.
  func run() throws {
    // A small rate: the weights stay near their start, whatever the order and the repeats.
    try step.run(
      step: number, rate: 1e-4, inputs: inputs, targets: targets, lossSum: lossSum, squares: nil,
      rows: rows)
    number += 1
    try backend.finish()
  }

  /// Measures all of `benches`, taking turns, after two steps each to warm up.
  static func measure(_ benches: [StepBench], repeats: Int) throws -> [Result] {
    for bench in benches { for _ in 0..<2 { try bench.run() } }
    for _ in 0..<repeats {
      for bench in benches {
        // The step before this one of the same model warms its caches and wakes its threads.
        try bench.run()
        try bench.time.add(bench.run)
      }
    }
    return try benches.map { try $0.result(repeats: repeats) }
  }

  private func result(repeats: Int) throws -> Result {
    let steps = min(repeats, 5)
    let (functions, wall) = try profile(backend) { for _ in 0..<steps { try run() } }
    let contractions = functions.reduce(0.0) { sum, entry in
      Self.isContraction(entry.key) ? sum + entry.value : sum
    }
    return Result(
      order: settings.orderName, seconds: time.median, fastest: time.fastest, planned: planned,
      contractionShare: contractions / wall,
      functions: functions.mapValues { $0 / Double(steps) },
      peakBytes: backend.statistics.peakBytes,
      reservedBytes: (backend as? OpenCLBackend)?.reservedMemory.bytes)
  }

  private static func isContraction(_ function: String) -> Bool {
    function.hasPrefix("contraction") || function.hasPrefix("jet_contraction")
      || function.hasPrefix("cblas_")
  }

  /// Each order's time per contraction flop, relative to the first order's.
  private static func relativeTimes(_ results: [Result]) -> [Double] {
    results.map { results[0].gigaflops / $0.gigaflops }
  }

  static func table(_ results: [Result]) -> String {
    let relative = relativeTimes(results)
    var rows = [
      [
        "order", "ms per step", "GFLOP in contractions", "GFLOP/s", "contraction share",
        "time per flop", "peak memory", "planned",
      ]
    ]
    for (result, relative) in zip(results, relative) {
      rows.append([
        result.order, fixed(result.seconds * 1e3, 2),
        fixed(result.planned.contractionFlops / 1e9, 2), fixed(result.gigaflops, 1),
        fixed(100 * result.contractionShare, 1) + " %", fixed(relative, 3),
        bytesText(result.peakBytes), bytesText(result.planned.peakBytes),
      ])
    }
    return MaclaurinCommand.table(rows)
  }

  static func json(_ results: [Result], _ backend: any Backend) -> [String: JSONValue] {
    let steps = zip(results, relativeTimes(results)).map { result, relative in
      JSONValue.object([
        "order": .string(result.order), "step_ms": .number(result.seconds * 1e3),
        "fastest_step_ms": .number(result.fastest * 1e3),
        "contraction_share": .number(result.contractionShare),
        "gflops": .number(result.gigaflops), "flops": .number(result.planned.flops),
        "contraction_flops": .number(result.planned.contractionFlops),
        "relative_time_per_flop": .number(relative),
        "peak_bytes": .number(Double(result.peakBytes)),
        "reserved_bytes": result.reservedBytes.map { .number(Double($0)) } ?? .null,
        "planned_peak_bytes": .number(Double(result.planned.peakBytes)),
        "milliseconds_by_function": .object(
          result.functions.mapValues { .number($0 * 1e3) }),
      ])
    }
    return [
      "steps": .array(steps), "backend": .string(backend.name),
      "threads": (backend as? OpenBLASBackend).map { .number(Double($0.threads)) } ?? .null,
    ]
  }
}
