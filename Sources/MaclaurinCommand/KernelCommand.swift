import ArgumentParser
import Maclaurin

extension KernelKind: ExpressibleByArgument {}

/// Of which network: with infinitely wide hidden layers, or as its file has it.
enum KernelWidth: String, ExpressibleByArgument, CaseIterable {
  case infinite
  case finite
}

struct KernelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compute",
    abstract: "The NNGP or the tangent kernel of a network between inputs.",
    discussion: """
      Writes [n1, n2]; of a finite network [n1, n2, O, O] with --outputs full and [n1, n2, O] with \
      diagonal. The kernel is computed in tiles, straight into the file, which is called \
      NAME.partial until it is whole; NAME.journal lists its finished tiles. Killed, the command goes \
      on with --resume where it was.
      """)

  @Option(help: "Network file (JSON), or a preset as --model takes it.")
  var network: String?

  @OptionGroup(title: "Network") var preset: NetworkOptions

  @Option(help: ArgumentHelp("Outputs of a preset.", valueName: "n"))
  var presetOutputs = 1

  @Option(help: "nngp (covariance of the outputs) or ntk (tangent kernel).")
  var kind = KernelKind.ntk

  @Option(help: "infinite or finite: the network at --parameters.")
  var width = KernelWidth.infinite

  @OptionGroup(title: "Infinite width") var series: InfiniteKernelOptions
  @OptionGroup(title: "Finite width") var finite: FiniteKernelOptions

  @Option(help: ArgumentHelp("Seed of what is drawn at finite width.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: "Inputs, [n1, features]: file.npy or file.safetensors:name.")
  var inputs: String

  @Option(help: "Inputs of the second axis, [n2, features] (default: --inputs).")
  var inputs2: String?

  @Option(help: "File for the kernel: file.npy or file.safetensors[:name].")
  var output: String?

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Folder for report.html: a picture of the kernel, and its spectrum.", valueName: "folder"))
  var page: String?

  @OptionGroup(title: "Large kernels") var large: LargeKernelOptions
  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    guard let output else { throw Misuse("--output is missing: name a file for the kernel") }
    try OutputFile.checkArray(
      output,
      inputs: [
        ("--network", network), ("--inputs", inputs), ("--inputs2", inputs2),
      ] + finite.inputFiles)
    if let errors = finite.standardError {
      try OutputFile.checkArray(
        errors, option: "--standard-error",
        inputs: [("--inputs", inputs), ("--inputs2", inputs2), ("--output", output)]
          + finite.inputFiles)
      guard !large.resume, large.shard == nil else {
        throw Misuse(
          "--standard-error goes without --resume and --shard: it needs all tiles of one run")
      }
    }
    var backend = backend
    backend.givenType =
      backend.givenType ?? (width == .infinite ? ScalarType.float64 : .float32).rawValue
    let job = try KernelJob(self, backend)
    guard finite.vectors == nil else {
      guard large.isUsual, page == nil else {
        throw Misuse(
          "--vectors computes no kernel; leave --tile, --shard, --resume, --plan and --report out")
      }
      return try job.writeProducts(to: output, backend, report)
    }
    let target = try large.target(output)
    var run = try KernelRun(job, large, backend, report, to: target)
    if let page {
      guard large.shard == nil else {
        throw Misuse("--report needs the whole kernel; leave --shard out")
      }
      run.page = try KernelPage(page, of: job, in: target, limit: large.limit())
    }
    if large.plan { return try run.showPlan() }
    try run.run()
  }
}
