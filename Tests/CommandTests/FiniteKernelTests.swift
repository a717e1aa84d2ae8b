import Maclaurin
import Testing

/// `kernel --width finite` with what only it has: vectors, expansions, means over initialisations.
struct FiniteKernelTests {
  private func run(
    _ arguments: [String], _ output: String, in folder: TemporaryFolder
  ) throws -> (shape: [Int], values: [Double]) {
    let outcome = try Command.run(
      ["kernel", "--width", "finite", "--dtype", "float64", "--output", output, "--json"]
        + arguments, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try folder.array(output)
  }

  private func relative(_ a: [Double], _ b: [Double]) -> Double {
    func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    return norm(zip(a, b).map { $0 - $1 }) / norm(b)
  }

  /// Θ(x1, x2)·v from products with J alone is the golden kernel times v.
  @Test(arguments: ["empirical-mlp", "empirical-cnn"], ["openblas", "opencl"])
  func vectors(_ name: String, _ backend: String) throws {
    let (folder, golden) = (try TemporaryFolder(), try Golden(name))
    let (kernel, shape) = (
      try golden.values("ntk.12"), try golden.file.tensor("ntk.12").shape
    )
    let (n1, n2, o) = (shape[0], shape[1], shape[2])
    let vectors = (0..<2 * n2 * o).map { Double(($0 * 37) % 19 - 9) / 8 }
    try folder.write("v.npy", vectors, shape: [2, n2, o])
    let products = try run(
      [
        "--network", golden.network, "--parameters", golden.argument("theta0."), "--inputs",
        golden.argument("x1"), "--inputs2", golden.argument("x2"), "--vectors", "v.npy",
        "--backend", backend,
      ], "p.npy", in: folder)
    #expect(products.shape == [2, n1, o])
    var expected: [Double] = []
    for v in 0..<2 {
      for e in 0..<n1 {
        for p in 0..<o {
          var sum = 0.0
          for f in 0..<n2 {
            for q in 0..<o {
              sum += kernel[((e * n2 + f) * o + p) * o + q] * vectors[(v * n2 + f) * o + q]
            }
          }
          expected.append(sum)
        }
      }
    }
    #expect(relative(products.values, expected) < 1e-12)
  }

  /// The kernel of f_k at θ approaches the network's own at θ as k grows.
  @Test func expansions() throws {
    let (folder, golden) = (try TemporaryFolder(), try Golden("jet-mlp-tanh"))
    func kernel(_ more: [String], _ output: String) throws -> [Double] {
      try run(
        [
          "--network", golden.network, "--parameters", golden.argument("theta."), "--inputs",
          golden.argument("x"), "--outputs", "full",
        ] + more, output, in: folder
      ).values
    }
    let own = try kernel([], "own.npy")
    let errors = try [1, 2, 4, 8].map { order in
      relative(
        try kernel(
          ["--center", golden.argument("theta0."), "--order", String(order)], "k\(order).npy"), own)
    }
    #expect(errors[0] > 1e-3, "\(errors)")
    for (larger, smaller) in zip(errors, errors.dropFirst()) {
      #expect(smaller < 0.75 * larger, "\(errors)")
    }
    #expect(errors[3] < errors[0] / 100, "\(errors)")
    let center = try run(
      [
        "--network", golden.network, "--parameters", golden.argument("theta0."), "--inputs",
        golden.argument("x"), "--outputs", "full",
      ], "center.npy", in: folder)
    #expect(center.values == (try folder.array("k1.npy").values))
  }

  /// The mean over seeds 5, 6 and 7 is that of three kernels, and a kernel without parameters is that of
  /// what `init` writes.
  @Test func samples() throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", (0..<12).map { Double($0 * 7 % 11) / 8 }, shape: [4, 3])
    let base = ["--model", "mlp:9x2", "--preset-outputs", "2", "--inputs", "x.npy"]
    let draws = try (5...7).map {
      try run(base + ["--seed", String($0)], "k\($0).npy", in: folder).values
    }
    let mean = try run(
      base + ["--seed", "5", "--samples", "3", "--standard-error", "e.npy", "--tile", "3"],
      "m.npy", in: folder)
    let expected = mean.values.indices.map { cell in draws.reduce(0) { $0 + $1[cell] } / 3 }
    #expect(mean.shape == [4, 4] && relative(mean.values, expected) < 1e-14)
    let errors = expected.indices.map { cell -> Double in
      let squares = draws.map { ($0[cell] - expected[cell]) * ($0[cell] - expected[cell]) }
      return (squares.reduce(0, +) / 6).squareRoot()
    }
    let found = try folder.array("e.npy")
    #expect(found.shape == [4, 4] && relative(found.values, errors) < 1e-12)

    let outcome = try Command.run(
      [
        "init", "--model", "mlp:9x2", "--inputs", "3", "--outputs", "2", "--seed", "6", "--output",
        "p.safetensors", "--dtype", "float64", "--json",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let given = try run(base + ["--parameters", "p.safetensors"], "g.npy", in: folder)
    #expect(given.values == draws[1])
  }

  @Test(arguments: [
    (["--order", "2"], ["--center", "--order"]),
    (["--center", "p.safetensors", "--order", "2"], ["--parameters"]),
    (
      ["--center", "p.safetensors", "--order", "9", "--parameters", "p.safetensors"],
      ["--order", "1 to 8", "9"]
    ),
    (["--samples", "1"], ["--samples", "2 or more"]),
    (["--samples", "3", "--parameters", "p.safetensors"], ["--samples", "--parameters"]),
    (["--standard-error", "e.npy"], ["--standard-error", "--samples"]),
    (["--vectors", "x.npy", "--outputs", "trace"], ["--vectors", "--outputs"]),
    (["--vectors", "x.npy", "--samples", "3"], ["--vectors", "--samples"]),
    (["--vectors", "x.npy"], ["x.npy", "[4, 3]", "[V, 4, 1]"]),
    (["--vectors", "v.npy", "--kind", "nngp"], ["ntk"]),
    (["--pass-memory", "0"], ["--pass-memory", "0"]),
  ])
  func badArguments(_ arguments: [String], _ words: [String]) throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", (0..<12).map { Double($0) }, shape: [4, 3])
    try folder.write("v.npy", [1, 2, 3, 4], shape: [1, 4, 1])
    let outcome = try Command.run(
      ["kernel", "--model", "mlp:9x2", "--width", "finite", "--inputs", "x.npy"]
        + ["--output", "k.npy"] + arguments, in: folder)
    #expect(outcome.status == 1 || outcome.status == 2)
    for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
  }
}
