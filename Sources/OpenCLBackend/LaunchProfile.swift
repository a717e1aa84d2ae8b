/// Device time by kernel function, from the events of a profiling queue.
struct LaunchProfile {
  private var events: [(function: String, event: OpenCLEvent)] = []
  private(set) var seconds: [String: Double] = [:]

  mutating func add(_ event: OpenCLEvent, of function: String) { events.append((function, event)) }

  /// An event to wait for before `collect`, once there are many: thousands of live ones slow some
  /// drivers.
  var surplus: OpenCLEvent? { events.count >= 1024 ? events[events.count / 2].event : nil }

  /// Counts and releases the events that have ended.
  mutating func collect() {
    let count = events.firstIndex { !$0.event.hasEnded } ?? events.count
    for (function, event) in events[..<count] {
      guard let times = event.times else { continue }
      seconds[function, default: 0] += Double(times.end - times.start) * 1e-9
    }
    events.removeFirst(count)
  }
}
