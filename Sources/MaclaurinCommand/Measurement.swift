import Glibc
import Maclaurin

/// Repeated measurements of one thing, mostly seconds.
struct Measurement {
  private(set) var values: [Double]

  init(_ values: [Double] = []) { self.values = values }

  /// Adds the time that `body` takes.
  mutating func add(_ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    values.append((ContinuousClock.now - start) / .seconds(1))
  }

  mutating func add(_ value: Double) { values.append(value) }

  var median: Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    guard !sorted.isEmpty else { return .nan }
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// The smallest.
  var fastest: Double { values.min() ?? .nan }

  /// Lets the idle threads of whatever ran before fall asleep.
  static func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }
}

/// Seconds by kernel function while `body` runs: of device time on a device, of wall time on the
/// CPU path; of all that compute, where a scheduler places operations. Empty where none of them
/// measures itself.
func profile(
  _ backend: any Backend, _ body: () throws -> Void
) throws -> (functions: [String: Double], wall: Double) {
  let parts = backend.parts
  for part in parts {
    try (part as? OpenCLBackend)?.startProfiling()
    (part as? OpenBLASBackend)?.startProfiling()
  }
  var time = Measurement()
  try time.add {
    try body()
    try backend.finish()
  }
  var functions: [String: Double] = [:]
  for part in parts {
    let own = try (part as? OpenCLBackend)?.profile() ?? (part as? OpenBLASBackend)?.profile()
    for (name, seconds) in own ?? [:] { functions[name, default: 0] += seconds }
  }
  return (functions, time.fastest)
}

extension Backend {
  /// The CPU path, where it alone computes.
  var soleHost: OpenBLASBackend? {
    let parts = self.parts
    return parts.count == 1 ? parts[0] as? OpenBLASBackend : nil
  }
}
