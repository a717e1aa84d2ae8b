import Glibc
import TestSupport
import Testing
import Training

/// Powers fitted to points, thresholds, and the table of a study of sample sizes.
@Suite struct SampleComplexityTests {
  // MARK: Fits

  @Test func exactPower() throws {
    let fit = try #require(LogLogFit([2, 3, 5, 7].map { (x: $0, y: 4 * $0 * $0 * $0) }))
    #expect(abs(fit.slope - 3) < 1e-14 && abs(fit.intercept - log(4)) < 1e-13)
    #expect(try #require(fit.standardError) < 1e-14)
    #expect(abs(fit(4) - 256) < 1e-11 && fit.count == 4)
  }

  /// log x = 0, 1, 2, 3 and log y = 1, 3, 4, 8: slope 22/10, residuals 0.3, 0.1, −1.1, 0.7, s² 0.9,
  /// standard error √(0.9/5).
  @Test func scatteredPoints() throws {
    let points = zip([0.0, 1, 2, 3], [1.0, 3, 4, 8]).map { (x: exp($0), y: exp($1)) }
    let fit = try #require(LogLogFit(points))
    #expect(abs(fit.slope - 2.2) < 1e-13)
    #expect(abs(fit.intercept - 0.7) < 1e-13)
    #expect(abs(try #require(fit.standardError) - (0.9 / 5).squareRoot()) < 1e-13)
  }

  @Test func tooFewPoints() throws {
    #expect(LogLogFit([]) == nil && LogLogFit([(3, 4)]) == nil)
    #expect(LogLogFit([(3, 4), (3, 5)]) == nil)
    let two = try #require(LogLogFit([(1, 2), (4, 8)]))
    #expect(abs(two.slope - 1) < 1e-15 && two.standardError == nil)
  }

  // MARK: Thresholds

  @Test func crossings() throws {
    func crossing(_ errors: [(Int, Double)], _ threshold: Double = 0.1) -> ThresholdCrossing? {
      ThresholdCrossing(errors.map { (examples: $0.0, error: $0.1) }, threshold: threshold)
    }
    // On e = 10/n, which is straight in logarithms, the answer is 100.
    let found = try #require(crossing([(16, 10.0 / 16), (64, 10.0 / 64), (256, 10.0 / 256)]))
    #expect(abs(try #require(found.examples) - 100) < 1e-10)
    #expect(crossing([(16, 0.1), (32, 0.05)]) == .atMost(16))
    #expect(crossing([(16, 0.5), (32, 0.2)]) == .above(32))
    #expect(crossing([]) == nil)
    // It must stay below: the last crossing counts.
    let second = try #require(crossing([(10, 0.4), (20, 0.05), (40, 0.2), (80, 0.05)])?.examples)
    #expect(abs(second - 40 * 2.0.squareRoot()) < 1e-12)
    // From the threshold itself, and from an infinite error, to the next number.
    #expect(crossing([(10, 0.2), (20, 0.1)]) == .at(20))
    #expect(crossing([(10, .infinity), (20, 0.01)]) == .at(20))
    #expect(crossing([(10, 0.5), (20, 0)]) == .at(20))
    #expect(crossing([(10, 0.5), (20, .nan)]) == .above(20))
  }

  // MARK: The table

  private func cell(
    _ learner: String, _ dimension: Int, _ examples: Int, _ seed: UInt64, _ error: Double?
  ) -> SampleComplexityCell {
    SampleComplexityCell(
      learner: learner, dimension: dimension, examples: examples, seed: seed, error: error,
      validationError: error.map { $0 / 3 }, choice: 1e-4, steps: 7)
  }

  /// Errors c·d²/n of one learner, d/n of another, over two seeds: the slopes are 2 and 1.
  @Test func slopesOfATable() throws {
    var cells: [SampleComplexityCell] = []
    for (learner, power) in [("square", 2), ("line", 1)] {
      for d in [4, 8, 16] {
        for n in [8, 32, 128, 512, 2048] {
          for seed in [0, 1] {
            let error = (seed == 0 ? 0.5 : 1.5) * pow(Double(d), Double(power)) / Double(n)
            cells.append(cell(learner, d, n, UInt64(seed), error))
          }
        }
      }
    }
    let table = SampleComplexityTable(cells.shuffled())
    #expect(Set(table.learners) == ["square", "line"] && table.dimensions == [4, 8, 16])
    let place = try #require(table.curve("square", dimension: 4).first)
    // 1 and 3, whose standard error is √2/√2 = 1.
    #expect(place.examples == 8 && place.error == 2 && place.standardError == 1)
    for (learner, power) in [("square", 2.0), ("line", 1)] {
      let fit = try #require(table.fit(learner, threshold: 0.25))
      #expect(abs(fit.slope - power) < 1e-12)
      for (dimension, crossing) in table.crossings(learner, threshold: 0.25) {
        let expected = 4 * pow(Double(dimension), power)
        #expect(abs(try #require(crossing.examples) / expected - 1) < 1e-12)
      }
    }
    // One seed that diverged is above every threshold.
    var diverged = cells
    diverged[0].error = nil
    #expect(SampleComplexityTable(diverged).curve("square", dimension: 4)[0].error == .infinity)
  }

  @Test func file() throws {
    let table = SampleComplexityTable([
      cell("ntk", 4, 16, 3, 0.1 + 0.2), cell("full", 5, 32, 1 << 60, nil),
    ])
    #expect(try SampleComplexityTable(csv: table.csv, path: "cells.csv") == table)
    for (text, words) in [
      ("", "does not begin"), (table.csv.replacing("ntk,4", with: "ntk,x"), "line 2"),
      (table.csv.replacing("full,5,32", with: "full,5"), "line 3"),
    ] {
      let error = #expect(throws: TrainingError.self) {
        _ = try SampleComplexityTable(csv: text, path: "cells.csv")
      }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
  }
}
