import Compute
import Glibc
import Maclaurin
import TestSupport
import Testing

/// After its first steps a run takes no more memory on the CPU path, however long it is.
@Suite struct StepAllocationTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    var order: Int
    var optimizer: TrainingSettings.Optimizer
    var clipNorm = 0.0
    var weightDecay = 0.0
    var relinearizeEvery = 0
    var testDescription: String { "order \(order), \(optimizer)" }

    static let all = [
      Variant(order: 0, optimizer: .sgd), Variant(order: 0, optimizer: .adamw, weightDecay: 0.1),
      Variant(order: 1, optimizer: .momentum, clipNorm: 1),
      Variant(order: 3, optimizer: .adam, clipNorm: 1, weightDecay: 0.01, relinearizeEvery: 3),
    ]
  }

  private static let batch = 64, inputs = 100, outputs = 10
  /// A jet of one layer alone has twelve pages or more a step; this is a third of it, in twelve steps.
  private static let enough = 12 * 4

  /// Minor page faults of the calling thread: pages that it was the first to touch.
  private static func pageFaults() -> Int {
    var usage = rusage()
    // RUSAGE_THREAD
    getrusage(1, &usage)
    return usage.ru_minflt
  }

  @Test(arguments: Variant.all, [1, 2]) func stepsTakeNoMemory(_ variant: Variant, threads: Int)
    throws
  {
    let backend = try OpenBLASBackend(threads: threads)
    let network = try Network(
      NetworkPreset(parsing: "mlp:192x3")!.description(
        input: [Self.inputs], outputs: Self.outputs, activation: .tanh, parameterization: .standard,
        weightStd: 1, biasStd: 0))
    var settings = TrainingSettings(
      order: variant.order, loss: .crossEntropy, optimizer: variant.optimizer,
      learningRate: 0.01, batchSize: Self.batch, steps: 68)
    settings.clipNorm = variant.clipNorm
    settings.weightDecay = variant.weightDecay
    settings.relinearization = .every(variant.relinearizeEvery)
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 0, on: backend)
    let model = try Model(network, center: center, settings: settings, on: backend)
    let step = try TrainingStep(model, settings)
    let values = (0..<Self.batch * Self.inputs).map { Double($0 % 7) / 7 - 0.5 }
    let inputs = try backend.matrix(Self.batch, Self.inputs, .float32, values)
    let targets = try backend.matrix(
      Self.batch, Self.outputs, .float32,
      (0..<Self.batch * Self.outputs).map { $0 % 10 == $0 / 10 % 10 ? 1 : 0 })
    let sum = try backend.matrix(1, 1, .float32)
    func steps(_ range: Range<Int>) throws {
      for number in range {
        try step.run(
          step: number, rate: 0.01, inputs: inputs, targets: targets, lossSum: sum, squares: nil)
      }
    }
    try steps(0..<8)
    let before = (
      backend.reservedBytes, backend.statistics.peakBytes, backend.statistics.liveBytes
    )
    // Other tests share the heap and may have pages of it given back: memory that steps take is taken by all.
    var faults = Int.max
    for first in stride(from: 8, to: 68, by: 12) where faults >= Self.enough {
      let start = Self.pageFaults()
      try steps(first..<first + 12)
      faults = min(faults, Self.pageFaults() - start)
    }
    let after = (
      backend.reservedBytes, backend.statistics.peakBytes, backend.statistics.liveBytes
    )
    #expect(before == after)
    #expect(faults < Self.enough)
  }
}
