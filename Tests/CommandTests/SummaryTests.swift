import Maclaurin
import Testing

/// What `summary` says about how tensors enter, begin and learn.
struct SummaryTests {
  @Test func tensorsOfMup() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "summary", "--model", "mlp:256x2", "--parameterization", "mup:64", "--inputs", "16",
      "--outputs", "3", "--bias-std", "0.5",
    ]
    let outcome = try Command.run(arguments + ["--json"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    guard case .array(let layers)? = try outcome.json["layers"] else {
      Issue.record("no layers in \(outcome.output)")
      return
    }
    let tensors = layers.flatMap { layer -> [JSONValue] in
      guard case .object(let members) = layer, case .array(let tensors)? = members["tensors"]
      else { return [] }
      return tensors
    }
    // r = 4. Fan-ins 16, 256 and 256.
    let expected: [(String, [Int], Double, Double, Double)] = [
      ("layers.0.weight", [256, 16], 2, 0.125, 0.5), ("layers.0.bias", [256], 2, 0.25, 0.5),
      ("layers.2.weight", [256, 256], 1, 0.0625, 0.25), ("layers.2.bias", [256], 2, 0.25, 0.5),
      ("layers.4.weight", [3, 256], 0.5, 0.0625, 0.5), ("layers.4.bias", [3], 1, 0.5, 1),
    ]
    #expect(
      tensors
        == expected.map { name, shape, multiplier, std, rate in
          .object([
            "name": .string(name), "shape": .array(shape.map { .number(Double($0)) }),
            "multiplier": .number(multiplier), "initial_mean": .number(0),
            "initial_std": .number(std),
            "learning_rate": .object(["sgd": .number(1), "adam": .number(rate)]),
          ])
        })
    let text = try Command.run(arguments, in: folder).output
    #expect(text.contains("layers.4.weight") && text.contains("0.062500"))
    let plain = try Command.run(
      "summary", "--model", "mlp:256x2", "--inputs", "16", "--outputs", "3", in: folder)
    #expect(!plain.output.contains("layers.4.weight"))
  }

  /// A run with factors leaves them in run.json, trains the same bits on another back end, and
  /// differs from one without.
  @Test func layerRatesOfARun() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "train", "--model", "mlp:12x2", "--activation", "tanh", "--parameterization", "mup:8",
      "--optimizer", "adamw", "--weight-decay", "0.1", "--order", "2", "--steps", "6", "--json",
    ]
    let rates = ["--layer-lr", "layers.0=0.3", "*.bias=2"]
    let first = try Command.run(arguments + rates + ["--out", "run"], in: folder)
    #expect(first.status == 0, "\(first.errors)")
    #expect(folder.text("run/run.json").contains("layers.0=0.3"))
    #expect(folder.text("run/network.json").contains("base_width"))
    let hash = try first.text("parameters_sha256")
    let device = try Command.run(arguments + rates + ["--backend", "opencl"], in: folder)
    #expect(try device.text("parameters_sha256") == hash)
    #expect(try Command.run(arguments, in: folder).text("parameters_sha256") != hash)
    let again = try Command.run(arguments + rates + ["--out", "run", "--resume"], in: folder)
    #expect(try again.text("parameters_sha256") == hash)
  }
}
