import Glibc
import Testing
import Training

/// Learning-rate schedules against their formulas.
@Suite struct ScheduleTests {
  private func factors(_ text: String, epochOf: (Int) -> Int = { _ in 0 }) throws -> [Double] {
    let schedule = try LearningRateSchedule(parsing: text)
    return (0..<200).map { schedule.factor(step: $0, of: 200, epoch: epochOf($0)) }
  }

  @Test func constantAndLinear() throws {
    #expect(try factors("constant") == [Double](repeating: 1, count: 200))
    #expect(try factors("linear") == (0..<200).map { 1 - Double($0) / 200 })
  }

  @Test func cosine() throws {
    for (t, factor) in try factors("cosine").enumerated() {
      let expected = (1 + cos(Double.pi * Double(t) / 200)) / 2
      // Two roundings of 1 + cos, whose own error is a few units of 1.
      #expect(abs(factor - expected) <= 4 * 0x1p-53, "step \(t)")
    }
  }

  @Test func steps() throws {
    // Epochs of 10 steps: from step 50 on a tenth, from step 120 on a hundredth.
    let values = try factors("step:0.1@5,12") { $0 / 10 }
    #expect(values[..<50].allSatisfy { $0 == 1 })
    #expect(values[50..<120].allSatisfy { $0 == 0.1 })
    #expect(values[120...].allSatisfy { $0 == 0.1 * 0.1 })
  }

  @Test(arguments: ["constant", "linear", "cosine", "step:0.5@3,4"])
  func namesAreKept(_ text: String) throws {
    #expect(try LearningRateSchedule(parsing: text).description == text)
  }

  @Test(arguments: [
    "", "cos", "step", "step:0.1", "step:-1@3", "step:x@3", "step:0.1@", "step:0.1@0", "step:0.1@a",
  ])
  func wrongTexts(_ text: String) {
    let error = #expect(throws: TrainingError.self) { _ = try LearningRateSchedule(parsing: text) }
    #expect(error?.description.contains("step:0.1@100,150") == true)
  }
}
