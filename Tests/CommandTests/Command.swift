import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// The built command, which lies next to the test bundle.
enum Command {
  static let path: String = {
    var folder = Substring(executablePath())
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      let candidate = folder + "/maclaurin"
      if access(String(candidate), X_OK) == 0 { return String(candidate) }
    }
    return "maclaurin"
  }()

  private static func executablePath() -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return String(
      decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What a run of the command left.
  struct Outcome {
    /// The exit status, or minus the signal that ended it.
    var status: Int32
    var output: String
    var errors: String
    /// The most memory that it had at once, if that was measured.
    var peakBytes: Int?
    /// The only line of stdout, as one JSON object.
    var json: [String: JSONValue] {
      get throws {
        #expect(output.hasSuffix("\n") && output.count { $0 == "\n" } == 1, "one line: \(output)")
        guard case .object(let members) = try JSONValue(text: Array(output.utf8), named: "stdout")
        else {
          Issue.record("no JSON object but \(output)")
          return [:]
        }
        return members
      }
    }

    /// A string member of the JSON result.
    func text(_ name: String) throws -> String {
      guard case .string(let text)? = try json[name] else {
        Issue.record("\(name) is no string in \(output) \(errors)")
        return ""
      }
      return text
    }

    /// A number of the JSON result.
    func number(_ name: String) throws -> Double {
      guard case .number(let number)? = try json[name] else {
        Issue.record("\(name) is no number in \(output) \(errors)")
        return .nan
      }
      return number
    }
  }

  /// Runs the command in a folder and waits for its end.
  static func run(
    _ arguments: String..., in folder: TemporaryFolder, environment: [String: String?] = [:],
    shell: String? = nil
  ) throws -> Outcome {
    try run(arguments, in: folder, environment: environment, shell: shell)
  }

  /// - Parameter shell: shell text that goes before the command, such as `ulimit -f 100;`.
  static func run(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String?] = [:],
    shell: String? = nil
  ) throws -> Outcome {
    try Child(arguments, in: folder, environment: environment, shell: shell).wait()
  }
}

/// A run of the command that goes on while the test does.
final class Child {
  private let identifier: pid_t
  private let output: String
  private let errors: String

  /// - Parameter terminal: the path of a terminal that becomes stderr.
  init(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String?] = [:],
    shell: String? = nil, terminal: String? = nil
  ) throws {
    var variables = ProcessInfo.processInfo.environment
    variables["NO_COLOR"] = nil
    for (name, value) in environment { variables[name] = value }
    var words = [Command.path] + arguments
    let script = "cd '\(folder.path)' && \(shell ?? "") exec \"$0\" \"$@\""
    words = ["/bin/sh", "-c", script] + words
    output = folder.newPath("stdout")
    errors = folder.newPath("stderr")

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    if let terminal {
      posix_spawn_file_actions_addopen(&actions, 2, terminal, O_WRONLY | O_NOCTTY, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    // Threads of a concurrency runtime block signals, and children inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var argv = words.map { strdup($0) } + [nil]
    var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var identifier: pid_t = 0
    let status = posix_spawn(&identifier, words[0], &actions, &attributes, &argv, &envp)
    try #require(status == 0, "starting \(words[0]): \(String(cString: strerror(status)))")
    self.identifier = identifier
  }

  func send(_ signal: Int32) { kill(identifier, signal) }

  /// The most memory that the process has had so far. (What `wait4` says of a process counts the one
  /// that started it too.)
  private func residentPeak() -> Int? {
    let marker = "VmHWM:"
    return readText("/proc/\(identifier)/status").split(separator: "\n")
      .first { $0.hasPrefix(marker) }
      .flatMap { Int($0.dropFirst(marker.count).filter(\.isNumber)) }
      .map { $0 << 10 }
  }

  /// Waits for the end; a run of more than four minutes counts as hung and is ended.
  func wait(measuresMemory: Bool = false) throws -> Command.Outcome {
    let deadline = ContinuousClock.now + .seconds(240)
    var status: Int32 = 0
    var peak: Int?
    while waitpid(identifier, &status, WNOHANG) == 0 {
      if measuresMemory { peak = residentPeak() ?? peak }
      if ContinuousClock.now > deadline {
        kill(identifier, SIGKILL)
        waitpid(identifier, &status, 0)
        Issue.record("the command hung")
        break
      }
      usleep(1000)
    }
    let signal = status & 0x7f
    return Command.Outcome(
      status: signal == 0 ? (status >> 8) & 0xff : -signal, output: readText(output),
      errors: readText(errors), peakBytes: peak)
  }
}

/// The text of a file; empty where there is none.
func readText(_ path: String) -> String {
  FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
}
