import DataSets
import Testing

@Suite("CSV")
struct CSVTests {
  /// All rows, unscaled: the training rows are all of them.
  private func load(
    _ text: String, _ target: String, kind: TargetKind = .automatic
  ) throws -> DataSet {
    try withFile(Array(text.utf8), "t.csv") { path in
      try DataSetSpecification(parsing: "csv:\(path):\(target)").load(
        DataSetOptions(testShare: 0, standardize: false, targetKind: kind))
    }
  }

  @Test(
    "one table in many spellings",
    arguments: [
      "a,b,y\n1,2,3\n4,5,6\n", "a,b,y\n1,2,3\n4,5,6", "a,b,y\r\n1,2,3\r\n4,5,6\r\n",
      "a,b,y\r1,2,3\r4,5,6\r", "a;b;y\n1;2;3\n4;5;6\n", "a\tb\ty\n1\t2\t3\n4\t5\t6\n",
      "\u{feff}a,b,y\n1,2,3\n4,5,6\n", "\n\na,b,y\n\n1,2,3\n\r\n4,5,6\n\n",
      "\"a\",\"b\",\"y\"\n\"1\",2,\"3\"\n4,\"5\",6\n", " a , b , y \n 1, 2 ,3\n+4,5.0,.6e1\n",
      "\"a\"\"\n,;\",b,y\n1,2,3\n4,5,6\n",
    ])
  func spellings(_ text: String) throws {
    for target in ["y", "2"] {
      let data = try load(text, target)
      #expect(data.train.doubles() == [1, 2, 4, 5])
      #expect(data.train.floats() == [1, 2, 4, 5])
      #expect(data.trainTargets == .values([3, 6], outputs: 1))
      #expect(data.inputShape == [2] && data.test.count == 0 && data.classNames == nil)
    }
  }

  @Test func targetColumns() throws {
    let first = try load("a,b,y\n1,2,3\n4,5,6\n", "a")
    #expect(first.train.doubles() == [2, 3, 5, 6])
    #expect(first.trainTargets == .values([1, 4], outputs: 1))
    let bare = try load("1,2,3\n4,5,6\n", "1")
    #expect(bare.train.doubles() == [1, 3, 4, 6])
    #expect(bare.trainTargets == .values([2, 5], outputs: 1))
  }

  @Test("text in the target column becomes class ids in the order of the labels")
  func labels() throws {
    for text in ["x,kind\n1,dog\n2,cat\n3,Zebra\n4,dog\n", "1,dog\n2,cat\n3,Zebra\n4,dog\n"] {
      let data = try load(text, "1")
      #expect(data.trainTargets == .classes(labels: [2, 1, 0, 2], count: 3))
      #expect(data.classNames == ["Zebra", "cat", "dog"])
      #expect(data.train.doubles() == [1, 2, 3, 4])
      #expect(data.trainTargets.doubles() == [0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1])
    }
    let numbers = try load("x,y\n1,10\n2,9\n3,10\n", "y", kind: .classes)
    #expect(numbers.trainTargets == .classes(labels: [1, 0, 1], count: 2))
    #expect(numbers.classNames == ["9", "10"])
  }

  @Test(
    "cells that cannot be used are named by line and column",
    arguments: [
      ("a,b,y\n1,2,3\n4,x,6\n", "line 3, column 1 (b)", "'x' is not a number"),
      ("a,b,y\n\n1,2,3\n4,,6\n", "line 4, column 1 (b)", "is empty"),
      ("a,b,y\n1,2,3\nnan,2,6\n", "line 3, column 0 (a)", "'nan' is not a finite number"),
      ("a,b,y\n1,2,3\n-inf,2,6\n", "line 3, column 0 (a)", "finite"),
      ("a,b,y\n1,1e999,3\n", "line 2, column 1 (b)", "finite"),
      ("a,b,y\n1,0x10,3\n", "line 2, column 1 (b)", "'0x10' is not a number"),
      ("a,b,y\n1,2,3\n1,2,NA\n", "line 3, column 2 (y)", "'NA' is not a number"),
      ("a,b,y\n1,2,3\n1,2,\n", "line 3, column 2 (y)", "is empty"),
      ("a,b,y\n1,2,3\n1,2,NaN\n", "line 3, column 2 (y)", "finite"),
      ("a,b,y\n1,2,dog\n1,2,\n", "line 3, column 2 (y)", "is empty"),
      ("a,b,y\n1,2\n", "line 2", "has 2 cells"),
      ("a,b,y\n1,2,3,4\n", "line 2", "has 4 cells"),
      ("a,b,y\n\"1\n2\",2,3\n1,2\n", "line 2, column 0 (a)", "not a number"),
      ("a,b,y\n1,\"2,3\n", "line 2", "never closed"),
      ("a,b,y\n1,\"2\"x,3\n", "line 2", "behind a closing quote"),
      ("a,b,z\n1,2,3\n", "line 1", "no column 'y'"),
      ("1,2,3\n", "line 1", "no column 'y'"),
      ("y\n1\n", "line 1", "one column"),
      ("a,b,y\n", "t.csv", "no rows"),
      ("", "t.csv", "no rows"),
      ("\n\n", "t.csv", "no rows"),
      ("a,b,y\n1,\u{1b}[31m,3\n", "line 2", "'?[31m'"),
    ])
  func badCells(_ text: String, _ place: String, _ problem: String) {
    expectFileError("t.csv", place, problem) { _ = try load(text, "y") }
  }

  @Test("a first row that is half text is data, and refused, not a header that is skipped")
  func halfHeader() {
    expectFileError("line 1, column 0", "'NA'") { _ = try load("NA,2,3\n4,5,6\n", "2") }
    expectFileError("no column '3'", "from 0 to 2") { _ = try load("1,2,3.5\n4,5,6\n", "3") }
  }

  @Test("442 patients, standardised by the 353 training rows: statistics computed by numpy")
  func diabetes() throws {
    let path = diabetesTable
    let data = try DataSetSpecification(parsing: "csv:\(path):progression").load()
    #expect(data.train.count == 353 && data.test.count == 89 && data.inputShape == [10])
    let scaling = try #require(data.inputStandardization)
    let targetScaling = try #require(data.targetStandardization)
    func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-13 * max(1, abs(b)) }
    #expect(
      close(scaling.means[0], 48.72237960339943) && close(scaling.deviations[0], 13.489350872894095)
    )
    #expect(
      close(scaling.means[9], 91.1699716713881) && close(scaling.deviations[9], 11.617097112660133))
    #expect(close(targetScaling.means[0], 150.5184135977337))
    #expect(close(targetScaling.deviations[0], 77.180486942116))
    // The second test row is row 5 of the file.
    let row = data.test.doubles(rows: 1..<2)
    #expect(close(row[0], -1.9068656339191792) && close(row[9], -1.9944717210066032))
    #expect(data.test.floats(rows: 1..<2) == row.map { Float($0) })
    guard case .values(let values, 1) = data.testTargets else {
      Issue.record("not regression")
      return
    }
    #expect(close(values[1], -0.6934189679040451))
    #expect(close(targetScaling.invert(values[1], column: 0), 97))
  }
}
