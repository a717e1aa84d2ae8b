import ArgumentParser
import Maclaurin

/// Program texts in place of the embedded ones, to see broken kernel functions found.
struct KernelSourceOptions: ParsableArguments {
  /// NAME=FILE
  @Option(help: .hidden)
  var kernelSource: [String] = []

  func programSources() throws -> [String: String] {
    var sources: [String: String] = [:]
    for argument in kernelSource {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, OpenCLBackend.programSource(String(parts[0])) != nil else {
        throw Misuse(
          "--kernel-source takes NAME=FILE with the name of a kernel source, not \(argument)")
      }
      guard let text = try? String(contentsOfFile: String(parts[1]), encoding: .utf8) else {
        throw Misuse("--kernel-source cannot read \(parts[1])")
      }
      sources[String(parts[0])] = text
    }
    return sources
  }
}
