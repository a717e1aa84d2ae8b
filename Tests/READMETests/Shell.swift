import FoundationEssentials
import Glibc

/// Runs commands with the built `maclaurin` on PATH, in a folder of its own.
final class Shell {
  let folder: String
  private let path: String

  struct Outcome {
    var status: Int32
    /// stdout and stderr together.
    var output: String
  }

  struct NoCommand: Error, CustomStringConvertible {
    var folder: String
    var description: String { "there is no maclaurin in \(folder); build it before the tests" }
  }

  /// An empty folder; the command stands beside the test bundle.
  init() throws {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let products = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    guard FileManager.default.isExecutableFile(atPath: products + "/maclaurin") else {
      throw NoCommand(folder: products)
    }
    path = products
    folder = FileManager.default.temporaryDirectory.path + "/readme-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Data of the examples, which pages tell their readers to copy.
    try FileManager.default.copyItem(
      atPath: MarkdownFile.root + "/docs/examples/diabetes.csv", toPath: folder + "/diabetes.csv")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Runs `commands` with `bash -e` in the folder and waits.
  func run(_ commands: String) throws -> Outcome {
    let log = folder + ".log"
    defer { try? FileManager.default.removeItem(atPath: log) }
    let script = """
      cd "$1" && PATH="$2:$PATH" exec bash -e -o pipefail -c "$3" >"$4" 2>&1 </dev/null
      """
    let words = ["bash", "-c", script, "bash", folder, path, commands, log]
    var arguments = words.map { word in word.withCString { strdup($0) } }
    arguments.append(nil)
    defer { for word in arguments { free(word) } }
    var child: pid_t = 0
    let failure = posix_spawnp(&child, "bash", nil, nil, arguments, environ)
    guard failure == 0 else { return Outcome(status: -1, output: "bash cannot be started") }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let output = FileManager.default.contents(atPath: log).map {
      String(decoding: $0, as: UTF8.self)
    }
    return Outcome(status: status, output: output ?? "")
  }

  /// The content of a file in the folder.
  func file(_ name: String) -> Data? { FileManager.default.contents(atPath: "\(folder)/\(name)") }
}
