import Glibc
import Testing

/// A new empty folder, removed with its files when the value goes.
final class TemporaryFolder {
  let path: String
  private var names: Set<String> = []

  init() throws {
    var name = Array("/tmp/maclaurin-verification-XXXXXX\0".utf8.map { CChar($0) })
    path = String(cString: try #require(mkdtemp(&name)))
  }

  /// The path of a file in the folder.
  func file(_ name: String) -> String {
    names.insert(name)
    return "\(path)/\(name)"
  }

  func write(_ text: String, to name: String) throws -> String {
    let path = file(name)
    let stream = try #require(fopen(path, "wb"))
    #expect(fputs(text, stream) >= 0)
    fclose(stream)
    return path
  }

  func read(_ name: String) throws -> String {
    let stream = try #require(fopen(file(name), "rb"))
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&buffer, 1, buffer.count, stream)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}

/// The command that was built together with these tests.
struct Command {
  var status: Int32
  var output: String
  var errors: String

  /// Runs `maclaurin` with `arguments` and waits for it.
  init(_ arguments: [String]) throws {
    let folder = try TemporaryFolder()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    for (descriptor, name) in [(STDOUT_FILENO, "output"), (STDERR_FILENO, "errors")] {
      posix_spawn_file_actions_addopen(&actions, descriptor, folder.file(name), flags, 0o600)
    }
    let path = try Self.path()
    var words = ([path] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    try #require(posix_spawn(&process, path, &actions, nil, words, environ) == 0)
    var code: Int32 = 0
    try #require(waitpid(process, &code, 0) == process)
    // Ended by exit, not by a signal.
    try #require(code & 0x7f == 0)
    status = code >> 8 & 0xff
    output = try folder.read("output")
    errors = try folder.read("errors")
  }

  /// The products lie side by side.
  private static func path() throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.assumingMemoryBound(to: CChar.self).baseAddress!, $0.count)
    }
    try #require(count > 0)
    let own = String(decoding: buffer[..<count], as: UTF8.self)
    let folder = own[..<(own.lastIndex(of: "/") ?? own.endIndex)]
    // The test bundle may lie in a folder of its own.
    let places = ["\(folder)/maclaurin", "\(folder)/../maclaurin"]
    if let place = places.first(where: { access($0, X_OK) == 0 }) { return place }
    // Where tests run inside the toolchain's runner, its first argument names the bundle.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? ""
    let beside = bundle[..<(bundle.lastIndex(of: "/") ?? bundle.endIndex)] + "/maclaurin"
    return try #require(access(String(beside), X_OK) == 0 ? String(beside) : nil)
  }
}

extension String {
  /// This text with the only occurrence of `part` exchanged.
  func replacing(only part: String, with text: String) throws -> String {
    let ranges = self.ranges(of: part)
    try #require(ranges.count == 1, "\(part) occurs \(ranges.count) times")
    return String(self[..<ranges[0].lowerBound]) + text + String(self[ranges[0].upperBound...])
  }
}
