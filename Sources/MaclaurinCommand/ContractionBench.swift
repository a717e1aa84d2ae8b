import CPeak
import Maclaurin

/// Contractions of one back end against OpenBLAS.
struct ContractionBench {
  /// C (m×n) ← A (m×k) · B (k×n), or · Bᵀ with B n×k.
  struct Shape {
    let m, n, k: Int
    let transposeB: Bool

    init(parsing text: String) throws {
      let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      let numbers = parts.prefix(3).compactMap { Int($0) }
      guard numbers.count == 3, numbers.allSatisfy({ (1...1 << 20).contains($0) }),
        parts.count == 3 || (parts.count == 4 && parts[3] == "tb")
      else {
        throw Misuse(
          "--sizes takes m,n,k or m,n,k,tb (B transposed), as in 128,2048,2048,tb, not \"\(text)\"")
      }
      (m, n, k, transposeB) = (numbers[0], numbers[1], numbers[2], parts.count == 4)
    }

    var flops: Double { 2 * Double(m) * Double(n) * Double(k) }
    var description: String { "\(m)×\(n)×\(k)" + (transposeB ? " Bᵀ" : "") }
  }

  struct Result {
    let shape: Shape
    let gigaflops: Double
    let rivalGigaflops: Double?
    /// Speed of a loop of fused multiply-adds on the CPU path's processors; nil on a device.
    let peakGigaflops: Double?
    /// Seconds of one product by kernel function.
    let functions: [String: Double]
    /// Our speed over OpenBLAS's.
    var ratio: Double? { rivalGigaflops.map { gigaflops / $0 } }
  }

  private let backend: any Backend
  private let rival: OpenBLASBackend?
  private let type: ScalarType
  /// Why there is nothing to compare with.
  let rivalIsMissing: String?

  init(_ options: BackendOptions) throws {
    type = try options.scalarType()
    // First, so that OpenBLAS reads the environment that its loader prepares.
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
    let contraction: Contraction
    var time = Measurement()
    /// Runs per measurement: short ones measure the clock.
    var runs = 1

    init(_ shape: Shape, _ type: ScalarType, on backend: any Backend) throws {
      self.backend = backend
      let a = try backend.matrix(shape.m, shape.k, type)
      let b =
        shape.transposeB
        ? try backend.matrix(shape.n, shape.k, type) : try backend.matrix(shape.k, shape.n, type)
      let c = try backend.matrix(shape.m, shape.n, type)
      for (index, matrix) in [a, b].enumerated() {
        try backend.run(
          .randomFill(
            RandomFill(
              matrix.flat, .normal, factor: 1, seed: 1, purpose: .parameters, tensor: index)))
      }
      contraction = Contraction(a, b, into: c, transposeB: shape.transposeB)
      try run()
    }

    private func run() throws {
      for _ in 0..<runs { try backend.run(.contraction(contraction)) }
      try backend.finish()
    }

    mutating func calibrate() throws {
      var single = Measurement()
      for _ in 0..<3 { try single.add(run) }
      runs = max(1, min(200, Int(0.03 / single.fastest)))
    }

    /// An untimed run first wakes the threads, which have slept through the pause before.
    mutating func measure() throws {
      try backend.run(.contraction(contraction))
      try backend.finish()
      try time.add(run)
    }

    func profiled() throws -> [String: Double] {
      try profile(backend, run).functions.mapValues { $0 / Double(runs) }
    }

    func gigaflops(_ shape: Shape) -> Double { shape.flops * Double(runs) / time.median / 1e9 }
  }

  func measure(_ shape: Shape, repeats: Int) throws -> Result {
    var ours = try Side(shape, type, on: backend)
    try ours.calibrate()
    var peaks = Measurement()
    var theirs = try rival.map { try Side(shape, type, on: $0) }
    try theirs?.calibrate()
    for _ in 0..<repeats {
      // OpenBLAS's threads spin for a tenth of a second unless the environment says otherwise.
      if theirs != nil { Measurement.pause(milliseconds: 120) }
      try ours.measure()
      if theirs != nil { Measurement.pause(milliseconds: 120) }
      try theirs?.measure()
      if let host = backend as? OpenBLASBackend, type == .float32 {
        Measurement.pause(milliseconds: 5)
        peaks.add(processor_peak(Int32(host.threads), 0.02) / 1e9)
      }
    }
    return Result(
      shape: shape, gigaflops: ours.gigaflops(shape), rivalGigaflops: theirs?.gigaflops(shape),
      peakGigaflops: peaks.median > 0 ? peaks.median : nil,
      functions: try ours.profiled())
  }

  func table(_ results: [Result]) -> String {
    let rows = results.map { result in
      [
        result.shape.description, fixed(result.gigaflops, 1),
        result.rivalGigaflops.map { fixed($0, 1) } ?? "",
        result.ratio.map { fixed($0, 2) } ?? "",
        result.peakGigaflops.map { fixed(100 * result.gigaflops / $0, 0) + " %" } ?? "",
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
            "gflops": .number(result.gigaflops),
            "milliseconds_by_function": .object(
              result.functions.mapValues { .number($0 * 1e3) }),
            "openblas_gflops": result.rivalGigaflops.map { .number($0) } ?? .null,
            "fma_peak_gflops": result.peakGigaflops.map { .number($0) } ?? .null,
            "ratio": result.ratio.map { .number($0) } ?? .null,
          ])
        }), "backend": .string(backend.name),
      "threads": (backend as? OpenBLASBackend).map { .number(Double($0.threads)) } ?? .null,
      "openblas_threads": rival.map { .number(Double($0.threads)) } ?? .null,
      "dtype": .string(type.rawValue),
    ]
  }
}
