import ArgumentParser
import Maclaurin

extension ProfilePolicy: ExpressibleByArgument {}

/// Device profiles for people and as JSON.
enum ProfileDisplay {
  /// Nil, and a line on stderr, for a device that cannot be opened or measured.
  private static func profile(
    _ selection: BackendSelection, _ policy: ProfilePolicy, _ output: OutputOptions
  ) -> DeviceProfile? {
    do {
      let profile = try selection.profile(policy: policy)
      if let note = profile?.note { output.note("\(selection): \(note)") }
      return profile
    } catch {
      output.note("\(selection): \(error)")
      return nil
    }
  }

  /// Shapes whose rates are shown: a small batch, a large one, and what fills a device.
  private static let shapes = [(16, 1024, 1024), (512, 1024, 1024), (2048, 2048, 2048)]

  private static func gigaflops(_ profile: DeviceProfile, _ m: Int, _ n: Int, _ k: Int) -> Double {
    let seconds = profile.contractionSeconds(.transposedB, m: m, n: n, k: k)
    return 2e-9 * Double(m) * Double(n) * Double(k) / seconds
  }

  static func table(
    _ selections: [BackendSelection], _ policy: ProfilePolicy, _ output: OutputOptions
  ) -> String {
    var rows = [
      ["backend", "launch", "copy", "upload", "download", "memory"]
        + shapes.map { "\($0)×\($1)×\($2)" }
    ]
    for selection in selections {
      guard let profile = profile(selection, policy, output) else { continue }
      func rate(_ bytes: Double) -> String { fixed(bytes / 1e9, 1) + " GB/s" }
      rows.append(
        [
          "\(selection)", fixed(profile.launch * 1e6, 1) + " µs",
          fixed(profile.transferLatency * 1e6, 1) + " µs", rate(profile.uploadRate),
          rate(profile.downloadRate), rate(profile.memoryRate),
        ] + shapes.map { fixed(gigaflops(profile, $0, $1, $2), 1) + " GFLOP/s" })
    }
    return MaclaurinCommand.table(rows)
  }

  static func json(
    _ selection: BackendSelection, _ policy: ProfilePolicy, _ output: OutputOptions
  ) -> JSONValue {
    guard let profile = profile(selection, policy, output) else { return .null }
    return .object([
      "launch_seconds": .number(profile.launch), "opening_seconds": .number(profile.opening),
      "upload_latency_seconds": .number(profile.uploadLatency),
      "transfer_latency_seconds": .number(profile.transferLatency),
      "upload_bytes_per_second": .number(profile.uploadRate),
      "download_bytes_per_second": .number(profile.downloadRate),
      "memory_bytes_per_second": .number(profile.memoryRate),
      "elementwise_flops_per_second": .number(profile.elementwiseRate),
      "contraction_flops_per_second": .number(profile.contractionRate),
      "contractions": .array(
        shapes.map {
          .object([
            "m": .number(Double($0)), "n": .number(Double($1)), "k": .number(Double($2)),
            "gflops": .number(gigaflops(profile, $0, $1, $2)),
          ])
        }),
      "note": profile.note.map { .string($0) } ?? .null,
    ])
  }
}
