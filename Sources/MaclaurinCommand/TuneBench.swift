import ArgumentParser
import Glibc
import Maclaurin

struct BenchTune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Find the parameters with which a device's contractions are fastest, and keep them.",
    discussion: """
      Tiles of the device family, register blocks of the host family (--kernel-family, default the \
      one that suits the device), on a large square product, a layer, its adjoint and gradient, and \
      products with few rows and columns. Every candidate's bits are compared with the CPU path's; \
      one that differs, or whose registers spill where the driver's compiler tells, is reported and \
      never kept. The table is kept for this device and driver and read whenever the device is \
      opened; it changes speed and not a bit. Tune on an idle machine; afterwards maclaurin devices \
      --profile refresh tells --backend auto of the new speed.
      """)

  @Flag(help: "Two candidates and tiny shapes, which tries the machinery; writes only to --output.")
  var quick = false
  @Option(help: ArgumentHelp("Write the table there instead.", valueName: "file"))
  var output: String?
  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func validate() throws {
    try backend.validateWithoutTrace()
    guard try backend.selection() != .openblas else {
      throw ValidationError("bench tune tunes OpenCL devices; give --backend opencl:i")
    }
    guard backend.dtype == "float32", backend.numerics == .reproducible else {
      throw ValidationError(
        "bench tune tunes reproducible float32; leave out --dtype and --numerics")
    }
  }

  func run() throws {
    if let output { try OutputFile.check(output, option: "--output", inputs: []) }
    // NVIDIA's compiler says nothing about what it takes from its own cache.
    setenv("CUDA_CACHE_DISABLE", "1", 1)
    var index = 0
    if case .opencl(let given) = try backend.selection() { index = given }
    let host = try OpenBLASBackend(threads: backend.threads)
    let tuner = try ContractionTuner(
      OpenCLDevices.device(index), family: backend.kernelFamily, against: host, quick: quick,
      programSources: backend.kernels.programSources())
    report.note("Tuning the \(tuner.family) family on \(tuner.device)…")
    let bar = ProgressBar(quiet: report.quiet)
    try tuner.run { bar.show($0, of: $1, $2) }
    bar.clear()
    let path = quick && output == nil ? nil : try tuner.write(to: output)
    if report.json { return Console.json(json(tuner, path)) }
    print(table(tuner))
    print(path.map { "written to \($0)" } ?? "not written, because of --quick")
  }

  private func table(_ tuner: ContractionTuner) -> String {
    var rows = [["GFLOP/s (* is kept)"] + tuner.shapes + ["registers", ""]]
    for trial in tuner.trials {
      var row = [trial.candidate]
      for index in tuner.shapes.indices {
        row.append(
          trial.gigaflops.isEmpty
            ? "" : fixed(trial.gigaflops[index], 1) + (trial.chosen.contains(index) ? " *" : "  "))
      }
      row += [trial.registers.map(String.init) ?? "", trial.refusal ?? ""]
      rows.append(row)
    }
    return MaclaurinCommand.table(rows)
  }

  private func json(_ tuner: ContractionTuner, _ path: String?) -> [String: JSONValue] {
    var trials: [JSONValue] = []
    for trial in tuner.trials {
      trials.append(
        .object([
          "candidate": .string(trial.candidate),
          "gflops": .array(trial.gigaflops.map { .number($0) }),
          "registers": trial.registers.map { .number(Double($0)) } ?? .null,
          "refusal": trial.refusal.map { .string($0) } ?? .null,
          "kept_for": .array(trial.chosen.sorted().map { .string(tuner.shapes[$0]) }),
        ]))
    }
    return [
      "backend": .string(tuner.device.backendName), "device": .string(tuner.device.name),
      "driver": .string(tuner.device.driverVersion), "family": .string(tuner.family.rawValue),
      "shapes": .array(tuner.shapes.map { .string($0) }), "trials": .array(trials),
      "table": path.map { .string($0) } ?? .null,
    ]
  }
}
