import COpenCL
import Glibc

/// Waits for events without ever waiting forever: the driver's callback signals a condition.
///
/// One wait at a time. A wait that was given up may still be signalled later: a waiter that gave
/// up is used no more, and its memory is not released.
struct EventWaiter {
  /// How often callbacks came, and what guards it.
  private struct State {
    var mutex = pthread_mutex_t()
    var condition = pthread_cond_t()
    var calls = 0
  }

  private let state: UnsafeMutablePointer<State>
  private let cl: OpenCLLibrary.Functions

  init(_ cl: OpenCLLibrary.Functions) {
    self.cl = cl
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    pthread_mutex_init(&state.pointee.mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // A clock that is set while something waits must not matter.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(&state.pointee.condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  func release() {
    pthread_cond_destroy(&state.pointee.condition)
    pthread_mutex_destroy(&state.pointee.mutex)
    state.deallocate()
  }

  /// Waits until the event has ended; false once `isHopeless`, which is asked every `interval`
  /// seconds, says so.
  func wait(
    for event: OpenCLEvent, interval: Double, unless isHopeless: () -> Bool
  ) -> Bool {
    if event.hasEnded { return true }
    state.pointee.calls = 0
    let status = cl.pointee.clSetEventCallback(
      event.handle, CL_COMPLETE,
      { _, _, state in
        let state = state!.assumingMemoryBound(to: State.self)
        pthread_mutex_lock(&state.pointee.mutex)
        state.pointee.calls += 1
        pthread_cond_signal(&state.pointee.condition)
        pthread_mutex_unlock(&state.pointee.mutex)
      }, state)
    guard status == CL_SUCCESS else { return poll(event, interval, isHopeless) }
    pthread_mutex_lock(&state.pointee.mutex)
    defer { pthread_mutex_unlock(&state.pointee.mutex) }
    var deadline = Self.time(after: interval)
    while state.pointee.calls == 0 {
      let result = pthread_cond_timedwait(
        &state.pointee.condition, &state.pointee.mutex, &deadline)
      guard result == ETIMEDOUT else { continue }
      if isHopeless() { return false }
      deadline = Self.time(after: interval)
    }
    return true
  }

  private static func time(after seconds: Double) -> timespec {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let nanoseconds = time.tv_nsec + Int(seconds * 1e9)
    return timespec(
      tv_sec: time.tv_sec + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
  }

  /// For a driver that takes no callback.
  private func poll(
    _ event: OpenCLEvent, _ interval: Double, _ isHopeless: () -> Bool
  ) -> Bool {
    var next = SuspendingClock.now + .seconds(interval)
    while !event.hasEnded {
      usleep(20)
      guard SuspendingClock.now >= next else { continue }
      if isHopeless() { return false }
      next = SuspendingClock.now + .seconds(interval)
    }
    return true
  }
}
