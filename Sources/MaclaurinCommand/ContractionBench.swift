import CPeak
import Glibc
import Maclaurin

/// Contractions of one back end against OpenBLAS.
struct ContractionBench {
  /// C (m×n) ← A·B with A m×k and B k×n, each stored as it is or transposed.
  struct Shape {
    let m, n, k: Int
    let transposeA, transposeB: Bool
    /// B is a layer's weight matrix that does not change: for back ends that know such.
    let isKept: Bool

    init(parsing text: String) throws {
      let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      let numbers = parts.prefix(3).compactMap { Int($0) }
      let rest = parts.dropFirst(3)
      guard numbers.count == 3, numbers.allSatisfy({ (1...1 << 20).contains($0) }),
        rest.allSatisfy({ ["ta", "tb", "kept"].contains($0) }), Set(rest).count == rest.count
      else {
        throw Misuse(
          "--sizes takes m,n,k and then ta, tb (A or B transposed) or kept (B stays as it is), as in "
            + "128,2048,2048,tb, not \"\(text)\"")
      }
      (m, n, k) = (numbers[0], numbers[1], numbers[2])
      (transposeA, transposeB) = (rest.contains("ta"), rest.contains("tb"))
      isKept = rest.contains("kept")
      guard !(isKept && transposeA) else {
        throw Misuse("--sizes: kept goes with a layer's inputs, which are not ta: \"\(text)\"")
      }
    }

    var flops: Double { 2 * Double(m) * Double(n) * Double(k) }
    var description: String {
      "\(m)×\(n)×\(k)" + (transposeA ? " Aᵀ" : "") + (transposeB ? " Bᵀ" : "")
        + (isKept ? " kept" : "")
    }

    /// The product of random matrices; as a layer's, if B is kept and `knowsLayers`.
    func operation(
      _ type: ScalarType, on backend: any Backend, knowsLayers: Bool
    ) throws -> Operation {
      let a = try backend.matrix(transposeA ? k : m, transposeA ? m : k, type)
      let b = try backend.matrix(transposeB ? n : k, transposeB ? k : n, type)
      let c = try backend.matrix(m, n, type)
      for (index, matrix) in [a, b].enumerated() {
        try backend.run(
          .randomFill(
            RandomFill(
              matrix.flat, .normal, factor: 1, seed: 1, purpose: .parameters, tensor: index)))
      }
      guard isKept, knowsLayers else {
        return .contraction(
          Contraction(a, b, into: c, transposeA: transposeA, transposeB: transposeB))
      }
      // A layer of order 0: its outputs from inputs, or the cotangents of its inputs.
      func jet(_ matrix: Matrix) -> JetView {
        transposeB
          ? JetView(matrix, block: m, degree: 0, capacity: 0)
          : JetView(matrix, block: m, degree: 1, capacity: 1, hasZero: false)
      }
      return .jetContraction(
        JetContraction(
          transposeB ? .forward : .adjoint, jet(a), center: b, displacement: nil, into: jet(c),
          alpha: 1, scale: nil))
    }
  }

  struct Result {
    let shape: Shape
    let gigaflops: Double
    let rivalGigaflops: Double?
    /// Speed of a loop of fused multiply-adds on the CPU path's processors; nil on a device.
    let peakGigaflops: Double?
    /// Seconds of one product by kernel function.
    let functions: [String: Double]
    /// Our speed over OpenBLAS's, and over that of the loop: medians over turns of what was measured
    /// in the same turn.
    let ratio, peakShare: Double?
  }

  private let backend: any Backend
  private let rival: OpenBLASBackend?
  private let type: ScalarType
  /// Why there is nothing to compare with.
  let rivalIsMissing: String?

  init(_ options: BackendOptions) throws {
    type = try options.scalarType()
    // First, so that OpenBLAS reads the environment that its loader prepares. Its threads may wait
    // for the next product for some milliseconds before they fall asleep, which is its best chance; the
    // pause before our turn is longer.
    setenv("OPENBLAS_THREAD_TIMEOUT", "26", 0)
    do {
      rival = try OpenBLASBackend(numerics: .fast, threads: options.threads)
      rivalIsMissing = nil
    } catch {
      rival = nil
      rivalIsMissing = "Nothing to compare with: \(error)"
    }
    backend = try options.makeBackend()
  }

  /// The operands on one back end.
  private struct Side {
    let backend: any Backend
    let operation: Operation
    var time = Measurement()
    /// Runs per measurement: short ones measure the clock.
    var runs = 1

    init(
      _ shape: Shape, _ type: ScalarType, on backend: any Backend, knowsLayers: Bool
    ) throws {
      self.backend = backend
      operation = try shape.operation(type, on: backend, knowsLayers: knowsLayers)
      try run()
    }

    private func run() throws {
      for _ in 0..<runs { try backend.run(operation) }
      try backend.finish()
    }

    mutating func calibrate() throws {
      var single = Measurement()
      for _ in 0..<3 { try single.add(run) }
      runs = max(1, min(200, Int(0.03 / single.fastest)))
    }

    /// An untimed run first wakes the threads, which have slept through the pause before.
    mutating func measure() throws {
      try backend.run(operation)
      try backend.finish()
      try time.add(run)
    }

    func profiled() throws -> [String: Double] {
      try profile(backend, run).functions.mapValues { $0 / Double(runs) }
    }

    /// By turn.
    func gigaflops(_ shape: Shape) -> [Double] {
      time.values.map { shape.flops * Double(runs) / $0 / 1e9 }
    }
  }

  func measure(_ shape: Shape, repeats: Int) throws -> Result {
    var ours = try Side(shape, type, on: backend, knowsLayers: true)
    try ours.calibrate()
    var peaks = Measurement()
    var theirs = try rival.map { try Side(shape, type, on: $0, knowsLayers: false) }
    try theirs?.calibrate()
    for _ in 0..<repeats {
      if theirs != nil { Measurement.pause(milliseconds: 120) }
      try ours.measure()
      if let host = backend.soleHost, type == .float32 {
        Measurement.pause(milliseconds: 5)
        peaks.add(processor_peak(Int32(host.threads), 0.02) / 1e9)
      }
      if theirs != nil { Measurement.pause(milliseconds: 120) }
      try theirs?.measure()
    }
    let own = ours.gigaflops(shape)
    func ratio(to others: [Double]?) -> Double? {
      guard let others, others.count == own.count, others.allSatisfy({ $0 > 0 }) else { return nil }
      return Measurement(own.indices.map { own[$0] / others[$0] }).median
    }
    let others = theirs?.gigaflops(shape)
    return Result(
      shape: shape, gigaflops: Measurement(own).median,
      rivalGigaflops: others.map { Measurement($0).median },
      peakGigaflops: peaks.median > 0 ? peaks.median : nil,
      functions: try ours.profiled(), ratio: ratio(to: others), peakShare: ratio(to: peaks.values))
  }

  func table(_ results: [Result]) -> String {
    let rows = results.map { result in
      [
        result.shape.description, fixed(result.gigaflops, 1),
        result.rivalGigaflops.map { fixed($0, 1) } ?? "",
        result.ratio.map { fixed($0, 2) } ?? "",
        result.peakShare.map { fixed(100 * $0, 0) + " %" } ?? "",
      ]
    }
    return MaclaurinCommand.table(
      [["m×n×k", "\(backend.name) GFLOP/s", "OpenBLAS GFLOP/s", "ratio", "of FMA peak"]] + rows)
  }

  func json(_ results: [Result]) -> [String: JSONValue] {
    [
      "contractions": .array(
        results.map { result in
          .object([
            "m": .number(Double(result.shape.m)), "n": .number(Double(result.shape.n)),
            "k": .number(Double(result.shape.k)), "transpose_b": .bool(result.shape.transposeB),
            "transpose_a": .bool(result.shape.transposeA), "kept": .bool(result.shape.isKept),
            "gflops": .number(result.gigaflops),
            "milliseconds_by_function": .object(
              result.functions.mapValues { .number($0 * 1e3) }),
            "openblas_gflops": result.rivalGigaflops.map { .number($0) } ?? .null,
            "fma_peak_gflops": result.peakGigaflops.map { .number($0) } ?? .null,
            "fma_peak_share": result.peakShare.map { .number($0) } ?? .null,
            "ratio": result.ratio.map { .number($0) } ?? .null,
          ])
        }), "backend": .string(backend.name),
      "threads": backend.soleHost.map { .number(Double($0.threads)) } ?? .null,
      "openblas_threads": rival.map { .number(Double($0.threads)) } ?? .null,
      "dtype": .string(type.rawValue),
    ]
  }
}
