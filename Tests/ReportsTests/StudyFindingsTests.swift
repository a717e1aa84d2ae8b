import Testing

@testable import Reports

@Suite("What a study shows, in words")
struct StudyFindingsTests {
  /// Cosines and distances at the end by order from 1, for each seed.
  private static func findings(
    cosines: [[Double]], distances: [[Double]]? = nil
  ) throws -> StudyFindings {
    var fixture = StudyFixture()
    fixture.orders = Array(1...cosines[0].count) + [0]
    fixture.seeds = Array(cosines.indices)
    fixture.value = { column, place in
      guard place.order > 0 else { return StudyFixture.standard(column, place) }
      switch column {
      case "logit_cosine": return cosines[place.seed][place.order - 1]
      case "logit_distance":
        return distances.map { $0[place.seed][place.order - 1] } ?? 1 / Double(place.order)
      default: return StudyFixture.standard(column, place)
      }
    }
    let table = try fixture.table
    return StudyFindings(table.slices(table.points[0]))
  }

  @Test func agreementThatRises() throws {
    let findings = try Self.findings(cosines: [[0.9, 0.97, 0.99]])
    #expect(findings.agreementRises == true)
    #expect(
      findings.sentences.prefix(3) == [
        "Agreement with full training rises with the order.",
        "At the end the cosine of the logit movement is 0.9000, 0.9700 and 0.9900 at orders 1, 2 "
          + "and 3: it rises with every order.",
        "At the end the logit distance is 1, 0.5000 and 0.3333 at orders 1, 2 and 3: it falls with "
          + "every order.",
      ])
    #expect(findings.sentences.contains { $0.contains("one seed") })
  }

  @Test func whereItDoesNotRiseIsSaid() throws {
    let findings = try Self.findings(
      cosines: [[0.9, 0.97, 0.95, 0.95]], distances: [[1, 0.5, 0.6, 0.2]])
    #expect(findings.agreementRises == false)
    #expect(findings.sentences[0] == "Agreement with full training does not rise with every order.")
    #expect(
      findings.sentences[1].hasSuffix(
        ": at order 3 it is lower than at order 2 and at order 4 it is the same as at order 3."))
    #expect(findings.sentences[2].hasSuffix(": at order 3 it is higher than at order 2."))
  }

  @Test func directionAndDistanceMayDisagree() throws {
    #expect(
      try Self.findings(cosines: [[0.9, 0.97]], distances: [[1, 2]]).sentences[0]
        == "Agreement with full training rises with the order in direction, but not in distance.")
    #expect(
      try Self.findings(cosines: [[0.9, 0.8]], distances: [[2, 1]]).sentences[0]
        == "Agreement with full training rises with the order in distance, but not in direction.")
    #expect(
      try Self.findings(cosines: [[0.9, 0.8]], distances: [[1, 2]]).sentences[0]
        == "Agreement with full training does not rise with the order.")
  }

  @Test("differences within a standard error are called that; seeds are compared in pairs")
  func standardErrors() throws {
    // Differences 0.04, −0.02: mean 0.01, standard error 0.03.
    let unclear = try Self.findings(cosines: [[0.90, 0.94], [0.93, 0.91]])
    #expect(
      unclear.comparisons(StudyFindings.cosine) == [
        .init(lower: 1, higher: 2, change: .better, isWithinError: true)
      ])
    #expect(
      unclear.sentences[1].hasSuffix(
        "it rises with every order, but from order 1 to 2 by no more than a standard error."))
    // The seeds differ by far more than the orders, but always in the same way: 0.010 and 0.012.
    let clear = try Self.findings(cosines: [[0.50, 0.51], [0.90, 0.912]])
    #expect(
      clear.comparisons(StudyFindings.cosine) == [
        .init(lower: 1, higher: 2, change: .better, isWithinError: false)
      ])
    let lower = try Self.findings(cosines: [[0.94, 0.90], [0.91, 0.93]])
    #expect(
      lower.sentences[1].hasSuffix("lower than at order 1 (within one standard error)."))
  }

  @Test func numbersThatDifferLookDifferent() {
    #expect(StudyFindings.distinct([0.99991, 0.99992]) == ["0.99991", "0.99992"])
    #expect(StudyFindings.distinct([0.5, 0.5]) == ["0.5000", "0.5000"])
    #expect(StudyFindings.distinct([0.9, 1]) == ["0.9000", "1"])
  }

  @Test func accuracyGap() throws {
    let sentences = try Self.findings(cosines: [[0.9, 0.97]]).sentences
    // 0.1 + 0.4 + k/10 at the end, full 0.9.
    #expect(
      sentences.contains(
        "The final test accuracy of full is 90.00 %; that of order 1 is 30.00 points below full's, "
          + "that of order 2 is 20.00 points below full's."))
  }

  @Test(
    "mean and standard error by their definition",
    arguments: [([1.0], 1.0, nil), ([1, 3], 2, 1), ([2, 4, 9], 5, 2.081_665_999_466_133)])
  func statistics(values: [Double], mean: Double, error: Double?) throws {
    let statistic = try #require(Statistic(values))
    #expect(statistic.mean == mean)
    #expect(abs((statistic.standardError ?? -1) - (error ?? -1)) < 1e-15)
    #expect(Statistic([]) == nil)
  }
}
