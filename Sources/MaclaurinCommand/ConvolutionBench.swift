import ArgumentParser
import Maclaurin

struct BenchConvolution: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convolution",
    abstract: "A convolution against one contraction of the same flops.",
    discussion: """
      Forward, adjoint and gradient of one 'same' convolution at order full, each beside the \
      contraction that it would be if its patches lay in memory; medians over --repeats, taking \
      turns.
      """)

  @Option(help: "Channels in and out.") var channels = 128
  @Option(help: "Height and width of the image.") var size = 32
  @Option(help: "Height and width of the kernel.") var kernel = 3
  @Option(help: "Step of the kernel.") var stride = 1
  @Option(help: "Images.") var batchSize = 64
  @Option(help: "Measurements of each.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
    guard min(channels, size, kernel, stride, batchSize) >= 1,
      max(channels, size, kernel, stride, batchSize) <= 1 << 14
    else { throw ValidationError("the sizes of a convolution are 1 to \(1 << 14)") }
  }

  func run() throws {
    let bench = try ConvolutionBench(self, on: backend.makeBackend())
    var rows = [["", "convolution GFLOP/s", "contraction GFLOP/s", "ratio"]]
    var members: [String: JSONValue] = ["backend": .string(bench.backend.name)]
    for (name, ours, theirs) in try bench.measure(repeats: repeats) {
      let rates = [ours, theirs].map { bench.flops / $0 / 1e9 }
      rows.append([name, fixed(rates[0], 1), fixed(rates[1], 1), fixed(theirs / ours, 2)])
      members[name] = .object([
        "gflops": .number(rates[0]), "contraction_gflops": .number(rates[1]),
        "ratio": .number(theirs / ours),
      ])
    }
    if output.json { Console.json(members) } else { print(table(rows)) }
  }
}

/// The operands of one convolution and of the contractions with its flops.
private struct ConvolutionBench {
  let backend: any Backend
  let algebra: JetAlgebra
  let geometry: ConvolutionGeometry
  let x: Jet
  let cotangent: Jet
  let weight: TensorJet
  let gradient: Matrix
  let patches: Matrix

  /// Of each of the three products.
  var flops: Double {
    2 * Double(cotangent.block) * Double(geometry.patchCount) * Double(weight.center.rows)
  }

  init(_ options: BenchConvolution, on backend: any Backend) throws {
    let type = try options.backend.scalarType()
    self.backend = backend
    algebra = JetAlgebra(backend, order: 0)
    let (size, kernel, stride) = (options.size, options.kernel, options.stride)
    let output = (size + stride - 1) / stride
    geometry = ConvolutionGeometry(
      input: .init(size, size), kernel: .init(kernel, kernel), stride: .init(stride, stride),
      top: max(0, (output - 1) * stride + kernel - size) / 2,
      left: max(0, (output - 1) * stride + kernel - size) / 2, output: .init(output, output),
      channels: options.channels)
    func random(_ rows: Int, _ columns: Int, _ number: Int) throws -> Matrix {
      let matrix = try backend.matrix(rows, columns, type)
      try backend.run(
        .randomFill(
          RandomFill(
            matrix.flat, .normal, factor: 1, seed: 1, purpose: .parameters, tensor: number)))
      return matrix
    }
    let (inputs, outputs) = (
      options.batchSize * geometry.input.count, options.batchSize * geometry.output.count
    )
    x = algebra.constant(try random(inputs, options.channels, 0), directions: 1)
    cotangent = Jet(
      try random(outputs, options.channels, 1), block: outputs, degree: 1, capacity: 1,
      hasZero: false)
    weight = TensorJet(center: try random(options.channels, geometry.patchCount, 2))
    gradient = try backend.matrix(options.channels, geometry.patchCount, type)
    patches = try random(outputs, geometry.patchCount, 3)
  }

  func measure(repeats: Int) throws -> [(name: String, ours: Double, theirs: Double)] {
    let whole = Contraction(
      patches, weight.center, into: cotangent.matrix, transposeB: true)
    func contraction(_ contraction: Contraction) -> () throws -> Void {
      { try backend.run(.contraction(contraction)) }
    }
    return [
      (
        "forward",
        try median(
          repeats,
          {
            let ordered = try algebra.kernelPositionsFirst(weight, geometry, directions: 1)
            _ = try algebra.convolve(x, ordered, geometry, factor: 1, capacity: 0)
          }, contraction(whole))
      ),
      (
        "gradient",
        try median(
          repeats,
          {
            try algebra.convolutionGradient(
              cotangent, x, geometry, factor: 1, scale: nil, into: gradient, stride: 0)
          },
          contraction(
            Contraction(cotangent.matrix, patches, into: gradient, transposeA: true)))
      ),
      (
        "adjoint",
        try median(
          repeats,
          {
            let ordered = try algebra.kernelPositionsFirst(weight, geometry, directions: 1)
            _ = try algebra.convolveAdjoint(
              cotangent, ordered, geometry, factor: 1, over: x, reuses: false)
          }, contraction(Contraction(cotangent.matrix, weight.center, into: patches)))
      ),
    ].map { ($0, $1[0], $1[1]) }
  }

  /// Median seconds of each, taking turns; the first two turns warm up.
  private func median(_ repeats: Int, _ bodies: (() throws -> Void)...) throws -> [Double] {
    var times = bodies.map { _ in Measurement() }
    for turn in 0..<(repeats + 2) {
      for (index, body) in bodies.enumerated() {
        var time = Measurement()
        try time.add {
          try body()
          try backend.finish()
        }
        if turn >= 2 { times[index].add(time.fastest) }
      }
    }
    return times.map(\.median)
  }
}
