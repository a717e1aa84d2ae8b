import ArgumentParser
import Maclaurin

/// What a kernel at finite width needs besides a network and inputs.
struct FiniteKernelOptions: ParsableArguments {
  @Option(
    name: .customLong("outputs"),
    help: """
      Of a kernel at finite width: full [O, O], its trace divided by O (default), or its diagonal [O].
      """)
  var givenOutputs: KernelOutputs?

  @Option(
    help: "θ of a kernel at finite width: file.safetensors[:prefix.] (default: drawn from --seed).")
  var parameters: String?

  @Option(
    help: "Where an expansion is made, θ0, for the kernel of --order: file.safetensors[:prefix.].")
  var center: String?

  @Option(help: "Kernel of the expansion of this order around --center, 1 to 8.")
  var order: Int?

  @Option(
    help: ArgumentHelp(
      "Mean over so many networks, drawn from --seed and the seeds behind it.", valueName: "n"))
  var samples: Int?

  @Option(help: "File for the standard errors of that mean, of the kernel's shape.")
  var standardError: String?

  @Option(
    help: "Vectors [V, n2, O] to multiply the kernel with, without computing it.")
  var vectors: String?

  @Option(
    help: ArgumentHelp(
      "Memory of a pass over examples at finite width, in MiB; more is cut in strips.",
      valueName: "MiB"))
  var passMemory = EmpiricalKernel.defaultPassBytes >> 20

  func validate() throws {
    guard (center == nil) == (order == nil) else {
      throw ValidationError("--center and --order go together")
    }
    guard center == nil || parameters != nil else {
      throw ValidationError("--order needs --parameters, the point θ")
    }
    if let order, !(1...8).contains(order) {
      throw ValidationError("--order takes 1 to 8, not \(order)")
    }
    if let samples {
      guard samples >= 2 else { throw ValidationError("--samples takes 2 or more, not \(samples)") }
      guard parameters == nil else {
        throw ValidationError(
          "--samples draws parameters from --seed on; leave --parameters out")
      }
    }
    guard standardError == nil || samples != nil else {
      throw ValidationError("--standard-error needs --samples, the number of networks")
    }
    guard vectors == nil || samples == nil && order == nil else {
      throw ValidationError("--vectors goes without --samples and --order")
    }
    guard vectors == nil || givenOutputs ?? .full == .full else {
      throw ValidationError(
        "--vectors are multiplied by the kernel between all outputs; leave --outputs out")
    }
    guard (1...(1 << 40)).contains(passMemory) else {
      throw ValidationError("--pass-memory takes a positive number, not \(passMemory)")
    }
  }

  var outputs: KernelOutputs { givenOutputs ?? .trace }
  private var passBytes: Int { passMemory << 20 }

  /// The options that only a kernel at finite width has, as far as they are given.
  var given: [String] {
    [
      ("--outputs", givenOutputs != nil), ("--parameters", parameters != nil),
      ("--center", center != nil), ("--order", order != nil), ("--samples", samples != nil),
      ("--standard-error", standardError != nil), ("--vectors", vectors != nil),
    ].filter(\.1).map(\.0)
  }

  /// The files that these options read.
  var inputFiles: [(option: String, argument: String?)] {
    [("--parameters", parameters), ("--center", center), ("--vectors", vectors)]
  }

  /// - Parameters:
  ///   - x1: [n1, features].
  ///   - x2: nil for x1 itself.
  func makeKernel(
    _ network: Network, _ kind: KernelKind, _ x1: Matrix, _ x2: Matrix?, seed: UInt64,
    type: ScalarType, on device: any Backend
  ) throws -> any TiledKernel {
    guard let samples else {
      return try empirical(network, kind, x1, x2, seed: seed, type: type, on: device)
    }
    let kernel = try MonteCarloKernel(
      network, kind, x1, x2, outputs: outputs, samples: samples, seed: seed, passBytes: passBytes,
      on: device)
    kernel.keepsStandardErrors = standardError != nil
    return kernel
  }

  /// Writes what `--standard-error` asks for, once the kernel's blocks are computed.
  func writeStandardErrors(of kernel: any TiledKernel) throws {
    guard let standardError, let kernel = kernel as? MonteCarloKernel else { return }
    try ArrayFiles.write(
      try kernel.standardErrors(), shape: kernel.shape, kernel.type, to: standardError)
  }

  /// Writes Θ(x1, x2)·v for `--vectors`, [V, n1, O]; gives its shape, nil without `--vectors`.
  func writeProducts(
    _ network: Network, _ kind: KernelKind, _ x1: Matrix, _ x2: Matrix?, seed: UInt64,
    type: ScalarType, to output: String, on device: any Backend
  ) throws -> [Int]? {
    guard let vectors else { return nil }
    let array = try ArrayFiles.finite(vectors)
    let block = [(x2 ?? x1).rows, network.outputCount]
    guard array.count > 0, array.shape == block || Array(array.shape.dropFirst()) == block else {
      throw NetworkError(
        "the vectors in \(vectors) have shape \(array.shape); give [V, \(block[0]), \(block[1])]")
    }
    let count = array.count / (block[0] * block[1])
    let kernel = try empirical(network, kind, x1, x2, seed: seed, type: type, on: device)
    let products = try kernel.products(
      device.matrix(count * block[0], block[1], type, array.doubles()), count: count)
    let shape = [count, x1.rows, network.outputCount]
    try ArrayFiles.write(try device.download(products), shape: shape, type, to: output)
    return shape
  }

  private func empirical(
    _ network: Network, _ kind: KernelKind, _ x1: Matrix, _ x2: Matrix?, seed: UInt64,
    type: ScalarType, on device: any Backend
  ) throws -> EmpiricalKernel {
    let count = network.parameterCount
    func kernel(_ point: Matrix, _ expansion: EmpiricalKernel.Expansion?) throws -> EmpiricalKernel
    {
      try EmpiricalKernel(
        network, kind, at: point, x1, x2, outputs: outputs, expansion: expansion,
        passBytes: passBytes, on: device)
    }
    guard let parameters else {
      let point = try device.matrix(1, count, type)
      try network.initialize(point, seed: seed, on: device)
      return try kernel(point, nil)
    }
    guard let center, let order else {
      return try kernel(
        try ParameterSet(parsing: parameters).matrix(network, type, on: device), nil)
    }
    let end = try ParameterSet(parsing: parameters).vector(network)
    let start = try ParameterSet(parsing: center).vector(network)
    try network.checkStatistics(start, end)
    // The difference of what the run's type holds, rounded once.
    let difference = zip(end, start).map { type.round($0) - type.round($1) }
    return try kernel(
      try device.matrix(1, count, type, start),
      EmpiricalKernel.Expansion(
        displacement: try device.matrix(1, count, type, difference), order: order))
  }
}

extension KernelOutputs: ExpressibleByArgument {}
