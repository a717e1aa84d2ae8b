import DataSets
import FoundationEssentials
import Testing
import Training

@testable import Reports

@Suite("The report of a study")
struct StudyReportTests {
  private static let always = [
    "test-accuracy", "test-loss", "train-loss", "final-test-accuracy", "final-test-loss",
    "logit-distance", "logit-cosine", "final-logit-distance", "final-logit-cosine",
    "parameter-distance", "parameter-cosine", "movement", "tensor-cosine", "tensor-distance",
    "kernel-distance", "kernel-alignment",
  ]

  @Test func everyFigureIsThereAndEverythingIsWellFormed() throws {
    try StudyFixture().withFolder { folder in
      try StudyReport.write(to: folder)
      let page = try StudyFixture.text(folder + "/report.html")
      let document = try XMLChecker(page)
      #expect(!document.elements.contains { ["script", "link", "img", "iframe"].contains($0) })
      let addresses = document.attributes.flatMap { $0.filter { $0.value.contains("://") } }
      #expect(addresses.allSatisfy { $0.key == "xmlns" })
      #expect(!page.contains("url(") && page.contains("prefers-color-scheme: dark"))
      let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/figures")
      #expect(Set(files) == Set((Self.always + ["train-accuracy"]).map { $0 + ".svg" }))
      #expect(document.elements.count { $0 == "svg" } == files.count)
      for file in files {
        let svg = try StudyFixture.text("\(folder)/figures/\(file)")
        #expect(try XMLChecker(svg).elements.first == "svg", "\(file)")
        #expect(!svg.contains("url(") && !svg.contains("href"), "\(file)")
      }
      for text in ["orders 1, 2, full", "2 seeds", "digits", "maclaurin 0.1.0", "At the end"] {
        #expect(document.text.contains(text), "\(text)")
      }
    }
  }

  /// Two seeds a and b: mean (a + b)/2, standard error |a − b|/2.
  @Test(
    "curves and bands are the means and standard errors of study.csv",
    arguments: [
      "test_loss", "test_accuracy", "logit_distance", "parameter_cosine", "kernel_distance",
      "kernel_alignment",
    ])
  func values(column: String) throws {
    let fixture = StudyFixture()
    try fixture.withFolder { folder in
      try StudyReport.write(to: folder)
      let name = String(column.map { $0 == "_" ? "-" : $0 })
      let drawn = try DrawnChart(StudyFixture.text("\(folder)/figures/\(name).svg"))
      let factor: Double = column.hasSuffix("accuracy") ? 100 : 1
      for order in fixture.orders {
        let isComparison = column.hasPrefix("logit") || column.hasPrefix("parameter")
        let name = order == 0 ? "full" : "order \(order)"
        if order == 0, isComparison {
          #expect(!drawn.marks.contains { $0.series == name })
          continue
        }
        let steps = fixture.steps.filter { !column.hasSuffix("cosine") || $0 > 0 }
        let values = steps.map { step in
          fixture.seeds.map {
            factor * fixture.value(column, .init(seed: $0, order: order, step: step))
          }
        }
        let line = try drawn.line(name)
        let (high, low) = try drawn.band(name)
        #expect(line.count == steps.count)
        for (index, pair) in values.enumerated() {
          let (mean, error) = ((pair[0] + pair[1]) / 2, abs(pair[0] - pair[1]) / 2)
          let precision = drawn.precision(mean)
          #expect(abs(line[index].x - Double(steps[index])) < 0.01)
          #expect(abs(line[index].y - mean) <= precision, "\(name) \(line[index]) \(mean)")
          #expect(abs(high[index] - mean - error) <= precision)
          // A logarithmic axis ends above zero.
          let isOff = drawn.isLogarithmic && mean - error < 1e-12
          let distance = isOff ? low[index] - mean : abs(low[index] - mean + error)
          #expect(distance <= precision)
        }
      }
    }
  }

  @Test func theEndAgainstTheOrder() throws {
    let fixture = StudyFixture()
    let report = try fixture.withFolder { try StudyReport($0) }
    let figure = try #require(report.figures.first { $0.name == "final-test-accuracy" })
    let drawn = try DrawnChart(figure.svg)
    let line = try drawn.line("expansions")
    // 0.1 + 0.4 + k/10, the seeds 0 and 0.02 more: 61 % and 71 %, full 91 %; errors 1 %.
    #expect(line.count == 2)
    for (corner, expected) in zip(line, [(1.0, 61.0), (2, 71)]) {
      #expect(abs(corner.x - expected.0) < 0.01)
      #expect(abs(corner.y - expected.1) <= drawn.precision(expected.1))
    }
    #expect(abs(try drawn.level("full") - 91) <= drawn.precision(91))
    #expect(drawn.bars("expansions").allSatisfy { abs($0.high - $0.low - 2) < 0.2 })
    #expect(report.finals.header.prefix(4) == ["order", "seeds", "diverged", "test accuracy"])
    #expect(
      report.finals.rows.map { Array($0.prefix(5)) } == [
        ["1", "2", "–", "61.00 ± 1.00 %", "0.91000 ± 0.010"],
        ["2", "2", "–", "71.00 ± 1.00 %", "0.81000 ± 0.010"],
        ["full", "2", "–", "91.00 ± 1.00 %", "0.61000 ± 0.010"],
      ])
  }

  @Test func oneSeedHasNoBandsAndNoErrors() throws {
    var fixture = StudyFixture()
    fixture.seeds = [7]
    fixture.value = { column, place in
      StudyFixture.standard(column, .init(seed: 0, order: place.order, step: place.step))
    }
    let report = try fixture.withFolder { try StudyReport($0) }
    #expect(!report.figures.contains { $0.svg.contains("fill-opacity") })
    #expect(report.finals.rows[0][3] == "60.00 %")
    #expect(report.html.contains("one seed") && !report.html.contains("±"))
    _ = try XMLChecker(report.html)
  }

  @Test func divergedMembersAreMarked() throws {
    var fixture = StudyFixture()
    // Order 1 with both seeds, order 2 with one.
    fixture.diverged = { place in
      place.order == 1 || (place.order == 2 && place.seed == 1) ? 20 : nil
    }
    fixture.value = { column, place in
      column == "test_loss" && place.order == 1 && place.step == 10
        ? 1e30 : StudyFixture.standard(column, place)
    }
    let report = try fixture.withFolder { try StudyReport($0) }
    _ = try XMLChecker(report.html)
    let loss = try #require(report.figures.first { $0.name == "test-loss" })
    let drawn = try DrawnChart(loss.svg)
    let (all, some) = ("order 1 (all 2 seeds diverged)", "order 2 (1 of 2 seeds diverged)")
    #expect(drawn.crosses(all).count == 2 && drawn.crosses(some).count == 1)
    #expect(loss.svg.contains(">\(all)</text>") && loss.svg.contains(">\(some)</text>"))
    // Seed 1 of order 2 had 2 − 1/2 − 0.2 + 0.02 at step 10, its last.
    let cross = try #require(drawn.crosses(some).first)
    #expect(abs(cross.x - 10) < 0.01 && abs(cross.y - 1.32) <= drawn.precision(1.32))
    // The others keep their scale, and order 2 is seed 0 alone.
    let line = try drawn.line(some)
    for (corner, expected) in zip(line, [1.8, 1.3, 0.8]) {
      #expect(abs(corner.y - expected) <= drawn.precision(expected))
    }
    #expect(report.finals.rows[0].prefix(4) == ["1", "2", "2, at step 20", "–"])
    #expect(report.finals.rows[1].prefix(4) == ["2", "2", "1, at step 20", "70.00 %"])
    #expect(report.html.contains("Order 1 with 2 of 2 seeds diverged (found at step 20)"))
    let final = try #require(report.figures.first { $0.name == "final-test-accuracy" })
    #expect(final.svg.contains(">1 ×</text>") && final.svg.contains(">2*</text>"))
    #expect(final.note == "× diverged; * without the seeds that diverged")
  }

  @Test func everyMemberDivergedAtOnce() throws {
    var fixture = StudyFixture()
    fixture.diverged = { _ in 0 }
    let report = try fixture.withFolder { try StudyReport($0) }
    let document = try XMLChecker(report.html)
    #expect(report.figures.isEmpty && document.text.contains("diverged"))
  }

  @Test func emptyColumnsHaveNoFigures() throws {
    var fixture = StudyFixture()
    fixture.empty = [
      "test_accuracy", "train_accuracy", "kernel_distance", "kernel_alignment",
      "relative_movement.layers.0.bias",
    ]
    let report = try fixture.withFolder { try StudyReport($0) }
    let names = report.figures.map(\.name)
    let missing: Set = [
      "test-accuracy", "train-accuracy", "final-test-accuracy", "kernel-distance",
      "kernel-alignment",
    ]
    #expect(Set(names) == Set(Self.always).subtracting(missing))
    #expect(!report.finals.header.contains("test accuracy"))
    guard
      case .panels(let panels)? = report.figures.first(where: { $0.name == "movement" })?.content
    else {
      Issue.record("no panels of movement")
      return
    }
    #expect(panels.charts.map(\.title) == ["layers.0.weight"])
  }

  @Test func withoutFullThereIsNothingToAgreeWith() throws {
    var fixture = StudyFixture()
    fixture.orders = [1, 2]
    fixture.empty = [
      "logit_distance", "logit_cosine", "parameter_distance", "parameter_cosine",
    ].reduce(into: Set(fixture.tensorColumns.filter { $0.hasPrefix("parameter_") })) {
      $0.insert($1)
    }
    let report = try fixture.withFolder { try StudyReport($0) }
    #expect(report.html.contains("no member of order full"))
    _ = try XMLChecker(report.html)
  }

  @Test func hostileTextIsEscaped() throws {
    var fixture = StudyFixture()
    let hostile = "<script>\"&'"
    fixture.tensors = [hostile + ",", "b"]
    fixture.axes = [("width", ["<i>", "64"])]
    fixture.json = #"{"backend": "<b>&\"", "settings": {"data": "</title><script>x</script>"}}"#
    let folder = try StudyFixture.newFolder(["study.json": fixture.json, "study.csv": fixture.csv])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try StudyReport.write(to: folder)
    let page = try StudyFixture.text(folder + "/report.html")
    let document = try XMLChecker(page)
    #expect(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>"))
    #expect(document.text.contains(hostile) && document.text.contains("</title><script>x</script>"))
    for file in try FileManager.default.contentsOfDirectory(atPath: folder + "/figures") {
      _ = try XMLChecker(StudyFixture.text("\(folder)/figures/\(file)"))
      #expect(file.allSatisfy { $0.isASCII && !"<>&\"'/".contains($0) }, "\(file)")
    }
  }

  @Test func damagedFilesAreNamedWithTheirLine() throws {
    let good = StudyFixture().csv
    var lines = good.split(separator: "\n").map { String($0) }
    let short = lines.dropLast() + ["1,2,3"]
    lines[3] = lines[3].replacing("0.1", with: "x.1")
    let cases: [(String, [String])] = [
      (lines.joined(separator: "\n") + "\n", ["study.csv", "line 4", "not a number"]),
      (short.joined(separator: "\n") + "\n", ["line \(short.count)", "has 3 cells"]),
      ("a,b\n1,2\n", ["line 1", "seed"]),
      (good.replacing(",full,20", with: ",half,20"), ["half", "order"]),
      (good.split(separator: "\n")[0] + "\n", ["no rows yet"]),
      ("", ["line 1"]),
    ]
    for (csv, words) in cases {
      let folder = try StudyFixture.newFolder(["study.json": "{}", "study.csv": csv])
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let error = #expect(throws: (any Error).self) { try StudyReport.write(to: folder) }
      for word in words { #expect("\(error!)".contains(word), "\(word) in \(error!)") }
      #expect(!FileManager.default.fileExists(atPath: folder + "/report.html"))
    }
    let folder = try StudyFixture.newFolder([:])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: TrainingError.self) { try StudyReport.write(to: folder) }
  }

  @Test("a study that goes on: a row that is being written, a seed that has just begun")
  func unfinished() throws {
    var fixture = StudyFixture()
    var csv = fixture.csv
    csv += "0,1,30,1.5"
    let table = try StudyTable(Array(csv.utf8), path: "study.csv")
    #expect(table.points[0].members.allSatisfy { $0.rows.count == 3 })
    fixture.steps = [0, 10, 20]
    let rows = fixture.csv.split(separator: "\n").filter {
      !($0.hasPrefix("1,") && $0.contains(",20,"))
    }
    let cut = try StudyTable(
      Array((rows.joined(separator: "\n") + "\n").utf8), path: "study.csv")
    let slice = cut.slices(cut.points[0])[0]
    // A mean over one seed beside means over two would show a jump that is none.
    #expect(slice.curve("test_loss").map(\.x) == [0, 10])
    let findings = StudyFindings(cut.slices(cut.points[0])).sentences
    #expect(findings.contains { $0.contains("Not every member has come to step 20") })
  }
}
