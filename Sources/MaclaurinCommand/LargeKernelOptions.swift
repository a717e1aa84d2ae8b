import ArgumentParser
import Maclaurin

/// How a kernel is computed that is large: in tiles, in several runs, by several machines.
struct LargeKernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory that the command may take, as in 1GiB (default: half of the machine's). Results do not "
        + "depend on it.", valueName: "bytes"))
  var memoryLimit: String?

  @Option(
    help: ArgumentHelp(
      "Rows and columns of a tile (default: as many as the memory allows, within reason). Results do "
        + "not depend on it.", valueName: "n"))
  var tile: Int?

  @Option(
    help: ArgumentHelp(
      "Compute share i of n, as in 2/4, into a file beside --output; 'kernel merge' puts shares "
        + "together.", valueName: "i/n"))
  var shard: String?

  @Flag(help: "Go on with an unfinished --output.")
  var resume = false

  @Option(
    help: ArgumentHelp(
      "Seconds between notes of what is finished: how much work a kill may cost. 0 for every tile.",
      valueName: "s"))
  var journalEvery = 1.0

  @Flag(help: "Predict memory, work and time; write nothing.")
  var plan = false

  /// Of the machine's memory where nothing is said.
  static let usualLimit = HostMachine.memory / 2

  /// Whether nothing is asked for but a limit.
  var isUsual: Bool { tile == nil && shard == nil && !resume && !plan }

  func limit() throws -> Int {
    guard let memoryLimit else { return Self.usualLimit }
    guard let bytes = ByteCount.parse(memoryLimit) else {
      throw Misuse("--memory-limit takes bytes, as in 1GiB or 500MB, not \"\(memoryLimit)\"")
    }
    return bytes
  }

  func parsedShard() throws -> KernelShard? {
    guard let shard else { return nil }
    let parts = shard.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard parts.count == 2, let parsed = KernelShard(parts[0], of: parts[1]) else {
      throw Misuse("--shard takes i/n with i from 1 to n, as in 2/4, not \"\(shard)\"")
    }
    return parsed
  }

  func validate() throws {
    guard (0...1e6).contains(journalEvery) else {
      throw ValidationError("--journal-every takes 0 or more seconds, not \(journalEvery)")
    }
    guard tile.map({ (1...1 << 20).contains($0) }) ?? true else {
      throw ValidationError("--tile takes 1 to \(1 << 20), not \(tile ?? 0)")
    }
  }

  /// The file that is written: `output`, or that of a share, `NAME.shard-i-of-n.safetensors`.
  func target(_ output: String) throws -> ArrayArgument {
    guard let shard = try parsedShard() else { return try ArrayArgument(parsing: output) }
    var path = try ArrayArgument(parsing: output).path
    for suffix in [".npy", ".safetensors"] where path.hasSuffix(suffix) {
      path.removeLast(suffix.count)
    }
    return try ArrayArgument(
      parsing: "\(path).shard-\(shard.index)-of-\(shard.count).safetensors:tiles")
  }
}
