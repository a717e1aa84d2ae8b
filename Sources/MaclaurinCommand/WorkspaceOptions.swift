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
    let units = ["KiB": 10, "MiB": 20, "GiB": 30]
    let unit = units.first { workspace.hasSuffix($0.key) }
    let digits = unit == nil ? workspace : String(workspace.dropLast(3))
    guard let number = Int(digits), number > 0, number <= 1 << (50 - (unit?.value ?? 0)) else {
      throw Misuse("--workspace takes bytes, as in 64MiB or 1000000, not \"\(workspace)\"")
    }
    return number << (unit?.value ?? 0)
  }
}
