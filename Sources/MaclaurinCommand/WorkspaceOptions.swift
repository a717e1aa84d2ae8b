import ArgumentParser
import Maclaurin

/// How much temporary memory convolutions may take.
struct WorkspaceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Temporary memory of convolutions, as in 64MiB (default: what suits the device). Results do "
        + "not depend on it.", valueName: "bytes"))
  var workspace: String?

  /// Nil: what suits the device.
  func bytes() throws -> Int? {
    guard let workspace else { return nil }
    guard let bytes = ByteCount.parse(workspace) else {
      throw Misuse("--workspace takes bytes, as in 64MiB or 1000000, not \"\(workspace)\"")
    }
    return bytes
  }
}
