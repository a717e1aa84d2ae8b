import Maclaurin

/// What `bench step` prints.
extension StepBench {
  /// Each order's time per contraction flop, relative to the first order's.
  private static func relativeTimesPerFlop(_ results: [Result]) -> [Double] {
    results.map { result in
      result.relativeTime * results[0].planned.contractionFlops / result.planned.contractionFlops
    }
  }

  static func table(_ results: [Result]) -> String {
    let relative = relativeTimesPerFlop(results)
    func percent(_ share: Double?) -> String { share.map { fixed(100 * $0, 1) + " %" } ?? "" }
    var rows = [
      [
        "order", "ms per step", "relative", "GFLOP in contractions", "GFLOP/s", "of FMA peak",
        "contraction share", "time per flop", "peak memory", "planned",
      ]
    ]
    for (index, result) in results.enumerated() {
      rows.append([
        result.order, fixed(result.seconds * 1e3, 2), fixed(result.relativeTime, 3),
        fixed(result.planned.contractionFlops / 1e9, 2), fixed(result.gigaflops, 1),
        percent(result.peakShare), percent(result.contractionShare), fixed(relative[index], 3),
        bytesText(result.peakBytes), bytesText(result.planned.peakBytes),
      ])
    }
    return MaclaurinCommand.table(rows)
  }

  static func json(_ results: [Result], _ backend: any Backend) -> [String: JSONValue] {
    let relative = relativeTimesPerFlop(results)
    var steps: [JSONValue] = []
    for (index, result) in results.enumerated() {
      let functions = result.functions.mapValues { JSONValue.number($0 * 1e3) }
      steps.append(
        .object([
          "order": .string(result.order), "step_ms": .number(result.seconds * 1e3),
          "fastest_step_ms": .number(result.fastest * 1e3),
          "relative_time": .number(result.relativeTime),
          "contraction_share": result.contractionShare.map { .number($0) } ?? .null,
          "fma_peak_share": result.peakShare.map { .number($0) } ?? .null,
          "gflops": .number(result.gigaflops), "flops": .number(result.planned.flops),
          "contraction_flops": .number(result.planned.contractionFlops),
          "bytes": .number(result.planned.bytes),
          "relative_time_per_flop": .number(relative[index]),
          "peak_bytes": .number(Double(result.peakBytes)),
          "reserved_bytes": result.reservedBytes.map { .number(Double($0)) } ?? .null,
          "planned_peak_bytes": .number(Double(result.planned.peakBytes)),
          "milliseconds_by_function": .object(functions),
        ]))
    }
    return facts(backend).merging(["steps": .array(steps)]) { old, _ in old }
  }

  /// What computes.
  static func facts(_ backend: any Backend) -> [String: JSONValue] {
    [
      "backend": .string(backend.name),
      "threads": backend.soleHost.map { .number(Double($0.threads)) } ?? .null,
    ]
  }
}
