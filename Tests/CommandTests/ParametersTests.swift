import Maclaurin
import Testing

/// `init`, `summary` and `evaluate`.
struct ParametersTests {
  @Test(arguments: ["standard", "ntk", "improved_standard:2", "taylor:3"])
  func initIsTheStartOfTraining(_ parameterization: String) throws {
    let folder = try TemporaryFolder()
    let model = [
      "--model", "mlp:33x2", "--activation", "erf", "--parameterization", parameterization,
      "--bias-std", "0.3", "--seed", "41",
    ]
    var files: Set<[UInt8]> = []
    for backend in [["openblas", "--threads", "1"], ["openblas", "--threads", "2"], ["opencl"]] {
      let outcome = try Command.run(
        ["init"] + model + ["--output", "p.safetensors", "--json", "--backend"] + backend,
        in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      files.insert(try folder.bytes("p.safetensors"))
    }
    #expect(files.count == 1)
    let train = try Command.run(
      ["train"] + model + ["--steps", "1", "--out", "run", "--quiet"], in: folder)
    #expect(train.status == 0, "\(train.errors)")
    #expect(try folder.bytes("run/initial.safetensors") == files.first)
    // Started from the file, training gives the same bits as from the seed.
    let fromSeed = try Command.run(["train", "--steps", "5", "--json"] + model, in: folder)
    let fromFile = try Command.run(
      ["train", "--steps", "5", "--json", "--initial", "p.safetensors"] + model, in: folder)
    #expect(try fromSeed.text("parameters_sha256") == fromFile.text("parameters_sha256"))
  }

  @Test func summary() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      "summary", "--model", "mlp:512x3", "--inputs", "784", "--outputs", "10", "--json", in: folder)
    // 784·512 + 512, twice 512·512 + 512, 512·10 + 10.
    #expect(try outcome.number("parameters") == 932_362)
    let products = 784 * 512 + 2 * 512 * 512 + 512 * 10
    #expect(try outcome.number("flops_per_example") == Double(2 * products))
    #expect(outcome.errors.isEmpty)
    let table = try Command.run("summary", "--model", "mlp:8x1", in: folder)
    #expect(table.status == 0 && table.output.contains("0 dense"))
    let golden = try Golden("jet-mlp-tanh")
    let file = try Command.run("summary", "--model", golden.network, "--json", in: folder)
    // 6·14 + 14, 14·11 + 11, 11·3 + 3.
    #expect(try file.number("parameters") == 299)
  }

  /// An example's outputs do not depend on the batch it is in.
  @Test(arguments: ["openblas", "opencl"])
  func rowInvariance(_ backend: String) throws {
    let folder = try TemporaryFolder()
    let inputs: [Double] = (0..<8320).map { index in Double(index * 31 % 257) / 128 - 1 }
    try folder.write("x.npy", inputs, shape: [130, 64])
    try folder.write("alone.npy", Array(inputs[64 * 77..<64 * 78]), shape: [1, 64])
    let model = ["--model", "mlp:65x2", "--activation", "gelu"]
    #expect(
      try Command.run(["init"] + model + ["--output", "p.safetensors"], in: folder).status == 0)
    #expect(
      try Command.run(["train"] + model + ["--steps", "1", "--out", "run"], in: folder).status == 0)
    func evaluate(_ inputs: String, _ batch: String, _ more: [String] = []) throws -> [UInt8] {
      let outcome = try Command.run(
        [
          "evaluate", "--network", "run/network.json", "--parameters", "p.safetensors",
          "--inputs", inputs, "--output", "y.npy", "--batch-size", batch, "--backend", backend,
        ] + more, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try folder.bytes("y.npy")
    }
    let whole = try evaluate("x.npy", "130")
    for batch in ["1", "7", "128", "100000"] { #expect(try evaluate("x.npy", batch) == whole) }
    let outputs = try folder.array("y.npy")
    #expect(outputs.shape == [130, 10])
    _ = try evaluate("alone.npy", "1")
    #expect(try folder.array("y.npy").values == Array(outputs.values[770..<780]))

    _ = try evaluate("x.npy", "50", ["--classes"])
    let classes = try folder.array("y.npy")
    _ = try evaluate("x.npy", "50", ["--probabilities"])
    let probabilities = try folder.array("y.npy")
    #expect(classes.shape == [130] && probabilities.shape == [130, 10])
    for row in 0..<130 {
      let range = row * 10..<(row + 1) * 10
      let (p, y) = (probabilities.values[range], outputs.values[range])
      #expect(abs(p.reduce(0, +) - 1) < 1e-6)
      let largest = y.indices.max { y[$0] < y[$1] }! - row * 10
      #expect(Int(classes.values[row]) == largest)
      #expect(p.indices.max { p[$0] < p[$1] }! - row * 10 == largest)
    }
  }

  /// What `evaluate --run` finds is what the run said, bit for bit, on either back end.
  @Test(arguments: ["full", "1", "3"])
  func evaluateARun(_ order: String) throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(
      "train", "--model", "mlp:20x2", "--activation", "tanh", "--order", order, "--epochs", "2",
      "--lr", "0.3", "--test-share", "0.3", "--validation-share", "0.2", "--out", "run", "--json",
      "--save-logits", in: folder)
    #expect(run.status == 0, "\(run.errors)")
    for backend in ["openblas", "opencl"] {
      let outcome = try Command.run(
        "evaluate", "--run", "run", "--json", "--backend", backend, "--batch-size", "33",
        in: folder)
      for name in ["train", "validation", "test"].flatMap({ ["\($0)_loss", "\($0)_accuracy"] }) {
        #expect(try outcome.json[name] == run.json[name], "\(name) on \(backend)")
      }
    }
    // The network itself at the final parameters is another model than its expansion.
    let full = try Command.run(
      "evaluate", "--run", "run", "--order", "full", "--json", in: folder)
    let isSame = try full.json["test_loss"] == run.json["test_loss"]
    #expect(isSame == (order == "full"))
    // On other data, and by files.
    let digits = try Command.run("evaluate", "--run", "run", "--data", "digits", in: folder)
    #expect(digits.status == 0 && digits.output.contains("test_loss"))
    let files = try Command.run(
      "evaluate", "--network", "run/network.json", "--parameters", "run/final.safetensors",
      "--data", "digits", "--json", "--trace", "trace.json", in: folder)
    #expect(files.status == 0, "\(files.errors)")
  }
}
