import COpenCL
import Glibc

/// Waits for events without ever waiting forever: the driver's callback signals a condition.
///
/// One wait at a time. A callback may come after its wait was given up; the memory of a waiter that
/// gave up is not released.
struct EventWaiter {
  /// What a callback was told, and what guards it.
  private struct State {
    var mutex = pthread_mutex_t()
    var condition = pthread_cond_t()
    var event: cl_event?
    var status: cl_int = 0
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

  /// Waits until the event has ended and returns its status, CL_COMPLETE or negative; nil once
  /// `isHopeless`, which is asked every `interval` seconds, says so.
  func wait(
    for event: OpenCLEvent, interval: Double, unless isHopeless: () -> Bool
  ) -> cl_int? {
    let now = event.status
    if now <= CL_COMPLETE { return now }
    state.pointee.event = nil
    let status = cl.pointee.clSetEventCallback(
      event.handle, CL_COMPLETE,
      { event, status, state in
        let state = state!.assumingMemoryBound(to: State.self)
        pthread_mutex_lock(&state.pointee.mutex)
        state.pointee.event = event
        state.pointee.status = status
        pthread_cond_signal(&state.pointee.condition)
        pthread_mutex_unlock(&state.pointee.mutex)
      }, state)
    guard status == CL_SUCCESS else { return poll(event, interval, isHopeless) }
    pthread_mutex_lock(&state.pointee.mutex)
    defer { pthread_mutex_unlock(&state.pointee.mutex) }
    var deadline = Self.time(after: interval)
    while true {
      if state.pointee.event == event.handle { return state.pointee.status }
      let result = pthread_cond_timedwait(
        &state.pointee.condition, &state.pointee.mutex, &deadline)
      guard result == ETIMEDOUT else { continue }
      // A callback may be late, or may get lost.
      let now = event.status
      if now <= CL_COMPLETE { return now }
      if isHopeless() { return nil }
      deadline = Self.time(after: interval)
    }
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
  ) -> cl_int? {
    var next = SuspendingClock.now + .seconds(interval)
    while true {
      let status = event.status
      if status <= CL_COMPLETE { return status }
      usleep(20)
      guard SuspendingClock.now >= next else { continue }
      if isHopeless() { return nil }
      next = SuspendingClock.now + .seconds(interval)
    }
  }
}
