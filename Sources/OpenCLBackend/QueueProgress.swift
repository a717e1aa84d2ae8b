/// How far an in-order queue has come, as far as the host knows.
///
/// Commands are numbered from 1. Some of them are fences: their events are kept until it is known
/// that they have ended, and with a command all before it have ended.
struct QueueProgress {
  /// The number of the last command.
  private(set) var enqueued = 0
  /// The last command that is known to have ended.
  private(set) var completed = 0
  private var fences: [(number: Int, event: OpenCLEvent)] = []
  private var lastFence = 0
  private var flopsSinceFence = 0.0
  private var bytesSinceFence = 0

  /// Commands that may not have ended.
  var pending: Int { enqueued - completed }

  /// Whether the next command should become a fence: so often that memory of uploads comes back
  /// in time, and that a queue of long commands shows that it moves.
  var needsFence: Bool {
    enqueued - lastFence >= 256 || flopsSinceFence >= 1e12 || bytesSinceFence >= 4 << 20
  }

  /// Counts a command; an event makes it a fence.
  mutating func add(_ fence: OpenCLEvent?, flops: Double = 0, bytes: Int = 0) {
    enqueued += 1
    flopsSinceFence += flops
    bytesSinceFence += bytes
    guard let fence else { return }
    fences.append((enqueued, fence))
    lastFence = enqueued
    (flopsSinceFence, bytesSinceFence) = (0, 0)
  }

  /// The first fence at or behind command `number`.
  func fence(after number: Int) -> (number: Int, event: OpenCLEvent)? {
    fences.first { $0.number >= number }
  }

  mutating func complete(_ number: Int) {
    guard number > completed else { return }
    completed = number
    fences.removeFirst(fences.firstIndex { $0.number > number } ?? fences.count)
  }

  /// Looks how far the fences are, without waiting; true if the queue has come further. A fence
  /// that failed is left to whoever waits for it.
  mutating func look() -> Bool {
    var reached = completed
    for fence in fences {
      guard fence.event.status == 0 else { break }
      reached = fence.number
    }
    let moved = reached > completed
    complete(reached)
    return moved
  }
}
