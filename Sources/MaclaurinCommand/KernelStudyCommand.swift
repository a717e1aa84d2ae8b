import ArgumentParser
import FoundationEssentials
import Maclaurin

struct KernelStudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "How kernels of finite networks approach the infinite one, with figures.",
    discussion: """
      Compares the kernels of --samples random networks at each size with the kernel at infinite \
      width, on the same examples: ‖K_n − K‖/‖K‖ in Frobenius norms, for one network and for the mean \
      of all. --widths are those of a preset's hidden layers in the parameterization ntk, whose \
      infinite kernel depends on no width. --width-scales widen the hidden layers in \
      improved_standard, whose infinite kernel depends on the base widths alone.
      """)

  @OptionGroup(title: "Network") var network: NetworkOptions

  @Option(help: ArgumentHelp("The kernel: nngp or ntk.", valueName: "kernel"))
  var kind = KernelKind.ntk

  @Option(
    help: ArgumentHelp(
      "Widths n of a preset's hidden layers (default: 64,128,256,512 without --width-scales).",
      valueName: "list"))
  var widths: String?

  @Option(
    help: ArgumentHelp("Width scales s, such as 1,2,4,8.", valueName: "list"))
  var widthScales: String?

  @Option(help: ArgumentHelp("Networks at each size.", valueName: "n"))
  var samples = 8

  @Option(
    help: ArgumentHelp(
      "Seed of the first network; the others have those behind it.", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup(title: "Examples") var examples: KernelStudyExamples

  @Option(
    help: ArgumentHelp(
      "Folder for report.html, figures/, convergence.csv, eigenvalues.csv and result.json.",
      valueName: "folder"))
  var out: String?

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    guard (1...1_000_000).contains(samples) else {
      throw Misuse("--samples takes a positive number, not \(samples)")
    }
    guard network.parameterization == nil else {
      throw Misuse(
        "study kernels chooses the parameterization itself: ntk for --widths and improved_standard for "
          + "--width-scales; leave --parameterization out")
    }
    var isFolder = false
    if let out, FileManager.default.fileExists(atPath: out, isDirectory: &isFolder), !isFolder {
      throw TrainingError("\(out) is a file; --out needs a folder")
    }
    _ = try backend.scalarType()
    let loaded = try examples.load(for: network)
    // Everything that can be wrong with a network is found before any work.
    let sweeps = try sweeps(loaded)
    try backend.compute(report) { device in
      let (result, text) = try KernelStudyRun(self, loaded, sweeps).run(on: device)
      report.result(result, text, Trace(device, backend))
    }
  }

  // MARK: Sweeps

  /// A parameterization, the sizes to try, and the kernel that they approach.
  struct Sweep {
    var sweep: KernelConvergence.Sweep
    /// In ascending order.
    var sizes: [Int]
    var networks: [Network]
    var infinite: InfiniteWidthKernel
  }

  private func sweeps(_ loaded: KernelStudyExamples.Loaded) throws -> [Sweep] {
    let isPreset = try NetworkPreset(parsing: network.model) != nil
    guard isPreset || widths == nil else {
      throw Misuse(
        "--widths are those of a preset; \(network.model) is a network file, which says its widths "
          + "itself: give --width-scales")
    }
    var sweeps: [Sweep] = []
    if let list = widths ?? (isPreset && widthScales == nil ? "64,128,256,512" : nil) {
      sweeps.append(
        try sweep(.width, Self.sizes(list, "--widths")) { width in
          var options = network
          options.parameterization = "ntk"
          return try options.network(input: loaded.shape, outputs: loaded.outputs, width: width)
        })
    }
    guard let list = widthScales ?? (isPreset ? nil : "1,2,4,8") else { return sweeps }
    sweeps.append(
      try sweep(.widthScale, Self.sizes(list, "--width-scales")) { scale in
        guard isPreset else { return try scaledFile(scale) }
        var options = network
        options.parameterization = "improved_standard:\(scale)"
        return try options.network(input: loaded.shape, outputs: loaded.outputs)
      })
    return sweeps
  }

  private func scaledFile(_ scale: Int) throws -> Network {
    var description = try network.network(input: [], outputs: 0).description
    switch description.parameterization {
    case .standard, .improvedStandard: break
    default:
      throw Misuse(
        "--width-scales go with the parameterization standard or improved_standard, and "
          + "\(network.model) has \(description.parameterization.name)")
    }
    description.parameterization = .improvedStandard(widthScale: scale)
    return try Network(description)
  }

  private func sweep(
    _ sweep: KernelConvergence.Sweep, _ sizes: [Int], _ network: (Int) throws -> Network
  ) throws -> Sweep {
    let networks = try sizes.map(network)
    return Sweep(
      sweep: sweep, sizes: sizes, networks: networks,
      infinite: try InfiniteWidthKernel(networks[0].description, kind))
  }

  /// Ascending, each once.
  private static func sizes(_ text: String, _ option: String) throws -> [Int] {
    let sizes = try StudyLists.items(text, option, "such as 1,2,4,8").map { item -> Int in
      guard let size = Int(item), (1...(1 << 20)).contains(size) else {
        throw Misuse("\(option) takes numbers from 1 to \(1 << 20), not \"\(item)\"")
      }
      return size
    }
    try StudyLists.requireDistinct(sizes.map { String($0) }, option)
    return sizes.sorted()
  }

  /// What made the numbers, for result.json and the report.
  var settings: [String: JSONValue] {
    var settings: [String: JSONValue] = [
      "model": .string(network.model), "kind": .string(kind.rawValue),
      "samples": .number(Double(samples)), "seed": .number(Double(seed)),
      "dtype": .string(backend.dtype), "numerics": .string(backend.numerics.rawValue),
    ]
    settings["activation"] = network.activation.map { .string($0) }
    settings["weight-std"] = network.weightStd.map { .number($0) }
    settings["bias-std"] = network.biasStd.map { .number($0) }
    settings["widths"] = widths.map { .string($0) }
    settings["width-scales"] = widthScales.map { .string($0) }
    return settings.merging(examples.settings) { $1 }
  }
}
