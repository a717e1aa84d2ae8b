import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `kernel`: golden kernels, shares, plans, and what goes beside kernels.
struct KernelTests {
  static let backends = ["openblas", "opencl"]

  private func kernel(
    _ arguments: [String], in folder: TemporaryFolder, _ shape: [Int],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [Double] {
    let outcome = try Command.run(
      ["kernel", "--output", "k.npy", "--json", "--quiet"] + arguments, in: folder)
    #expect(
      outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)",
      sourceLocation: sourceLocation)
    let array = try folder.array("k.npy")
    #expect(array.shape == shape, sourceLocation: sourceLocation)
    #expect(
      try outcome.json["shape"] == .array(shape.map { .number(Double($0)) }),
      sourceLocation: sourceLocation)
    return array.values
  }

  @Test(
    arguments: [
      "kernel-mlp-relu-ntk", "kernel-mlp-relu-standard", "kernel-mlp-relu-improved",
      "kernel-mlp-erf-ntk", "kernel-mlp-erf-standard",
    ], backends)
  func infiniteWidth(_ name: String, _ backend: String) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden(name)
    let rows = try (1...2).map { try golden.file.tensor("x\($0)").shape[0] }
    for kind in ["nngp", "ntk"] {
      for (a, b) in [(1, 1), (1, 2)] {
        var arguments = [
          "--network", golden.network, "--kind", kind, "--inputs", golden.argument("x\(a)"),
          "--backend", backend, "--tile", "4",
        ]
        if a != b { arguments += ["--inputs2", golden.argument("x\(b)")] }
        expectClose(
          try kernel(arguments, in: folder, [rows[a - 1], rows[b - 1]]),
          try golden.values("\(kind).\(a)\(b)"), relative: 1e-12, "\(kind).\(a)\(b)")
      }
    }
  }

  @Test(arguments: ["empirical-mlp", "empirical-cnn"], backends)
  func finiteWidth(_ name: String, _ backend: String) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden(name)
    let outputs = try golden.description().outputCount
    let rows = try (1...2).map { try golden.file.tensor("x\($0)").shape[0] }
    for (a, b) in [(1, 1), (1, 2)] {
      var arguments = [
        "--network", golden.network, "--width", "finite", "--parameters",
        golden.argument("theta0."), "--inputs", golden.argument("x1"), "--dtype", "float64",
        "--backend", backend, "--tile", "2",
      ]
      if b == 2 { arguments += ["--inputs2", golden.argument("x2")] }
      let (n, m) = (rows[a - 1], rows[b - 1])
      let expected = try golden.values("ntk.\(a)\(b)")
      expectClose(
        try kernel(arguments + ["--outputs", "full"], in: folder, [n, m, outputs, outputs]),
        expected, relative: 1e-10, "full \(a)\(b)")
      let diagonal = (0..<n * m).flatMap { pair in
        (0..<outputs).map { expected[(pair * outputs + $0) * outputs + $0] }
      }
      expectClose(
        try kernel(arguments + ["--outputs", "diagonal"], in: folder, [n, m, outputs]),
        diagonal, relative: 1e-10, "diagonal \(a)\(b)")
      let trace = (0..<n * m).map { pair in
        diagonal[pair * outputs..<(pair + 1) * outputs].reduce(0, +) / Double(outputs)
      }
      expectClose(
        try kernel(arguments, in: folder, [n, m]), trace, relative: 1e-10, "trace \(a)\(b)")
    }
  }

  /// Presets take their input from the inputs' shape; types are float64 and float32 by default.
  @Test func presets() throws {
    let folder = try TemporaryFolder()
    let inputs = sampleInputs(12 * 8, modulus: 13)
    try folder.write("x.npy", inputs, shape: [12, 8])
    try folder.write("i.npy", inputs, shape: [4, 1, 4, 6])
    let model = ["--model", "mlp:32x2", "--activation", "erf", "--parameterization", "ntk"]
    let values = try kernel(model + ["--inputs", "x.npy"], in: folder, [12, 12])
    let network = try Network(
      NetworkPreset(parsing: "mlp:32x2")!.description(
        input: [8], outputs: 1, activation: .erf, parameterization: .ntk, weightStd: 1, biasStd: 0))
    expectClose(
      values, try InfiniteWidthKernel(network.description)(inputs, inputs).ntk, relative: 1e-12,
      "the library's")
    #expect(try ArrayArgument(parsing: "\(folder.path)/k.npy").read().elementType == .float64)
    _ = try kernel(model + ["--inputs", "x.npy", "--dtype", "float32"], in: folder, [12, 12])
    #expect(try ArrayArgument(parsing: "\(folder.path)/k.npy").read().elementType == .float32)
    _ = try kernel(
      [
        "--model", "cnn:4x1", "--width", "finite", "--inputs", "i.npy", "--preset-outputs", "3",
        "--outputs", "full",
      ], in: folder, [4, 4, 3, 3])
    #expect(try ArrayArgument(parsing: "\(folder.path)/k.npy").read().elementType == .float32)
  }

  /// A mean over initialisations, its standard errors, and products with vectors, from kernels of one
  /// seed each.
  @Test func meansAndProducts() throws {
    let folder = try TemporaryFolder()
    let (n, outputs) = (7, 2)
    try folder.write("x.npy", sampleInputs(n * 5, modulus: 29), shape: [n, 5])
    let arguments = [
      "--model", "mlp:6x1", "--activation", "tanh", "--width", "finite", "--inputs", "x.npy",
      "--preset-outputs", "\(outputs)", "--outputs", "full", "--dtype", "float64", "--tile", "4",
    ]
    let shape = [n, n, outputs, outputs]
    let single = try (3..<7).map {
      try kernel(arguments + ["--seed", "\($0)"], in: folder, shape)
    }
    let mean = single[0].indices.map { place in
      single.map { $0[place] }.reduce(0, +) / 4
    }
    let errors = mean.indices.map { place in
      let squares = single.map { ($0[place] - mean[place]) * ($0[place] - mean[place]) }
      return (squares.reduce(0, +) / 12).squareRoot()
    }
    let many = arguments + ["--samples", "4", "--seed", "3"]
    expectClose(
      try kernel(many + ["--standard-error", "e.npy"], in: folder, shape), mean, relative: 1e-13,
      "mean")
    expectClose(try folder.array("e.npy").values, errors, relative: 1e-12, "standard errors")
    // Θ·v for two vectors.
    let vectors = sampleInputs(2 * n * outputs, modulus: 31)
    try folder.write("v.npy", vectors, shape: [2, n, outputs])
    let products = try kernel(
      Array(arguments.dropLast(2)) + ["--seed", "3", "--vectors", "v.npy"], in: folder,
      [2, n, outputs])
    var expected = [Double](repeating: 0, count: products.count)
    for v in 0..<2 {
      for i in 0..<n {
        for a in 0..<outputs {
          for j in 0..<n {
            for b in 0..<outputs {
              let theta = single[0][((i * n + j) * outputs + a) * outputs + b]
              expected[(v * n + i) * outputs + a] += theta * vectors[(v * n + j) * outputs + b]
            }
          }
        }
      }
    }
    expectClose(products, expected, relative: 1e-12, "products")
  }

  /// The kernel of an expansion of order 1 is the network's at its center; that of order 2 moves.
  @Test func expansions() throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("jet-mlp-tanh")
    let arguments = [
      "--network", golden.network, "--width", "finite", "--inputs", golden.argument("x"), "--dtype",
      "float64", "--tile", "2",
    ]
    let rows = try golden.file.tensor("x").shape[0]
    func values(_ more: String...) throws -> [Double] {
      try kernel(arguments + more, in: folder, [rows, rows])
    }
    let (start, end) = (golden.argument("theta0."), golden.argument("theta."))
    let center = try values("--parameters", start)
    func expansion(_ order: String) throws -> [Double] {
      try values("--parameters", end, "--center", start, "--order", order)
    }
    expectClose(try expansion("1"), center, relative: 1e-12, "order 1")
    func distance(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    let moved = try values("--parameters", end)
    let distances = try ["1", "2", "4", "6"].map { try distance(expansion($0), moved) }
    #expect(distances == distances.sorted(by: >) && distances[3] < 0.1 * distances[0])
  }

  /// Shares of different back ends, merged, have the bits of one run.
  @Test func shares() throws {
    let folder = try TemporaryFolder()
    let inputs: [Double] = sampleInputs(31 * 6, modulus: 101)
    try folder.write("x.npy", inputs, shape: [31, 6])
    let arguments = [
      "--model", "mlp:24x2", "--width", "finite", "--inputs", "x.npy", "--tile", "4", "--outputs",
      "diagonal", "--preset-outputs", "3", "--seed", "7",
    ]
    _ = try kernel(arguments + ["--backend", "openblas"], in: folder, [31, 31, 3])
    let whole = try folder.bytes("k.npy")
    var shares: [String] = []
    for (index, backend) in ["openblas", "opencl", "auto"].enumerated() {
      let outcome = try Command.run(
        [
          "kernel", "--output", "s.npy", "--json", "--shard", "\(index + 1)/3", "--backend",
          backend,
        ]
          + arguments, in: folder)
      #expect(try outcome.text("shard") == "\(index + 1)/3", "\(outcome.errors)")
      #expect(try outcome.text("output") == "s.shard-\(index + 1)-of-3.safetensors")
      shares.append(try outcome.text("output"))
      #expect(try outcome.number("tiles") == 12)
    }
    expectSentence(
      try Command.run(["kernel", "merge", "--output", "m.npy", shares[2], shares[0]], in: folder),
      "2/3", "missing")
    #expect(!folder.names().contains { $0.hasPrefix("m.npy") })
    let merged = try Command.run(
      ["kernel", "merge", "--output", "m.npy", "--json"] + shares.reversed(), in: folder)
    #expect(merged.status == 0 && merged.errors.isEmpty, "\(merged.errors)")
    #expect(try merged.number("shards") == 3 && merged.text("kind") == "ntk")
    #expect(try folder.bytes("m.npy") == whole)
    expectSentence(
      try Command.run(["kernel", "merge", "--output", shares[0]] + shares, in: folder),
      "is named by", "--output", status: 1)
    expectSentence(
      try Command.run(["kernel", "merge", "--output", "m.npy"], in: folder), "shards", status: 2)
  }

  @Test func plans() throws {
    let folder = try TemporaryFolder()
    let inputs = sampleInputs(200 * 4, modulus: 17)
    try folder.write("x.npy", inputs, shape: [200, 4])
    let arguments = [
      "kernel", "--model", "mlp:24x2", "--width", "finite", "--inputs", "x.npy", "--output",
      "k.npy",
      "--outputs", "full", "--preset-outputs", "5", "--backend", "openblas", "--plan",
    ]
    func plan(_ more: String...) throws -> Command.Outcome {
      try Command.run(arguments + ["--json"] + more, in: folder)
    }
    let whole = try plan()
    #expect(try whole.number("bytes") == 200 * 200 * 25 * 4, "\(whole.errors)")
    #expect(try whole.number("tiles") == 1 && whole.number("tile_rows") == 256)
    #expect(try whole.number("flops") > 2 * 200 * 200 * 25 / 2)
    #expect(try whole.number("estimated_seconds") > 0)
    #expect(folder.names() == ["x.npy"])
    let less = try plan("--memory-limit", "72MiB")
    #expect(try less.number("peak_bytes") <= 72 * 0x1p20)
    #expect(try less.number("peak_bytes") < whole.number("peak_bytes"))
    #expect(try less.number("tiles") > 1)
    let share = try plan("--memory-limit", "72MiB", "--shard", "1/2")
    let half = try share.number("tiles") / less.number("tiles")
    #expect((0.4...0.5).contains(half), "\(share.output)")
    #expect(try share.number("flops") < less.number("flops"))
    let table = try Command.run(arguments, in: folder)
    #expect(table.output.contains("estimated time") && table.output.contains("3.8 MiB"))
  }
}
