import CPeak
import Glibc
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
  /// Of the same turns: a step's time over the first order's, and its share of the FMA peak.
  private var relativeTime = Measurement()
  private var peakShare = Measurement()
  private var number = 0

  struct Planned {
    var flops, contractionFlops: Double
    var peakBytes: Int
    /// What its operations read and write at least once.
    var bytes = 0.0
  }

  struct Result {
    let order: String
    /// Median and fastest time of a step.
    let seconds, fastest: Double
    let planned: Planned
    /// Share of a step's time that contractions take; nil where the back end does not say.
    let contractionShare: Double?
    /// Contraction flops over a step's time, over the speed of a loop of fused multiply-adds in the
    /// same turn, and a step's time over the first order's in the same turn: medians over the turns,
    /// which a processor whose speed drifts disturbs less than the ratio of two medians. The first
    /// is nil on a device.
    let peakShare: Double?
    let relativeTime: Double
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
    let (before, contractions) = (counter.cost, counter.contractionCost.flops)
    try plan.run()
    try self.init(
      network, settings, on: options.makeBackend(),
      Planned(
        flops: counter.cost.flops - before.flops,
        contractionFlops: counter.contractionCost.flops - contractions,
        peakBytes: counter.statistics.peakBytes,
        bytes: counter.cost.bytes - before.bytes), keepsOrderZero: keepsOrderZero)
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

  /// Seconds of one step. A short one follows one that warms its caches and wakes its threads.
  func turn() throws -> Double {
    if time.values.isEmpty || time.fastest < 0.2 { try run() }
    try time.add(run)
    return time.values[time.values.count - 1]
  }

  /// Speed in flop/s of a loop of fused multiply-adds on the processors of the CPU path, if that
  /// alone computes, in float32.
  func processorPeak() -> Double? {
    guard let host, settings.type == .float32 else { return nil }
    // OpenBLAS's idle threads, of fast numerics, take longer to fall asleep than ours.
    Measurement.pause(milliseconds: host.numerics == .fast ? 120 : 5)
    // The first of two wakes the processors.
    _ = processor_peak(Int32(host.threads), 0.01)
    let peak = processor_peak(Int32(host.threads), 0.02)
    return peak > 0 ? peak : nil
  }

  /// The CPU path, where nothing else computes.
  private var host: OpenBLASBackend? { backend.soleHost }

  /// Measures all of `benches`, taking turns, after two steps each to warm up.
  static func measure(_ benches: [StepBench], repeats: Int) throws -> [Result] {
    for bench in benches { for _ in 0..<2 { try bench.run() } }
    for _ in 0..<repeats {
      var first: Double?
      for bench in benches {
        let seconds = try bench.turn()
        bench.relativeTime.add(seconds / (first ?? seconds))
        first = first ?? seconds
        if let peak = bench.processorPeak() {
          bench.peakShare.add(bench.planned.contractionFlops / seconds / peak)
        }
      }
    }
    return try benches.map { try $0.result(repeats: repeats) }
  }

  /// Answers requests from stdin, one a line, until it ends: `full` or an order with the time of one
  /// step, `peak` with the speed of a loop of fused multiply-adds. So another program can take turns
  /// with the steps. Between requests nothing runs.
  static func serve(_ benches: [StepBench], _ facts: [String: JSONValue]) throws {
    func answer(_ members: [String: JSONValue]) {
      Console.json(members)
      // The reader waits at the other end of a pipe.
      fflush(nil)
    }
    for bench in benches { for _ in 0..<2 { try bench.run() } }
    let orders = benches.map { bench in
      JSONValue.object([
        "order": .string(bench.settings.orderName), "flops": .number(bench.planned.flops),
        "contraction_flops": .number(bench.planned.contractionFlops),
      ])
    }
    answer(facts.merging(["steps": .array(orders)]) { old, _ in old })
    while let line = readLine() {
      if line == "peak" {
        answer(["peak_gflops": benches[0].processorPeak().map { .number($0 / 1e9) } ?? .null])
      } else if let bench = benches.first(where: { $0.settings.orderName == line }) {
        let seconds = try bench.turn()
        answer(["order": .string(line), "milliseconds": .number(seconds * 1e3)])
      } else {
        throw Misuse("--interactive takes an order of --orders or peak by line, not \"\(line)\"")
      }
    }
  }

  private func result(repeats: Int) throws -> Result {
    let steps = min(repeats, 5)
    let (functions, wall) = try profile(backend) { for _ in 0..<steps { try run() } }
    let contractions = functions.reduce(0.0) { sum, entry in
      Self.isContraction(entry.key) ? sum + entry.value : sum
    }
    return Result(
      order: settings.orderName, seconds: time.median, fastest: time.fastest, planned: planned,
      contractionShare: functions.isEmpty ? nil : contractions / wall,
      peakShare: peakShare.values.isEmpty ? nil : peakShare.median,
      relativeTime: relativeTime.median,
      functions: functions.mapValues { $0 / Double(steps) },
      peakBytes: backend.statistics.peakBytes,
      reservedBytes: (backend as? OpenCLBackend)?.reservedMemory.bytes)
  }

  private static func isContraction(_ function: String) -> Bool {
    function.hasPrefix("contraction") || function.hasPrefix("jet_contraction")
      || function.hasPrefix("cblas_")
  }
}
