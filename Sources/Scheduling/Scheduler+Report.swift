import Compute

extension Scheduler {
  /// What ran at one place.
  public struct PlaceReport: Sendable, Equatable {
    public var name: String
    public var operations: Int
    public var flops: Double
    /// Seconds at work. A device counts as working from the first operation in its empty queue to
    /// the end of the wait that empties it, so that places may overlap.
    public var seconds: Double
    /// Copies to this place, and their bytes.
    public var transfers: Int
    public var transferredBytes: Int
    /// Whether it was given up.
    public var isRetired: Bool
  }

  /// By place, the host first; without those that were never needed.
  public var report: [PlaceReport] {
    places.filter { $0.isHost || $0.backend != nil || !$0.isUsable }.map { place in
      PlaceReport(
        name: place.name, operations: place.operations, flops: place.flops,
        seconds: place.seconds, transfers: place.incoming.pieces,
        transferredBytes: place.incoming.bytes, isRetired: !place.isUsable)
    }
  }
}

extension Backend {
  /// The scheduler among this backend and the one that it wraps.
  public var scheduler: Scheduler? {
    self as? Scheduler ?? (self as? CheckedBackend)?.wrapped.scheduler
  }

  /// The backends that compute: those of a scheduler's open places, the one that checks wrap, or
  /// this one.
  public var parts: [any Backend] {
    if let scheduler = self as? Scheduler { return scheduler.places.compactMap(\.backend) }
    return (self as? CheckedBackend)?.wrapped.parts ?? [self]
  }
}
