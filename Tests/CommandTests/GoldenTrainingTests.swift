import FoundationEssentials
import Maclaurin
import Testing

/// `train --initial` against golden trajectories: losses, gradient norms, final parameters.
struct GoldenTrainingTests {
  static let cases = [
    "train-full-adam", "train-order2-momentum", "train-order3-sgd", "train-relinearize4",
  ]

  /// The command line that settings.json stands for.
  private func arguments(_ golden: Golden) throws -> [String] {
    let text = Array(readText(golden.folder + "/settings.json").utf8)
    guard case .object(let settings) = try JSONValue(text: text, named: "settings.json") else {
      Issue.record("no settings")
      return []
    }
    let arguments = [
      "train", "--model", golden.network, "--initial", golden.argument("theta0."), "--data",
      "npy:\(golden.argument("x")),\(golden.argument("y"))", "--test-share", "0",
      "--no-standardize", "--batch-size", "full", "--dtype", "float64", "--log-every", "1",
      "--json", "--quiet",
    ]
    return try settings.sorted { $0.key < $1.key }.reduce(into: arguments) { result, setting in
      result.append("--" + setting.key.replacing("_", with: "-"))
      switch setting.value {
      case .string(let text): result.append(text)
      case .number(let value): result.append(Int(exactly: value).map { "\($0)" } ?? "\(value)")
      default: throw Unknown()
      }
    }
  }

  private struct Unknown: Error {}

  @Test(
    arguments: cases,
    [
      ["openblas"], ["opencl", "--kernel-family", "host"], ["opencl", "--kernel-family", "device"],
    ])
  func trajectory(_ name: String, _ backend: [String]) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden(name)
    let outcome = try Command.run(
      try arguments(golden) + ["--out", "run", "--backend"] + backend, in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    var losses: [Double] = []
    var norms: [Double] = []
    for line in folder.text("run/metrics.jsonl").split(separator: "\n") {
      guard case .object(let members) = try JSONValue(text: Array(line.utf8), named: "line")
      else { continue }
      if case .number(let loss)? = members["loss"] { losses.append(loss) }
      if case .number(let norm)? = members["gradient_norm"] { norms.append(norm) }
    }
    expectClose(losses, try golden.values("losses"), relative: 1e-8, "\(name) losses")
    expectClose(norms, try golden.values("gradient_norms"), relative: 1e-8, "\(name) norms")
    let final = try SafetensorsFile(folder.path + "/run/final.safetensors")
    let network = try golden.description()
    expectClose(
      try network.readParameters(final), try golden.parameters("final."), relative: 1e-8,
      "\(name) parameters")
    // No test set was asked for.
    #expect(try outcome.json["test_loss"] == .null)
    // The run begins where it was told to, bit for bit.
    let start = try SafetensorsFile(folder.path + "/run/initial.safetensors")
    #expect(try network.readParameters(start) == golden.parameters("theta0."))
  }

  /// The same in memory alone: the plan of such a run exists, and nothing is written without --out.
  @Test func planAndNoFolder() throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("train-order3-sgd")
    let arguments = try arguments(golden)
    let plan = try Command.run(arguments + ["--plan"], in: folder)
    #expect(try plan.number("parameters") == 234)
    #expect(try plan.number("peak_bytes") > 234 * 8 * 4)
    #expect(try plan.number("flops_per_step") > 0)
    #expect(try Command.run(arguments, in: folder).status == 0)
    #expect(folder.names() == [])
  }
}
