import Synchronization
import Testing

@testable import OpenBLASBackend

@Suite struct ThreadPoolTests {
  /// Every part runs once, whatever the number of threads and parts.
  @Test(arguments: [1, 2, 3, 5])
  func everyPartRunsOnce(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for parts in [0, 1, 2, 7, 64] {
      let sums = Mutex([Int](repeating: 0, count: parts))
      for _ in 0..<50 {
        pool.run(parts: parts) { part in sums.withLock { $0[part] += 1 } }
      }
      #expect(sums.withLock { $0 } == [Int](repeating: 50, count: parts))
    }
  }
}
