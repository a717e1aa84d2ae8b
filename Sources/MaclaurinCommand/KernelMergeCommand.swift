import ArgumentParser
import Maclaurin

struct KernelMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put the shares of a kernel together.",
    discussion: """
      The shares are what 'kernel --shard 1/n' to 'n/n' wrote, all with the same settings. The file is \
      the same, bit for bit, as without --shard.
      """)

  @Option(help: "File for the kernel: file.npy or file.safetensors[:name].")
  var output: String

  @Argument(help: "All shares, in any order.")
  var shards: [String]

  @OptionGroup var report: OutputOptions

  func run() throws {
    try OutputFile.checkArray(output, inputs: shards.map { ("a share", $0) })
    let clock = ContinuousClock.now
    let record = try KernelFile.mergedRecord(shards)
    guard
      case .open(let file) = try KernelFile.open(
        ArrayArgument(parsing: output), record, resume: true, replaces: true)
    else { return }
    let bar = ProgressBar(quiet: report.quiet)
    Interruption.catchSignals()
    Interruption.catchLostFile()
    let total = record.tiles.count
    let isWhole = try file.merge(
      shards, shouldStop: { Interruption.isRequested },
      onProgress: { bar.show($0, of: total, "tiles") })
    bar.clear()
    guard isWhole else {
      report.note("Stopped after \(file.finishedCount) of \(total) tiles; merge again to go on")
      throw ExitCode(Interruption.exitCode)
    }
    var members: [String: JSONValue] = [
      "output": .string(output), "shape": .array(record.shape.map { .number(Double($0)) }),
      "dtype": .string(record.type.rawValue), "shards": .number(Double(shards.count)),
      "tiles": .number(Double(total)), "tile_rows": .number(Double(record.side)),
      "bytes": .number(Double(record.byteCount)),
      "seconds": .number((ContinuousClock.now - clock) / .seconds(1)),
    ]
    for name in ["kind", "width", "outputs", "numerics"] {
      members[name] = record.settings[name].map { .string($0) }
    }
    report.result(members, "kernel \(record.shape) in \(output)", nil)
  }
}
