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

  /// A file that is memory and cannot be written any more ends the program with a sentence.
  static func catchLostFile() {
    signal(SIGBUS) { _ in
      let text: StaticString =
        "Error: the disk under --output is full or failed; free space and run it again (kernel with --resume)\n"
      write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(1)
    }
  }

  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }
  /// 130 after SIGINT, 143 after SIGTERM.
  static var exitCode: Int32 { 128 + received.load(ordering: .relaxed) }
}
