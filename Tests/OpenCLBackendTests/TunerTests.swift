import Compute
import Glibc
import OpenBLASBackend
import Testing

@testable import OpenCLBackend

@Suite struct TunerTests {
  private func tuner(replacing texts: [String: String]) throws -> ContractionTuner {
    try ContractionTuner(
      OpenCLDevices.device(0), family: .host, against: OpenBLASBackend(threads: 1), quick: true,
      programSources: texts,
      allowMissingCapabilities: getenv("MACLAURIN_TEST_ANY_DEVICE") != nil)
  }

  /// A text in which blocks of some kind round alpha times a chain once more than they should.
  private func broken(_ condition: String) throws -> String {
    var text = try #require(OpenCLBackend.programSource("contraction_host"))
    // One variant of the block instead of five, which compiles in a fifth of the time.
    for rows in ["== 1", "== 2", "<= 4", "<= 8"] {
      text = text.replacing("(block.rows \(rows))", with: "(0)")
    }
    let right = "STORE(value, c + j * VECTOR_WIDTH);"
    let place = try #require(text.firstRange(of: right))
    return text.replacingCharacters(
      in: place,
      with: """
        if (\(condition)) STORE((VECTOR)(block.alpha) * chain[j] + old, c + j * VECTOR_WIDTH);
        else \(right)
        """)
  }

  @Test func candidatesWithOtherBitsAreNeverChosen() throws {
    let tuner = try tuner(replacing: ["contraction_host": broken("BLOCK_ROWS == 12")])
    var steps: [Int] = []
    var totals: Set<Int> = []
    try tuner.run { done, total, _ in
      steps.append(done)
      totals.insert(total)
    }
    #expect(steps == Array(0..<tuner.trials.count))
    #expect(totals == [tuner.trials.count])
    #expect(tuner.trials[0].candidate == "without a table")
    #expect(tuner.trials.contains { $0.candidate.hasPrefix("8×2") && $0.refusal == nil })
    let wrong = tuner.trials.filter { $0.candidate.hasPrefix("12×2") }
    #expect(!wrong.isEmpty)
    for trial in wrong {
      #expect(trial.refusal?.hasPrefix("wrong bits at ") == true)
      #expect(trial.gigaflops.isEmpty && trial.chosen.isEmpty)
    }
    for trial in tuner.trials where trial.refusal == nil {
      #expect(trial.gigaflops.count == tuner.shapes.count && trial.gigaflops.allSatisfy { $0 > 0 })
    }
    let folder = TemporaryFolder()
    let path = try tuner.write(to: folder.path + "/table.json")
    let text = String(decoding: try #require(SmallFile.read(path)), as: UTF8.self)
    #expect(text.contains("\"device\" : \"\(tuner.device.name)\""))
    #expect(!text.contains("\"rows\" : 12"))
  }

  @Test func adeviceThatIsWrongWithoutATableIsNotTuned() throws {
    let tuner = try tuner(replacing: ["contraction_host": broken("BLOCK_ROWS > 0")])
    let error = #expect(throws: BackendError.self) { try tuner.run { _, _, _ in } }
    #expect(error?.description.contains("wrong bits") == true)
  }

  @Test func afileThatCannotBeWrittenIsAnError() throws {
    let tuner = try tuner(replacing: [:])
    #expect(throws: BackendError.self) { try tuner.write(to: "/proc/maclaurin/table.json") }
  }
}
