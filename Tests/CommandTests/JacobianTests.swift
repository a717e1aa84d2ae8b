import Maclaurin
import Testing

/// `jvp` and `vjp` against the golden empirical tangent kernel Θ = J Jᵀ and each other.
struct JacobianTests {
  static let backends = ["openblas", "opencl"]

  private struct Case {
    let golden: Golden
    let rows: Int
    let outputs: Int
    let parameters: Int

    init() throws {
      golden = try Golden("empirical-mlp")
      let network = try golden.description()
      rows = try golden.file.tensor("x1").shape[0]
      outputs = network.outputCount
      parameters = network.parameterCount
    }

    func run(
      _ verb: String, _ vectors: String, _ output: String, inputs: String = "x1",
      _ more: [String], in folder: TemporaryFolder
    ) throws {
      let outcome = try Command.run(
        [
          verb, "--network", golden.network, "--parameters", golden.argument("theta0."),
          verb == "jvp" ? "--tangents" : "--cotangents", vectors, "--inputs",
          golden.argument(inputs), "--output", output, "--dtype", "float64", "--json",
        ] + more, in: folder)
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      #expect(
        try outcome.json["shape"]
          == .array(folder.array(output).shape.map { .number(Double($0)) }))
    }
  }

  private func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Rows of the Jacobian by V cotangents at once: ⟨Jᵀuᵢ, Jᵀuⱼ⟩ = Θᵢⱼ.
  @Test(arguments: backends)
  func tangentKernel(_ backend: String) throws {
    let folder = try TemporaryFolder()
    let setup = try Case()
    let (n, o, p) = (setup.rows, setup.outputs, setup.parameters)
    let count = n * o
    var units = [Double](repeating: 0, count: count * count)
    for v in 0..<count { units[v * count + v] = 1 }
    try folder.write("u.npy", units, shape: [count, n, o])
    try setup.run("vjp", "u.npy", "rows.npy", ["--backend", backend], in: folder)
    let (shape, rows) = try folder.array("rows.npy")
    #expect(shape == [count, p])
    // ntk.11 [n, n, O, O]
    let golden = try setup.golden.values("ntk.11")
    var kernel = [Double](repeating: 0, count: golden.count)
    for a in 0..<count {
      for b in 0..<count {
        let index = ((a / o * n + b / o) * o + a % o) * o + b % o
        kernel[index] = dot(rows[a * p..<(a + 1) * p], rows[b * p..<(b + 1) * p])
      }
    }
    expectClose(kernel, golden, relative: 1e-10, "J Jᵀ on \(backend)")

    // Columns by V tangents: push ∘ pull is a column of the kernel.
    try setup.run("jvp", "rows.npy", "columns.npy", ["--backend", backend], in: folder)
    let (columnShape, columns) = try folder.array("columns.npy")
    #expect(columnShape == [count, n, o])
    var pushed = [Double](repeating: 0, count: golden.count)
    for a in 0..<count {
      for b in 0..<count {
        pushed[((a / o * n + b / o) * o + a % o) * o + b % o] = columns[a * count + b]
      }
    }
    expectClose(pushed, golden, relative: 1e-10, "J(Jᵀu) on \(backend)")

    // Against other inputs: ntk.12.
    try setup.run("jvp", "rows.npy", "other.npy", inputs: "x2", ["--backend", backend], in: folder)
    let (otherShape, other) = try folder.array("other.npy")
    let n2 = otherShape[1]
    var cross = [Double](repeating: 0, count: n * n2 * o * o)
    for a in 0..<count {
      for b in 0..<(n2 * o) {
        cross[((a / o * n2 + b / o) * o + a % o) * o + b % o] = other[a * n2 * o + b]
      }
    }
    expectClose(cross, try setup.golden.values("ntk.12"), relative: 1e-10, "ntk.12")
  }

  /// One direction alone has the bits it has among three, and one without a batch axis too.
  @Test(arguments: backends)
  func batchesOfDirections(_ backend: String) throws {
    let folder = try TemporaryFolder()
    let setup = try Case()
    let (n, o, p) = (setup.rows, setup.outputs, setup.parameters)
    let tangents = (0..<3 * p).map { Double(($0 * 7919) % 101) / 50 - 1 }
    let cotangents = (0..<3 * n * o).map { Double(($0 * 104_729) % 89) / 40 - 1 }
    for type in ["float32", "float64"] {
      let more = ["--backend", backend, "--dtype", type]
      try folder.write("v3.npy", tangents, shape: [3, p])
      try folder.write("u3.npy", cotangents, shape: [3, n, o])
      try setup.run("jvp", "v3.npy", "jvp3.npy", more, in: folder)
      try setup.run("vjp", "u3.npy", "vjp3.npy", more, in: folder)
      let (pushed, pulled) = (try folder.array("jvp3.npy"), try folder.array("vjp3.npy"))
      #expect(pushed.shape == [3, n, o] && pulled.shape == [3, p])
      // The first without a batch axis; the last with one.
      for v in [0, 2] {
        let shape = v == 0 ? [p] : [1, p]
        try folder.write("v1.npy", Array(tangents[v * p..<(v + 1) * p]), shape: shape)
        let block = Array(cotangents[v * n * o..<(v + 1) * n * o])
        try folder.write("u1.npy", block, shape: v == 0 ? [n, o] : [1, n, o])
        try setup.run("jvp", "v1.npy", "jvp1.npy", more, in: folder)
        try setup.run("vjp", "u1.npy", "vjp1.npy", more, in: folder)
        let (push, pull) = (try folder.array("jvp1.npy"), try folder.array("vjp1.npy"))
        #expect(push.shape == [1, n, o] && pull.shape == [1, p])
        #expect(push.values == Array(pushed.values[v * n * o..<(v + 1) * n * o]), "\(type) \(v)")
        #expect(pull.values == Array(pulled.values[v * p..<(v + 1) * p]), "\(type) \(v)")
        // ⟨u, Jv⟩ = ⟨Jᵀu, v⟩
        guard type == "float64" else { continue }
        let left = dot(block[...], push.values[...])
        let right = dot(pull.values[...], tangents[v * p..<(v + 1) * p])
        expectClose([left], [right], relative: 1e-11, "adjoint identity")
      }
    }
  }
}
