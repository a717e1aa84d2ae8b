import Glibc

/// Seconds on a clock that only goes forward; cheaper than `ContinuousClock`, because it is read
/// around operations.
public enum MonotonicClock {
  public static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
