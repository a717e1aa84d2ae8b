import FoundationEssentials
import Testing

@Suite("README")
struct READMETests {
  /// What the table shows of `train --json`.
  struct Result: Decodable {
    var testAccuracy: Double
    var testLoss: Double
    var trainLoss: Double
    var parametersSHA256: String

    enum CodingKeys: String, CodingKey {
      case testAccuracy = "test_accuracy"
      case testLoss = "test_loss"
      case trainLoss = "train_loss"
      case parametersSHA256 = "parameters_sha256"
    }
  }

  @Test("every block of commands works, in sequence, and the table says what it printed")
  func commands() throws {
    let readme = try MarkdownFile("README.md")
    let blocks = readme.shellBlocks.filter { !$0.isExempt }
    #expect(blocks.count >= 8)
    let shell = try Shell()
    for block in blocks {
      let outcome = try shell.run(Self.commands(of: block))
      #expect(
        outcome.status == 0, "README.md:\(block.line): \(block.commands)\n\(outcome.output)")
    }

    let rows = readme.rows(below: "| order | test accuracy")
    #expect(rows.map(\.first) == ["1", "2", "3", "4", "full"])
    for row in rows where row.count == 5 {
      let data = try #require(shell.file("order-\(row[0]).json"), "order-\(row[0]).json")
      let result = try JSONDecoder().decode(Result.self, from: data)
      #expect(Self.shows(row[1], 100 * result.testAccuracy, suffix: " %"), "\(row) \(result)")
      #expect(Self.shows(row[2], result.testLoss), "\(row) \(result)")
      #expect(Self.shows(row[3], result.trainLoss), "\(row) \(result)")
      let digits = row[4].filter { $0.isHexDigit }
      #expect(digits.count >= 16 && result.parametersSHA256.hasPrefix(digits), "\(row) \(result)")
    }
  }

  @Test(
    "every block of commands of the other pages works",
    arguments: [
      ("docs/data.md", 3), ("docs/taylorized-training.md", 5), ("docs/lazy-to-rich.md", 5),
      ("docs/iterative-linearisation.md", 2), ("docs/beyond-linearization.md", 4),
      ("docs/curvature.md", 4), ("docs/sample-complexity.md", 4), ("docs/kernels.md", 3),
      ("docs/fast-adaptation.md", 5),
    ])
  func otherCommands(_ path: String, _ least: Int) throws {
    let blocks = try MarkdownFile(path).shellBlocks.filter { !$0.isExempt }
    #expect(blocks.count >= least)
    let shell = try Shell()
    for block in blocks {
      let outcome = try shell.run(Self.commands(of: block))
      #expect(outcome.status == 0, "\(path):\(block.line): \(block.commands)\n\(outcome.output)")
    }
  }

  /// What a test runs of a block: of a planned one each command with --plan, and made-up pictures of
  /// CIFAR-10's shape in place of CIFAR-10.
  static func commands(of block: MarkdownFile.Block) -> String {
    guard block.isPlanned else { return block.commands }
    return block.commands.replacing("\\\n", with: " ")
      .replacing("cifar10:cifar-10-batches-bin", with: "synthetic:image:n=512,test=64")
      .split(separator: "\n").map { $0 + " --plan\n" }.joined()
  }

  @Test("the table of layers and kernels is the program's")
  func supportTable() throws {
    let outcome = try Shell().run("maclaurin kernel support")
    #expect(outcome.status == 0)
    let lines = try MarkdownFile("docs/kernels.md").lines
    let start = try #require(lines.firstIndex(of: "<!-- support -->"))
    let end = try #require(lines.firstIndex(of: "<!-- end of support -->"))
    #expect(end - start > 20)
    #expect(lines[(start + 1)..<end].joined(separator: "\n") + "\n" == outcome.output)
  }

  @Test("the table of the study shows its summary")
  func studyTable() throws {
    let summary = try MarkdownFile("docs/figures/digits-summary.csv").lines.map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let page = try MarkdownFile("docs/taylorized-training.md")
    let rows = page.rows(below: "| order | test accuracy")
    #expect(rows.map(\.first) == ["1", "2", "3", "4", "full"])
    let columns = ["test_accuracy", "test_loss", "logit_distance", "logit_cosine"]
    for row in rows {
      let values = try #require(summary.first { $0.first == row[0] })
      for (cell, column) in zip(row.dropFirst(), columns) {
        let isShare = column.hasSuffix("accuracy")
        let parts = cell.replacing(" %", with: "").split(separator: " ± ").map(String.init)
        for (part, name) in zip(parts, ["mean", "standard_error"]) {
          let index = try #require(summary[0].firstIndex(of: "\(column)_\(name)"))
          let value = (Double(values[index]) ?? .nan) * (isShare ? 100 : 1)
          #expect(Self.shows(part, value), "order \(row[0]), \(column): \(cell), not \(value)")
        }
      }
    }
  }

  @Test("training gives the study's summary", arguments: ["1", "full"])
  func studySummary(order: String) throws {
    let summary = try MarkdownFile("docs/figures/digits-summary.csv").lines.map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let values = try #require(summary.first { $0.first == order })
    let shell = try Shell()
    let results = try (0...2).map { seed in
      // The command of the page, with one member's order and seed in place of the lists.
      let outcome = try shell.run(
        """
        maclaurin train --data digits --model cnn:32x3 --initialization glorot --lr 0.1 \
          --lr-schedule cosine --epochs 40 --batch-size 64 --order \(order) --seed \(seed) \
          --quiet --json > result.json
        """)
      try #require(outcome.status == 0, "\(outcome.output)")
      return try JSONDecoder().decode(Result.self, from: try #require(shell.file("result.json")))
    }
    for (column, trained) in [
      ("test_loss_mean", results.map(\.testLoss)), ("train_loss_mean", results.map(\.trainLoss)),
      ("test_accuracy_mean", results.map(\.testAccuracy)),
    ] {
      let shown = try #require(
        summary[0].firstIndex(of: column).flatMap { Double(values[$0]) })
      let mean = trained.reduce(0, +) / 3
      #expect(abs(mean - shown) <= 1e-12 * shown, "order \(order), \(column): \(mean), \(shown)")
    }
  }

  /// Whether `cell` is `value` rounded to the digits that the cell has, at least two.
  static func shows(_ cell: String, _ value: Double, suffix: String = "") -> Bool {
    let number = cell.dropLast(suffix.count)
    guard cell.hasSuffix(suffix), let shown = Double(number), let point = number.firstIndex(of: ".")
    else { return false }
    let decimals = number.distance(from: point, to: number.endIndex) - 1
    var unit = 1.0
    for _ in 0..<decimals { unit /= 10 }
    return decimals >= 2 && abs(shown - value) <= 0.5001 * unit
  }

  @Test(
    "links lead to files of the repository",
    arguments: [
      "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/ARCHITECTURE.md", "docs/devices.md",
      "docs/files.md", "docs/data.md", "docs/taylorized-training.md",
      "docs/iterative-linearisation.md", "docs/beyond-linearization.md", "docs/curvature.md",
      "docs/radius-of-convergence.md", "docs/sample-complexity.md", "docs/lazy-to-rich.md",
      "docs/kernels.md", "docs/fast-adaptation.md", "docs/importing.md", "docs/performance.md",
    ])
  func links(path: String) throws {
    let file = try MarkdownFile(path)
    let folder = path.contains("/") ? "/docs/" : "/"
    for link in file.localLinks {
      #expect(
        FileManager.default.fileExists(atPath: MarkdownFile.root + folder + link),
        "\(path) links to \(link)")
    }
  }
}

@Suite("The README tests' own tools")
struct MarkdownToolTests {
  @Test func aFailingCommandFailsAndSaysWhy() throws {
    let shell = try Shell()
    #expect(try shell.run("echo seen; false; echo unseen").status != 0)
    #expect(try shell.run("echo seen; false; echo unseen").output == "seen\n")
    #expect(try shell.run("false | true").status != 0)
    #expect(try shell.run("maclaurin --version").status == 0)
    #expect(try shell.run("maclaurin train --order 9 --quiet").status != 0)
  }

  @Test(arguments: [
    ("0.1432", 0.14317, true), ("0.1432", 0.14327, false), ("0.1", 0.1, false),
    ("0.0819", 0.08186, true), ("1", 1, false),
  ])
  func rounding(cell: String, value: Double, isShown: Bool) {
    #expect(READMETests.shows(cell, value) == isShown)
  }

  @Test func percentages() {
    #expect(READMETests.shows("97.50 %", 97.5, suffix: " %"))
    #expect(READMETests.shows("98.06 %", 98.0556, suffix: " %"))
    #expect(!READMETests.shows("98.05 %", 98.0556, suffix: " %"))
    #expect(!READMETests.shows("98.06", 98.0556, suffix: " %"))
  }
}
