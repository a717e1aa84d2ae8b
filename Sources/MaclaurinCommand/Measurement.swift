import Glibc
import Maclaurin

/// Repeated measurements of one thing, mostly seconds.
struct Measurement {
  private(set) var values: [Double] = []

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
/// CPU path.
func profile(
  _ backend: any Backend, _ body: () throws -> Void
) throws -> (functions: [String: Double], wall: Double) {
  func wall(_ body: () throws -> Void) rethrows -> Double {
    var time = Measurement()
    try time.add(body)
    return time.fastest
  }
  switch backend {
  case let device as OpenCLBackend:
    try device.startProfiling()
    let wall = try wall {
      try body()
      try device.finish()
    }
    return (try device.profile(), wall)
  case let host as OpenBLASBackend:
    host.startProfiling()
    let wall = try wall(body)
    return (host.profile(), wall)
  default: return ([:], try wall(body))
  }
}
