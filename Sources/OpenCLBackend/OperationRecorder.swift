import COpenCL
import Compute

/// Puts what a device runs on a timeline: one event per operation and transfer, as long as the
/// device itself was at it.
final class OperationRecorder {
  let timeline: Timeline
  /// Seconds to add to the device's clock for the timeline's; nil until it has been measured.
  var offset: Double?

  private struct Entry {
    let event: Timeline.Event
    var first: OpenCLEvent?
    var last: OpenCLEvent?
  }

  private let track: String
  private var current: Entry?
  private var pending: [Entry] = []

  init(_ timeline: Timeline, track: String) {
    self.timeline = timeline
    self.track = track
  }

  func begin(_ operation: Operation) {
    let cost = operation.cost
    begin(operation.name, .operation, flops: cost.flops, bytes: cost.bytes)
  }

  func begin(_ direction: OpenCLSession.Direction, bytes: Int) {
    let isUpload = direction == .upload
    begin(
      isUpload ? "upload" : "download", isUpload ? .upload : .download, flops: 0,
      bytes: Double(bytes))
  }

  private func begin(_ name: String, _ kind: Timeline.Kind, flops: Double, bytes: Double) {
    current = Entry(
      event: Timeline.Event(
        track: track, name: name, kind: kind, start: 0, seconds: 0, flops: flops, bytes: bytes))
  }

  /// A command of what has begun.
  func add(_ event: OpenCLEvent) {
    if current?.first == nil { current?.first = event }
    current?.last = event
  }

  /// What has begun has no more commands.
  func end() {
    if let current, current.first != nil { pending.append(current) }
    current = nil
  }

  /// An event to wait for before `collect`, once there are many.
  var surplus: OpenCLEvent? { pending.count >= 1024 ? pending[pending.count / 2].last : nil }

  /// Puts on the timeline what has ended, and releases its events.
  func collect() {
    guard let offset else { return }
    let count = pending.firstIndex { $0.last?.hasEnded == false } ?? pending.count
    for entry in pending[..<count] {
      guard let first = entry.first?.times, let last = entry.last?.times else { continue }
      var event = entry.event
      event.start = max(0, Double(first.start) * 1e-9 + offset)
      event.seconds = Double(max(first.start, last.end) - first.start) * 1e-9
      timeline.add(event)
    }
    pending.removeFirst(count)
  }

  /// The host waited for the device until now.
  func addWait(for action: String, since begin: Double) {
    timeline.add(
      Timeline.Event(
        track: track, name: action, kind: .wait, start: begin, seconds: timeline.now - begin))
  }
}

extension OpenCLSession {
  /// Records on `timeline` from the next command on; nil ends with what has been enqueued.
  func record(on timeline: Timeline?) {
    if recorder?.timeline === timeline { return }
    if let recorder {
      if lost == nil { try? finish() }
      recorder.collect()
    }
    recorder = timeline.map { OperationRecorder($0, track: device.backendName) }
  }

  /// Measures how the device's clock differs from the timeline's: the end of a small upload as
  /// the device saw it, in the middle of when the host waited for it. The shortest wait counts.
  func synchronizeClocks(_ recorder: OperationRecorder) throws {
    // Nothing of this belongs on the timeline.
    self.recorder = nil
    defer { self.recorder = recorder }
    let scratch = Matrix(try allocate(1, .int32), rows: 1, columns: 1)
    let (piece, block) = (TransferPiece(scratch), try stage(4))
    block.pointer.storeBytes(of: 0, as: Int32.self)
    var shortest = Double.infinity
    for _ in 0..<4 {
      try finish()
      let before = recorder.timeline.now
      var handle: cl_event?
      try check(
        enqueue(.upload, piece, memory(of: scratch), block.pointer, in: queue, &handle),
        "uploading 4 bytes", otherwise: .launch)
      let event = OpenCLEvent(handle!, cl)
      progress.add(nil)
      try flush()
      try wait(for: event, "uploading 4 bytes")
      let after = recorder.timeline.now
      guard let times = event.times, after - before < shortest else { continue }
      shortest = after - before
      recorder.offset = (before + after) / 2 - Double(times.end) * 1e-9
    }
    staging.give(block)
    // A device that keeps no time leaves its events out.
    if recorder.offset == nil { recorder.offset = 0 }
  }
}
