import FoundationEssentials
import Maclaurin
import Testing

@testable import MaclaurinCommand

/// --backend auto, and what happens to a run whose device computes wrongly.
struct AutomaticTests {
  static let train = [
    "train", "--data", "digits", "--model", "mlp:24x2", "--order", "2", "--steps", "12",
    "--checkpoint-every", "4", "--evaluate-every", "6", "--optimizer", "momentum",
  ]

  @Test func itHasTheBitsOfTheCPUPathAndSaysWhereItRan() throws {
    let folder = try TemporaryFolder()
    let host = try Command.run(Self.train + ["--backend", "cpu", "--json"], in: folder)
    let automatic = try Command.run(
      Self.train + ["--json", "--check", "10", "--trace", "trace.json"], in: folder)
    #expect(automatic.status == 0, "\(automatic.errors)")
    #expect(try automatic.text("parameters_sha256") == host.text("parameters_sha256"))
    #expect(try automatic.text("backend") == "auto")
    guard case .array(let places)? = try automatic.json["placement"] else {
      Issue.record("no placement in \(automatic.output)")
      return
    }
    #expect(!places.isEmpty)
    let data = try #require(FileManager.default.contents(atPath: "\(folder.path)/trace.json"))
    guard case .object(let trace) = try JSONValue(text: [UInt8](data), named: "trace"),
      case .array(let events)? = trace["traceEvents"]
    else {
      Issue.record("no trace")
      return
    }
    #expect(events.count > 100)

    let people = try Command.run(Self.train, in: folder)
    #expect(people.output.contains("operations ran on"))
    #expect(people.output.contains("openblas"))
  }

  /// A momentum update that forgets the velocity: too much for a loss curve to show at once.
  private func brokenKernel(_ folder: TemporaryFolder) throws -> [String] {
    let text = try #require(OpenCLBackend.programSource("optimizer_update"))
    let part = "fma(momentum, t[l], g[l])"
    #expect(text.contains(part))
    let broken = text.replacing(part, with: "g[l]")
    try broken.write(
      toFile: "\(folder.path)/broken.cl", atomically: true, encoding: .utf8)
    return ["--backend", "opencl", "--kernel-source", "optimizer_update=broken.cl"]
  }

  @Test(arguments: ["elements", "freivalds", "1"])
  func aWrongDeviceIsFoundAndTheRunStops(_ level: String) throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      Self.train + brokenKernel(folder) + ["--check", level, "--out", "run"], in: folder)
    #expect(outcome.status == 3, "\(outcome.errors)")
    let sentence = outcome.errors.split(separator: "\n").last ?? ""
    #expect(sentence.contains("optimizer_update"), "\(outcome.errors)")
    let reproducer = try #require(
      FileManager.default.contents(atPath: "\(folder.path)/run/disagreement.json"))
    guard case .object(let members) = try JSONValue(text: [UInt8](reproducer), named: "") else {
      Issue.record("no object")
      return
    }
    #expect(members["operation"] == .string("optimizer_update"))
    #expect(FileManager.default.fileExists(atPath: "\(folder.path)/run/disagreement.safetensors"))
    // Nothing that was computed wrongly has been kept.
    let kept = try FileManager.default.contentsOfDirectory(
      atPath: "\(folder.path)/run/checkpoints")
    #expect(kept.isEmpty)
  }

  @Test(arguments: ["elements", "5"])
  func theRunCanGoOnWithTheRightBits(_ level: String) throws {
    let folder = try TemporaryFolder()
    let expected = try Command.run(Self.train + ["--backend", "cpu", "--json"], in: folder)
    let outcome = try Command.run(
      Self.train + brokenKernel(folder)
        + ["--check", level, "--on-mismatch", "fallback", "--out", "run", "--json"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.text("parameters_sha256") == expected.text("parameters_sha256"))
    #expect(outcome.errors.contains("going on on the CPU path"))
  }
}
