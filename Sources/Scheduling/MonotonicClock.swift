import Glibc

/// Seconds on a clock that only goes forward; cheaper than `ContinuousClock`, which is read around
/// every operation.
enum MonotonicClock {
  static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
