/// What ran when: operations, transfers and waits, by device.
///
/// Times are seconds since the timeline was made, on the host's monotonic clock; a backend that
/// measures on a clock of its own converts them.
public final class Timeline {
  /// Something that took time.
  public struct Event: Sendable, Equatable {
    /// The device, or the host's part in driving it.
    public var track: String
    public var name: String
    public var kind: Kind
    public var start: Double
    public var seconds: Double
    public var flops: Double
    public var bytes: Double

    public init(
      track: String, name: String, kind: Kind, start: Double, seconds: Double, flops: Double = 0,
      bytes: Double = 0
    ) {
      self.track = track
      self.name = name
      self.kind = kind
      self.start = start
      self.seconds = seconds
      self.flops = flops
      self.bytes = bytes
    }
  }

  public enum Kind: String, Sendable { case operation, upload, download, wait, check }

  public private(set) var events: [Event] = []
  /// Events beyond `limit`, which were not kept.
  public private(set) var dropped = 0
  private let limit: Int
  private let start = ContinuousClock.now

  /// - Parameter limit: the most events that are kept.
  public init(limit: Int = 1 << 20) { self.limit = limit }

  /// Seconds since the timeline was made.
  public var now: Double { (ContinuousClock.now - start) / .seconds(1) }

  public func add(_ event: Event) {
    if events.count < limit { events.append(event) } else { dropped += 1 }
  }

  /// Records `body` as it takes place on the host.
  public func measure<Result>(
    _ track: String, _ name: String, _ kind: Kind, flops: Double = 0, bytes: Double = 0,
    _ body: () throws -> Result
  ) rethrows -> Result {
    let begin = now
    defer {
      add(
        Event(
          track: track, name: name, kind: kind, start: begin, seconds: now - begin, flops: flops,
          bytes: bytes))
    }
    return try body()
  }
}
