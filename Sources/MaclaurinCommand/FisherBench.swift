import ArgumentParser
import Maclaurin

struct BenchFisher: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fisher",
    abstract: "A product with the Fisher information against one with J and one with Jᵀ.",
    discussion: """
      Random data that stays on the device, one vector; the three take turns, medians over --repeats. \
      Errors are relative, against the product in float64 on the CPU path: of the exact product, and of \
      the published method, which differentiates a divergence at θ + εv (ε = 1e-4) and divides by ε. \
      H is that of the softmax (of one output: 1).
      """)

  @OptionGroup var network: NetworkBenchOptions
  @Option(help: "Measurements of each product.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  func run() throws {
    let device = try backend.makeBackend(output)
    let bench = try FisherBench(
      network.parsedNetwork(), examples: network.batchSize, backend.scalarType(), on: device)
    let times = try bench.measure(repeats: repeats)
    let host = try BackendSelection.openblas.makeBackend(
      numerics: .reproducible, threads: backend.threads)
    let errors = try bench.errors(on: host)
    let ratio = times.fvp / (times.jvp + times.vjp)
    var rows = [
      ["product", "ms", "relative error"],
      ["J v", fixed(times.jvp * 1e3, 3), ""], ["Jᵀ u", fixed(times.vjp * 1e3, 3), ""],
      ["F v", fixed(times.fvp * 1e3, 3), String(Float(errors.exact))],
    ]
    for (epsilon, error) in errors.differences {
      rows.append(["differences, ε = \(epsilon)", "", String(Float(error))])
    }
    output.show(table(rows) + "\nF v takes \(fixed(ratio, 3)) of the time of J v and Jᵀ u")
    guard output.json else { return }
    Console.json([
      "fvp_ms": .number(times.fvp * 1e3), "jvp_ms": .number(times.jvp * 1e3),
      "vjp_ms": .number(times.vjp * 1e3), "ratio": .number(ratio),
      "error": .number(errors.exact),
      "finite_difference_error": .number(errors.published),
      "finite_differences": .array(
        errors.differences.map {
          .object(["epsilon": .number($0.epsilon), "error": .number($0.error)])
        }),
      "parameters": .number(Double(bench.network.parameterCount)),
      "backend": .string(device.name), "dtype": .string(bench.type.rawValue),
    ])
  }
}

/// The three products of one network with random data.
struct FisherBench {
  let network: Network
  let type: ScalarType
  private let backend: any Backend
  private let likelihood: OutputLikelihood
  private let center, inputs, v, u: Matrix

  init(_ network: Network, examples: Int, _ type: ScalarType, on backend: any Backend) throws {
    (self.network, self.type, self.backend) = (network, type, backend)
    likelihood = network.outputCount > 1 ? .softmax : .gaussian
    center = try backend.matrix(1, network.parameterCount, type)
    try network.initialize(center, seed: 0, on: backend)
    var tensor = 0
    func random(_ rows: Int, _ columns: Int) throws -> Matrix {
      let matrix = try backend.matrix(rows, columns, type)
      try backend.run(
        .randomFill(
          RandomFill(matrix, .normal, seed: 2, purpose: .test, tensor: tensor)))
      tensor += 1
      return matrix
    }
    inputs = try random(examples, network.inputCount)
    v = try random(1, network.parameterCount)
    u = try random(examples, network.outputCount)
  }

  /// Median seconds.
  func measure(repeats: Int) throws -> (fvp: Double, jvp: Double, vjp: Double) {
    let fisher = try FisherInformation(
      LinearizedNetwork(network, at: center, on: backend), likelihood, inputs)
    let product = try backend.matrix(1, network.parameterCount, type)
    let cotangents = try backend.matrix(u.rows, u.columns, type)
    let bodies: [() throws -> Void] = [
      { try fisher.apply(v, into: product) },
      {
        _ = try network.jacobianVectorProducts(inputs, at: center, along: v, on: backend)
      },
      {
        _ = try network.vectorJacobianProducts(
          cotangents, inputs, at: center, directions: 1, on: backend)
      },
    ]
    var times = bodies.map { _ in Measurement() }
    for _ in 0..<repeats {
      for (index, body) in bodies.enumerated() {
        // The first of two wakes threads and warms caches. A pass back uses up its cotangents.
        for isMeasured in [false, true] {
          try backend.run(.linearCombination(LinearCombination(cotangents, 1, u)))
          try backend.finish()
          if isMeasured {
            try times[index].add {
              try body()
              try backend.finish()
            }
          } else {
            try body()
            try backend.finish()
          }
        }
      }
    }
    return (times[0].median, times[1].median, times[2].median)
  }

  /// Relative errors against float64 on another back end: of the exact product, and of differences.
  func errors(
    on host: any Backend
  ) throws -> (exact: Double, published: Double, differences: [(epsilon: Double, error: Double)]) {
    func copy(_ x: Matrix) throws -> Matrix {
      try host.matrix(x.rows, x.columns, .float64, backend.download(x))
    }
    let exact = try FisherInformation(
      LinearizedNetwork(network, at: copy(center), on: host), likelihood, copy(inputs))
    let product = try host.matrix(1, network.parameterCount, .float64)
    try exact.apply(copy(v), into: product)
    let reference = try host.download(product)
    func error(_ x: Matrix) throws -> Double {
      let values = try backend.download(x)
      var (difference, size) = (0.0, 0.0)
      for index in values.indices {
        let gap = values[index] - reference[index]
        difference += gap * gap
        size += reference[index] * reference[index]
      }
      return (difference / size).squareRoot()
    }
    let mine = try backend.matrix(1, network.parameterCount, type)
    try FisherInformation(
      LinearizedNetwork(network, at: center, on: backend), likelihood, inputs
    ).apply(v, into: mine)
    let rival = try FiniteDifferenceFisher(
      network, at: center, likelihood, inputs, on: backend)
    var differences: [(epsilon: Double, error: Double)] = []
    for epsilon in [1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
      differences.append((epsilon, try error(rival.product(v, epsilon: epsilon))))
    }
    return (try error(mine), differences[2].error, differences)
  }
}
