import FoundationEssentials
import Maclaurin
import Testing

/// `fisher` and `bench fisher`.
struct FisherCommandTests {
  private func arguments(_ golden: Golden, _ more: [String]) -> [String] {
    [
      "fisher", "--network", golden.network, "--parameters",
      "\(golden.folder)/case.safetensors:theta0.", "--inputs", golden.argument("x1"), "--dtype",
      "float64", "--backend", "cpu", "--json",
    ] + more
  }

  /// Golden vectors have every bias before its weight.
  private func flat(_ stored: [Double], _ network: Network) -> [Double] {
    var (result, next) = (stored, 0)
    let tensors = network.parameters
    for index in stride(from: 0, to: tensors.count, by: 2) {
      for part in [tensors[index + 1], tensors[index]] {
        result.replaceSubrange(part.range, with: stored[next..<(next + part.count)])
        next += part.count
      }
    }
    return result
  }

  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func golden(_ name: String) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden(name)
    let network = try golden.description()
    let p = network.parameterCount
    let v = flat(try golden.values("fisher.v"), network)
    let expected = flat(try golden.values("fisher.product"), network)
    // A vector has its shape back, alone and beside others.
    for (rows, shape) in [(1, [p]), (3, [3, p])] {
      let all = (0..<rows).flatMap { row in v.map { $0 * Double(row + 1) } }
      try folder.write("v.npy", all, shape: shape)
      let outcome = try Command.run(
        arguments(
          golden, ["--likelihood", "softmax", "--vector", "v.npy", "--output", "f.npy"]),
        in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let found = try folder.array("f.npy")
      #expect(found.shape == shape)
      expectClose(
        found.values, (0..<rows).flatMap { row in expected.map { $0 * Double(row + 1) } },
        relative: 1e-9, "F v")
    }

    // The diagonal, the trace and all eigenvalues say the same.
    let outcome = try Command.run(
      arguments(
        golden,
        [
          "--likelihood", "softmax", "--diagonal", "d.npy", "--eigenvalues", "2",
          "--eigenvectors", "e.safetensors",
        ]), in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let diagonal = try folder.array("d.npy")
    #expect(diagonal.shape == [p])
    let trace = try outcome.number("trace")
    expectClose([diagonal.values.reduce(0, +)], [trace], relative: 1e-12, "trace")
    let file = try SafetensorsFile(folder.path + "/e.safetensors")
    let (values, vectors) = (
      try file.tensor("eigenvalues").doubles(), try file.tensor("eigenvectors").doubles()
    )
    #expect(try file.info("eigenvectors").shape == [2, p] && values.count == 2)
    #expect(values[0] >= values[1] && values[0] <= trace)
    // F x = λ x, by the command itself.
    try folder.write("x.npy", vectors, shape: [2, p])
    _ = try Command.run(
      arguments(golden, ["--likelihood", "softmax", "--vector", "x.npy", "--output", "y.npy"]),
      in: folder)
    let scaled = (0..<2 * p).map { vectors[$0] * values[$0 / p] }
    expectClose(try folder.array("y.npy").values, scaled, relative: 1e-7, "F x = λ x")

    // Only the last layer.
    _ = try Command.run(
      arguments(golden, ["--likelihood", "gaussian", "--diagonal", "l.npy", "--layers", "last"]),
      in: folder)
    let last = try folder.array("l.npy").values
    let first = network.parameters[network.parameters.count - 2].offset
    #expect(last[..<first].allSatisfy { $0 == 0 } && last[first...].contains { $0 > 0 })
  }

  @Test func refusals() throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("empirical-mlp")
    let p = try golden.description().parameterCount
    try folder.write("short.npy", [1, 2, 3], shape: [3])
    func run(_ more: String...) throws -> Command.Outcome {
      try Command.run(arguments(golden, more), in: folder)
    }
    expectSentence(
      try run("--likelihood", "softmax", "--vector", "short.npy", "--output", "f.npy"), "[3]",
      "[V, \(p)]")
    expectSentence(try run("--likelihood", "softmax"), "--diagonal", status: 2)
    expectSentence(
      try run("--likelihood", "softmax", "--vector", "short.npy"), "--output", status: 2)
    expectSentence(
      try run("--likelihood", "softmax", "--eigenvectors", "e.npy"), "--eigenvalues", status: 2)
    expectSentence(
      try run("--likelihood", "softmax", "--eigenvalues", "0"), "--eigenvalues", status: 2)
    expectSentence(
      try run(
        "--likelihood", "softmax", "--diagonal", "a.npy", "--eigenvalues", "1", "--eigenvectors",
        "a.npy"), "--diagonal", "--eigenvectors", status: 2)
    expectSentence(
      try run("--likelihood", "softmax", "--diagonal", "d.npy", "--layers", "nothing.*"),
      "nothing.*")
    try Array(
      #"{"input": [5], "layers": [{"dense": {"units": 1}}]}"#.utf8
    ).withUnsafeBytes { try Data($0).write(to: URL(filePath: folder.path + "/one.json")) }
    _ = try Command.run(
      "init", "--model", "one.json", "--seed", "1", "--output", "one.safetensors", in: folder)
    expectSentence(
      try Command.run(
        "fisher", "--network", "one.json", "--parameters", "one.safetensors", "--inputs",
        golden.argument("x1"), "--likelihood", "softmax", "--diagonal", "d.npy", in: folder),
      "softmax", "gaussian")
    // (10²⁰⁰)² is no number.
    try folder.write("large.npy", [Double](repeating: 1e200, count: 10), shape: [2, 5])
    try folder.write("v.npy", [Double](repeating: 1, count: 6), shape: [6])
    for (more, option) in [
      (["--diagonal", "no.npy"], "--diagonal"), (["--eigenvalues", "1"], "--eigenvalues"),
      (["--vector", "v.npy", "--output", "no.npy"], "--output"),
    ] {
      expectSentence(
        try Command.run(
          [
            "fisher", "--network", "one.json", "--parameters", "one.safetensors", "--inputs",
            "large.npy", "--likelihood", "gaussian", "--dtype", "float64", "--json",
          ] + more, in: folder), option, "not finite")
    }
    #expect(!folder.names().contains("no.npy"))
  }

  /// The exact product's error is that of rounding; the other method's is not.
  @Test func bench() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      "bench", "fisher", "--model", "mlp:24x2", "--activation", "tanh", "--inputs", "6",
      "--outputs", "3", "--batch-size", "16", "--repeats", "1", "--backend", "cpu", "--json",
      "--quiet", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.number("error") < 1e-5)
    #expect(try outcome.number("finite_difference_error") > outcome.number("error"))
    for name in ["fvp_ms", "jvp_ms", "vjp_ms", "ratio"] {
      #expect(try outcome.number(name) > 0, "\(name)")
    }
  }
}
