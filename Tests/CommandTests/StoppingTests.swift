import Maclaurin
import Testing

/// Validation split, best parameters, early stop, frozen tensors.
struct StoppingTests {
  /// Validation losses by step, from metrics.jsonl.
  private func validationLosses(
    _ run: String, in folder: TemporaryFolder
  ) throws -> [(step: Double, loss: Double)] {
    try folder.text("\(run)/metrics.jsonl").split(separator: "\n").compactMap { line in
      guard
        case .object(let members) = try JSONValue(text: Array(line.utf8), named: "metrics"),
        case .number(let loss)? = members["validation_loss"],
        case .number(let step)? = members["step"]
      else { return nil }
      return (step, loss)
    }
  }

  @Test func earlyStopKeepsTheBest() throws {
    let folder = try TemporaryFolder()
    // So large a learning rate that the validation loss rises soon.
    let arguments = [
      "train", "--model", "mlp:40x2", "--order", "2", "--epochs", "200", "--lr", "0.9",
      "--validation-share", "0.5", "--evaluate-every", "4", "--early-stop", "3", "--json",
    ]
    let outcome = try Command.run(arguments + ["--out", "run"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.json["stopped_early"] == .bool(true))
    let losses = try validationLosses("run", in: folder)
    let best = try #require(losses.min { $0.loss < $1.loss })
    let last = try #require(losses.last)
    #expect(try outcome.number("steps") == last.step)
    // Three evaluations after the best without a better one, four steps each.
    #expect(last.step == best.step + 12)
    // best.safetensors holds the parameters of that step: a run that ends there has them.
    let until = try Command.run(
      "train", "--model", "mlp:40x2", "--order", "2", "--steps", "\(Int(best.step))", "--lr",
      "0.9", "--validation-share", "0.5", "--json", "--out", "short", in: folder)
    #expect(until.status == 0, "\(until.errors)")
    #expect(
      try folder.bytes("run/best.safetensors") == folder.bytes("short/final.safetensors"))
    #expect(
      try folder.bytes("run/best.safetensors") != folder.bytes("run/final.safetensors"))
    // The same run is the same on the device, and prints its result again.
    let device = try Command.run(arguments + ["--backend", "opencl"], in: folder)
    #expect(try device.text("parameters_sha256") == outcome.text("parameters_sha256"))
    let again = try Command.run(arguments + ["--out", "run", "--resume"], in: folder)
    #expect(try again.json == outcome.json)
    // Killed between its last checkpoint and its result, it still stops there.
    for name in ["result.json", "final.safetensors"] { try folder.remove("run/\(name)") }
    let metrics = try folder.bytes("run/metrics.jsonl")
    let resumed = try Command.run(arguments + ["--out", "run", "--resume"], in: folder)
    #expect(try resumed.text("parameters_sha256") == outcome.text("parameters_sha256"))
    #expect(try resumed.number("steps") == outcome.number("steps"))
    #expect(try folder.bytes("run/metrics.jsonl") == metrics)
  }

  @Test(arguments: ["full", "2"])
  func frozenTensorsKeepTheirBits(_ order: String) throws {
    let folder = try TemporaryFolder()
    let cases: [(patterns: [String], frozen: Set<String>)] = [
      (["layers.0"], ["layers.0.weight", "layers.0.bias"]),
      (["*.bias"], ["layers.0.bias", "layers.2.bias", "layers.4.bias"]),
      (["layers.2.weight", "layers.4.b*"], ["layers.2.weight", "layers.4.bias"]),
    ]
    for (index, (patterns, frozen)) in cases.enumerated() {
      var hashes: Set<String> = []
      for backend in ["openblas", "opencl"] {
        let outcome = try Command.run(
          [
            "train", "--model", "mlp:12x2", "--activation", "tanh", "--order", order, "--steps",
            "6", "--optimizer", "adam", "--lr", "0.01", "--weight-decay", "0.1", "--clip-norm",
            "1", "--bias-std", "0.5", "--json", "--backend", backend, "--out",
            "\(backend)-\(index)",
          ] + ["--freeze"] + patterns, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        hashes.insert(try outcome.text("parameters_sha256"))
      }
      #expect(hashes.count == 1)
      let path = "\(folder.path)/openblas-\(index)"
      let start = try SafetensorsFile(path + "/initial.safetensors")
      let end = try SafetensorsFile(path + "/final.safetensors")
      #expect(start.names.count == 6)
      for name in start.names {
        let isSame = try start.tensor(name).bytes == end.tensor(name).bytes
        #expect(isSame == frozen.contains(name), "\(name) with \(patterns)")
      }
    }
    expectSentence(
      try Command.run("train", "--model", "mlp:4x1", "--freeze", "layers.9", in: folder),
      "--freeze layers.9", "layers.0.weight")
    expectSentence(
      try Command.run("train", "--model", "mlp:4x1", "--freeze", "*", "--out", "r", in: folder),
      "--freeze", "nothing to train")
    #expect(!folder.names().contains("r"))
    expectSentence(
      try Command.run("train", "--early-stop", "2", in: folder), "--validation-share", status: 2)
  }
}
