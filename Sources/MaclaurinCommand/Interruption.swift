import Glibc
import Synchronization

/// SIGINT and SIGTERM end a run after its current step; a second one ends the program at once.
enum Interruption {
  private static let received = Atomic<Int32>(0)

  static func catchSignals() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        let before = Interruption.received.exchange(number, ordering: .relaxed)
        if before != 0 { _exit(128 + number) }
      }
    }
  }

  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }
  /// 130 after SIGINT, 143 after SIGTERM.
  static var exitCode: Int32 { 128 + received.load(ordering: .relaxed) }
}
