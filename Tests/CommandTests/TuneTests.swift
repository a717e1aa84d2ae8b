import FoundationEssentials
import Maclaurin
import Testing

@testable import OpenCLBackend

@Suite struct TuneTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func table(_ environment: [String: String?]) throws -> String {
    let outcome = try Command.run("devices", in: folder, environment: environment)
    #expect(outcome.status == 0)
    return outcome.output
  }

  @Test func quickTuning() throws {
    let outcome = try Command.run(
      "bench", "tune", "--backend", "opencl", "--quick", "--output", "table.json", "--json",
      in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    guard case .array(let trials)? = try outcome.json["trials"] else {
      Issue.record("no trials in \(outcome.output)")
      return
    }
    #expect(trials.count >= 3)
    for trial in trials {
      guard case .object(let members) = trial else { continue }
      #expect(members["refusal"] == .null, "\(members)")
    }
    #expect(try outcome.text("table") == "table.json")
    let written = try String(contentsOfFile: folder.path + "/table.json", encoding: .utf8)
    #expect(written.contains("\"device\" : \"\(try outcome.text("device"))\""))
  }

  @Test func devicesSaysWhetherThereIsATable() throws {
    let environment = ["XDG_CACHE_HOME": folder.path as String?]
    #expect(try !table(environment).contains("tun"))
    let device = try OpenCLDevices.device(0)
    let cache = TuningCache(folder: folder.path + "/maclaurin/tuning")
    let path = try #require(try cache.keep(ContractionTuning(for: device), for: device))
    #expect(try table(environment).contains("opencl:0: contractions are tuned by \(path)\n"))
    try Data("{".utf8).write(to: URL(filePath: path))
    #expect(try table(environment).contains("opencl:0: \(path) is damaged and ignored"))
  }

  @Test(arguments: [
    (["--backend", "openblas"], "tunes OpenCL devices"),
    (["--backend", "opencl", "--dtype", "float64"], "float32"),
    (["--backend", "opencl:99"], "opencl:99"),
    (["--backend", "opencl", "--output", "missing/table.json"], "no folder"),
  ])
  func whatCannotBeTuned(_ arguments: [String], _ word: String) throws {
    let outcome = try Command.run(["bench", "tune", "--quick"] + arguments, in: folder)
    #expect(outcome.status != 0 && outcome.errors.contains(word), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }
}
