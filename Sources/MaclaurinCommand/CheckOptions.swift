import ArgumentParser
import Maclaurin

/// Whether results are checked while they are computed, and what follows when one is wrong.
struct CheckOptions: ParsableArguments {
  /// What follows a disagreement.
  enum Consequence: String, ExpressibleByArgument, CaseIterable {
    case stop
    case fallback
  }

  @Option(
    help: ArgumentHelp(
      """
      Check the device against the CPU path: elements (also without a value), freivalds, or N for \
      every N-th operation whole.
      """, valueName: "level"))
  var check: String?

  @Option(
    help: ArgumentHelp(
      """
      When a check fails: stop with exit code 3, or fallback: go on on the CPU path from the last \
      checkpoint.
      """, valueName: "what"))
  var onMismatch = Consequence.stop

  func validate() throws {
    do {
      _ = try level
    } catch {
      throw ValidationError("--check: \(error)")
    }
  }

  var level: CheckLevel? { get throws { try check.map { try CheckLevel(parsing: $0) } } }

  /// `backend` under checks against the CPU path, where they are wanted.
  func checked(
    _ backend: any Backend, threads: Int, _ output: OutputOptions?
  ) throws -> any Backend {
    guard let level = try level else { return backend }
    output?.note(level.detectionText)
    return try CheckedBackend(
      backend, against: OpenBLASBackend(threads: threads), level: level)
  }

  /// `arguments` with the level that --check alone stands for.
  static func completed(_ arguments: [String]) -> [String] {
    arguments.indices.flatMap { index -> [String] in
      guard arguments[index] == "--check" else { return [arguments[index]] }
      let next = index + 1 < arguments.count ? arguments[index + 1] : ""
      // A wrong number is told so.
      return CheckLevel.isLevel(next) || Double(next) != nil
        ? ["--check"] : ["--check", "elements"]
    }
  }
}
