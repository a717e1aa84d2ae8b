import DataSets
import Glibc
import Testing

/// Subsets, splits, noise and targets.
@Suite struct TaskControlsTests {
  private func digits(_ change: (inout DataSetOptions) -> Void) throws -> DataSet {
    var options = DataSetOptions()
    change(&options)
    return try Digits.load(options)
  }

  private func labels(_ examples: Examples?) throws -> [Int] {
    guard let examples, case .classes(let labels, _) = examples.targets else {
      Issue.record("no classes")
      return []
    }
    return labels.map { Int($0) }
  }

  private func rows(_ examples: Examples) -> [[Double]] {
    let values = examples.doubles()
    return (0..<examples.count).map {
      Array(values[$0 * examples.inputSize..<($0 + 1) * examples.inputSize])
    }
  }

  // MARK: Classes

  @Test func classSubsets() throws {
    let all = try Digits.load()
    let some = try digits { $0.classes = ["7", "0", "1"] }
    #expect(some.classCount == 3 && some.outputs == 3)
    for (part, whole) in [(some.train, all.train), (some.test, all.test)] {
      // The split comes after the choice, so only the union is that of the whole.
      #expect(part.count > 0 && part.inputSize == whole.inputSize)
    }
    let order = [7, 0, 1]
    let allRows = rows(all.train) + rows(all.test)
    let allLabels = try labels(all.train) + labels(all.test)
    var known: [[Double]: Set<Int>] = [:]
    for (row, label) in zip(allRows, allLabels) { known[row, default: []].insert(label) }
    let someRows = rows(some.train) + rows(some.test)
    let someLabels = try labels(some.train) + labels(some.test)
    #expect(someRows.count == allLabels.count { order.contains($0) })
    for (row, label) in zip(someRows, someLabels) {
      #expect(known[row]?.contains(order[label]) == true)
    }
    #expect(some.test.count == (someRows.count + 4) / 5)
  }

  @Test func classNames() throws {
    try withTemporaryFolder { folder in
      let lines = ["x,kind"] + (0..<30).map { "\($0),\(["ant", "bee", "cow"][$0 % 3])" }
      try AtomicFile.write("\(folder)/t.csv", Array((lines.joined(separator: "\n") + "\n").utf8))
      let specification = try DataSetSpecification(parsing: "csv:\(folder)/t.csv:kind")
      var options = DataSetOptions(standardize: false)
      options.classes = ["cow", "ant"]
      let data = try specification.load(options)
      #expect(data.classNames == ["cow", "ant"])
      let expected = rows(data.train).map { Int($0[0]) % 3 == 2 ? 0 : 1 }
      #expect(try labels(data.train) == expected)
      options.classes = ["2", "0"]
      #expect(try specification.load(options).trainTargets == data.trainTargets)
      options.classes = ["dog", "ant"]
      expectFileError("'dog'", "'ant', 'bee', 'cow'") { _ = try specification.load(options) }
    }
  }

  @Test func badClasses() {
    for (names, words) in [
      (["3", "10"], ["'10'", "0 to 9"]), (["3", "3"], ["twice"]), (["3"], ["at least two"]),
      (["3", ""], ["''"]), (["-1", "2"], ["'-1'"]),
    ] {
      do {
        _ = try digits { $0.classes = names }
        Issue.record("\(names) were taken")
      } catch {
        for word in words { #expect("\(error)".contains(word), "\(error)") }
      }
    }
    var options = DataSetOptions()
    options.classes = ["0", "1"]
    expectFileError("numbers as targets") {
      _ = try DataSetSpecification(parsing: "synthetic:staircase:n=9").load(options)
    }
  }

  // MARK: Splits and sizes

  @Test func trainingSizesAreNested() throws {
    let whole = try Digits.load()
    var before: Set<[Double]> = []
    var sizes: [[Double]] = []
    for size in [1, 10, 200, 1437] {
      let data = try digits {
        $0.trainSize = size
        $0.dataSeed = 3
      }
      #expect(data.train.count == size && data.test.doubles() == whole.test.doubles())
      let now = Set(rows(data.train))
      #expect(before.isSubset(of: now))
      before = now
      sizes.append(data.train.doubles())
    }
    #expect(sizes[3] == whole.train.doubles())
    let other = try digits {
      $0.trainSize = 200
      $0.dataSeed = 4
    }
    #expect(other.train.doubles() != sizes[2])
    // Not the first rows either.
    #expect(sizes[2] != whole.train.doubles(rows: 0..<200))
    for size in [0, 1438, -3] {
      expectFileError("\(size)", "1 to 1437") { _ = try digits { $0.trainSize = size } }
    }
  }

  @Test func seededSplits() throws {
    func load(_ seed: UInt64, size: Int? = nil) throws -> DataSet {
      try digits {
        $0.split = .seeded
        $0.dataSeed = seed
        $0.testShare = 0.25
        $0.validationShare = 0.1
        $0.trainSize = size
      }
    }
    let byIndex = try digits {
      $0.testShare = 0.25
      $0.validationShare = 0.1
    }
    let (a, again, b) = (try load(1), try load(1), try load(2))
    #expect(a.test.doubles() == again.test.doubles() && a.train.doubles() == again.train.doubles())
    #expect(a.test.doubles() != b.test.doubles())
    #expect(a.test.count == byIndex.test.count && a.test.count == 450)
    #expect(
      a.validation?.count == byIndex.validation?.count && a.train.count == byIndex.train.count)
    let parts = rows(a.train) + rows(a.test) + (a.validation.map(rows) ?? [])
    let all = try Digits.load()
    func sorted(_ rows: [[Double]]) -> [[Double]] {
      rows.sorted { $0.lexicographicallyPrecedes($1) }
    }
    #expect(sorted(parts) == sorted(rows(all.train) + rows(all.test)))
    // 450 of 1797 test rows are multiples of 4 by index; a drawn set holds about 112 of them.
    let common = Set(rows(a.test)).intersection(rows(byIndex.test)).count
    #expect((70...160).contains(common))
    // A smaller training set leaves the others alone.
    let small = try load(1, size: 30)
    #expect(small.train.count == 30 && small.test.doubles() == a.test.doubles())
    #expect(small.validation?.doubles() == a.validation?.doubles())
    var options = DataSetOptions()
    options.split = .seeded
    expectFileError("test set of its own", "validation share") {
      _ = try DataSetSpecification(parsing: "synthetic:parity:n=50").load(options)
    }
    options.validationShare = 0.1
    let synthetic = try DataSetSpecification(parsing: "synthetic:parity:n=50").load(options)
    #expect(synthetic.validation?.count == 5)
  }

  // MARK: Noise

  @Test func labelNoise() throws {
    let clean = try labels(Digits.load().train)
    var replaced: Set<Int> = []
    for share in [0.1, 0.25, 0.5, 1] {
      let data = try digits {
        $0.labelNoise = share
        $0.dataSeed = 8
      }
      let noisy = try labels(data.train)
      let rows = Set(clean.indices.filter { clean[$0] != noisy[$0] })
      #expect(rows.count == Int((share * 1437).rounded()))
      // More noise adds to less.
      #expect(replaced.isSubset(of: rows))
      replaced = rows
      #expect(data.testTargets == (try Digits.load()).testTargets)
      guard share == 1 else { continue }
      // Uniform over the nine others: χ² with 8 degrees of freedom is below 43 with probability
      // 1 − 1e-6.
      var counts = [Double](repeating: 0, count: 10)
      for (a, b) in zip(clean, noisy) { counts[(b - a + 10) % 10] += 1 }
      let expected = 1437.0 / 9
      let statistic = counts[1...].reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
      #expect(statistic < 43 && counts[0] == 0)
    }
    let other = try digits {
      $0.labelNoise = 0.25
      $0.dataSeed = 9
    }
    let same = try digits {
      $0.labelNoise = 0.25
      $0.dataSeed = 8
    }
    #expect(other.trainTargets != same.trainTargets)
    expectFileError("1.5", "0 to 1") { _ = try digits { $0.labelNoise = 1.5 } }
    for bad in [-0.1, .nan, .infinity] {
      expectFileError("label noise") { _ = try digits { $0.labelNoise = bad } }
    }
  }

  /// Noise is added to standardised targets of training rows: 2400 squares lie within 5.5 deviations
  /// of their mean with probability above 1 − 1e-6.
  @Test func noiseOnValues() throws {
    let specification = try DataSetSpecification(
      parsing: "synthetic:staircase:n=2400,test=10,degree=5")
    func load(_ noise: Double, seed: UInt64 = 0, size: Int? = nil) throws -> DataSet {
      var options = DataSetOptions(standardize: true)
      options.labelNoise = noise
      options.dataSeed = seed
      options.trainSize = size
      return try specification.load(options)
    }
    let (clean, noisy) = (try load(0), try load(2))
    let differences = zip(noisy.trainTargets.doubles(), clean.trainTargets.doubles())
      .map { ($0 - $1) / 2 }
    let squares = differences.reduce(0) { $0 + $1 * $1 }
    let sum = differences.reduce(0, +)
    #expect(abs(squares - 2400) < 5.5 * sqrt(2 * 2400))
    #expect(abs(sum) < 5.5 * sqrt(2400))
    #expect(noisy.testTargets == clean.testTargets)
    #expect(noisy.targetStandardization == clean.targetStandardization)
    #expect(try load(2, seed: 1).trainTargets != noisy.trainTargets)
  }

  /// Noise stays with its row when the set is cut down.
  @Test func noiseStaysWithItsRow() throws {
    let specification = try DataSetSpecification(parsing: "synthetic:staircase:n=200,test=10")
    func load(_ size: Int) throws -> [[Double]: Double] {
      var options = DataSetOptions()
      options.labelNoise = 1
      options.trainSize = size
      let data = try specification.load(options)
      return Dictionary(
        zip(rows(data.train), data.trainTargets.doubles()), uniquingKeysWith: { a, _ in a })
    }
    let (small, large) = (try load(20), try load(200))
    #expect(small.count == 20 && small.allSatisfy { large[$0.key] == $0.value })
  }

  // MARK: Targets

  @Test func centredTargets() throws {
    let data = try digits { $0.targetEncoding = .centred }
    let expected = data.trainTargets.doubles().map { $0 - 0.1 }
    #expect(data.train.targetDoubles() == expected)
    #expect(data.train.targetFloats() == expected.map { Float($0) })
    #expect(data.test.targetDoubles().reduce(0, +).magnitude < 1e-9)
    #expect(try Digits.load().train.targetDoubles() == data.trainTargets.doubles())
    #expect(data.targetEncoding == .centred)
    var options = DataSetOptions()
    options.targetEncoding = .centred
    expectFileError("numbers as targets") {
      _ = try DataSetSpecification(parsing: "synthetic:staircase:n=9").load(options)
    }
  }
}
