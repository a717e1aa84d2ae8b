import DataSets
import FoundationEssentials
import Testing

@Suite("Data sets")
struct DataSetTests {
  @Test("the embedded digits; counts and sums computed by numpy")
  func digits() throws {
    let data = try DataSetSpecification(parsing: "digits").load()
    #expect(data.name == "digits" && data.inputShape == [1, 8, 8])
    #expect(data.train.count == 1437 && data.test.count == 360 && data.validation == nil)
    #expect(data.outputs == 10 && data.classCount == 10)
    #expect(data.test.doubles().reduce(0, +) * 16 == 112598)
    #expect(data.train.doubles().reduce(0, +) * 16 == 449120)
    guard case .classes(let labels, _) = data.testTargets else {
      Issue.record("no classes")
      return
    }
    let counts = (0..<10).map { label in labels.count { $0 == label } }
    #expect(counts == [42, 28, 26, 48, 38, 39, 30, 26, 36, 47])
    let images = try Digits.images().integers()
    #expect(data.test.floats(rows: 1..<2) == images[320..<384].map { Float($0) / 16 })
    #expect(data.train.floats(rows: 0..<1) == images[64..<128].map { Float($0) / 16 })
    #expect(data.inputStandardization == nil)
  }

  @Test("shares: evenly spread, a fifth is the multiples of 5")
  func splitting() throws {
    let fifth = try RowSplit.rows(1797, share: 0.2, name: "share")
    #expect(fifth.taken == (0..<1797).filter { $0 % 5 == 0 })
    #expect(fifth.kept == (0..<1797).filter { $0 % 5 != 0 })
    for share in [0, 0.001, 0.1, 1.0 / 3, 0.5, 0.75, 0.999] {
      for count in [0, 1, 7, 1000, 5003] {
        let rows = try RowSplit.rows(count, share: share, name: "share")
        #expect((rows.kept + rows.taken).sorted() == Array(0..<count))
        // ⌈n·s⌉ with s in millionths.
        let millionths = Int((share * 1_000_000).rounded())
        #expect(rows.taken.count == (count * millionths + 999_999) / 1_000_000)
      }
    }
    for share in [-0.1, 1, 2, .nan, .infinity] {
      expectFileError("share") { _ = try RowSplit.rows(10, share: share, name: "share") }
    }
  }

  @Test func validation() throws {
    let data = try DataSetSpecification.digits.load(
      DataSetOptions(testShare: 0.5, validationShare: 0.1))
    #expect(data.test.count == 899)
    #expect(data.validation?.count == 90 && data.train.count == 808)
    expectFileError("validation share") {
      _ = try DataSetSpecification.digits.load(DataSetOptions(validationShare: 1))
    }
  }

  @Test("labels, one-hot rows and values from arrays")
  func arrays() throws {
    try withTemporaryFolder { folder in
      let inputs = NumericArray((0..<20).map { Double($0) }, shape: [10, 2])
      try NumpyFile.write(inputs, to: "\(folder)/x.npy")
      func load(_ targets: NumericArray, kind: TargetKind = .automatic) throws -> DataSet {
        try NumpyFile.write(targets, to: "\(folder)/y.npy")
        return try DataSetSpecification(parsing: "npy:\(folder)/x.npy,\(folder)/y.npy")
          .load(DataSetOptions(standardize: false, targetKind: kind))
      }
      let ids: [Int32] = [2, 0, 1, 0, 1, 0, 2, 1, 1, 0]
      let labels = try load(NumericArray(ids))
      let trainIDs: [Int32] = [0, 1, 0, 1, 2, 1, 1, 0]
      #expect(labels.trainTargets == .classes(labels: trainIDs, count: 3))
      #expect(labels.testTargets == .classes(labels: [2, 0], count: 3))
      #expect(labels.train.doubles(rows: 0..<1) == [2, 3])
      #expect(labels.test.doubles() == [0, 1, 10, 11])
      #expect(try load(NumericArray(ids, shape: [10, 1])).trainTargets == labels.trainTargets)
      let oneHot = NumericArray(
        ids.flatMap { id in (0..<3).map { Float($0 == id ? 1 : 0) } }, shape: [10, 3])
      #expect(try load(oneHot).trainTargets == labels.trainTargets)
      #expect(try load(oneHot, kind: .values).trainTargets.outputs == 3)
      let values = (0..<10).map { Double($0) }
      let trainValues = values.filter { Int($0) % 5 != 0 }
      #expect(try load(NumericArray(values)).trainTargets == .values(trainValues, outputs: 1))
      #expect(
        try load(NumericArray(values), kind: .classes).trainTargets
          == .classes(labels: trainValues.map { Int32($0) }, count: 10))
      // Almost one-hot: values.
      let almost = NumericArray(
        (0..<10).flatMap { [1, $0 == 3 ? 1 : 0] as [Double] }, shape: [10, 2])
      #expect(try load(almost).trainTargets.classesOrNil == nil)
      for bad in [
        NumericArray([Int32](repeating: -1, count: 10)),
        NumericArray([Int32](repeating: .max, count: 10)),
        NumericArray([Int32](repeating: 0, count: 9)),
        NumericArray([Int32](repeating: 3, count: 20), shape: [10, 2]),
        NumericArray([Int32](repeating: 3, count: 20), shape: [10, 2, 1]),
        NumericArray([Double](repeating: 3, count: 9) + [.nan]),
      ] {
        expectFileError("y.npy") { _ = try load(bad) }
      }
    }
  }

  @Test func ownTestArraysAndStandardisation() throws {
    try withTemporaryFolder { folder in
      try SafetensorsFile.write(
        [
          ("x", NumericArray([1, 0.1, 3, 0.1, 5, 0.1], shape: [3, 2])),
          ("y", NumericArray([10, 20, 30] as [Float])),
          ("x:t", NumericArray([3, 1.1], shape: [1, 2])), ("y:t", NumericArray([40.0])),
        ], to: "\(folder)/d.safetensors")
      let file = "\(folder)/d.safetensors"
      let text = "npy:\(file):x,\(file):y,\(file):x:t,\(file):y:t"
      let specification = try DataSetSpecification(parsing: text)
      #expect(specification.description == text)
      let data = try specification.load()
      let unit = 1.5.squareRoot()
      // The second column is constant: mean 0.1 exactly, deviation 1.
      #expect(data.inputStandardization?.means == [3, 0.1])
      #expect(data.inputStandardization?.deviations[1] == 1)
      let expected = [-unit, 0, 0, 0, unit, 0]
      #expect(zip(data.train.doubles(), expected).allSatisfy { abs($0 - $1) < 1e-15 })
      #expect(data.test.doubles() == [0, 1])
      #expect(zip(data.testTargets.doubles(), [2 * unit]).allSatisfy { abs($0 - $1) < 1e-15 })
      expectFileError("test set of its own") {
        _ = try specification.load(DataSetOptions(testShare: 0.5))
      }
    }
  }

  @Test func nonFiniteAndHugeInputs() throws {
    try withTemporaryFolder { folder in
      func load(_ values: [Double]) throws -> DataSet {
        try NumpyFile.write(NumericArray(values, shape: [3, 2]), to: "\(folder)/x.npy")
        try NumpyFile.write(NumericArray([1.0, 2, 3]), to: "\(folder)/y.npy")
        return try DataSetSpecification(parsing: "npy:\(folder)/x.npy,\(folder)/y.npy").load()
      }
      expectFileError("x.npy", "row 1, column 1", "nan") { _ = try load([1, 2, 3, .nan, 5, 6]) }
      expectFileError("row 2, column 0", "inf") { _ = try load([1, 2, 3, 4, -.infinity, 6]) }
      expectFileError("too large") { _ = try load([1, 2, 1e200, 4, -1e300, 6]) }
    }
  }

  @Test("IDX folders: dashes, dots, gzip; channel statistics on request")
  func idxFolder() throws {
    try withTemporaryFolder { folder in
      func images(_ values: [UInt8]) -> [UInt8] {
        [0, 0, 8, 3, 0, 0, 0, UInt8(values.count / 4), 0, 0, 0, 2, 0, 0, 0, 2] + values
      }
      func labels(_ values: [UInt8]) -> [UInt8] {
        [0, 0, 8, 1, 0, 0, 0, UInt8(values.count)] + values
      }
      let pixels: [UInt8] = [0, 51, 102, 255, 0, 0, 0, 204]
      try AtomicFile.write("\(folder)/train-images-idx3-ubyte", images(pixels))
      try AtomicFile.write("\(folder)/train-labels.idx1-ubyte", labels([1, 0]))
      try AtomicFile.write("\(folder)/t10k-images.idx3-ubyte", images([255, 0, 0, 0]))
      expectFileError(folder, "t10k-labels-idx1-ubyte") {
        _ = try DataSetSpecification(parsing: "idx:\(folder)").load()
      }
      try AtomicFile.write("\(folder)/t10k-labels-idx1-ubyte", labels([4]))
      let data = try DataSetSpecification(parsing: "idx:\(folder)").load()
      #expect(data.inputShape == [1, 2, 2] && data.classCount == 5)
      #expect(data.train.doubles() == [0, 0.2, 0.4, 1, 0, 0, 0, 0.8])
      #expect(data.test.floats() == [1, 0, 0, 0])
      #expect(data.testTargets == .classes(labels: [4], count: 5))
      let scaled = try DataSetSpecification(parsing: "idx:\(folder)").load(
        DataSetOptions(standardize: true))
      #expect(abs((scaled.inputStandardization?.means[0] ?? 0) - 0.3) < 1e-15)
      #expect(abs(scaled.train.doubles().reduce(0, +)) < 1e-12)
      #expect(abs(scaled.train.doubles().reduce(0) { $0 + $1 * $1 } - 8) < 1e-12)
      try AtomicFile.write("\(folder)/train-labels.idx1-ubyte", labels([1, 0, 1]))
      expectFileError("train-labels", "2 images") {
        _ = try DataSetSpecification(parsing: "idx:\(folder)").load()
      }
    }
  }

  @Test("CIFAR-10 folders", arguments: ["", "/cifar-10-batches-bin"])
  func cifar(_ inner: String) throws {
    try withTemporaryFolder { folder in
      let place = folder + inner
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true)
      func record(_ label: UInt8) -> [UInt8] {
        [label] + (0..<3072).map { UInt8($0 / 1024 * 51) }
      }
      for batch in 1...5 {
        try AtomicFile.write(
          "\(place)/data_batch_\(batch).bin", record(UInt8(batch)) + record(9))
      }
      expectFileError("test_batch.bin", "No such file") {
        _ = try DataSetSpecification(parsing: "cifar10:\(folder)").load()
      }
      try AtomicFile.write("\(place)/test_batch.bin", record(0))
      let data = try DataSetSpecification(parsing: "cifar10:\(folder)").load(
        DataSetOptions(standardize: true))
      #expect(data.inputShape == [3, 32, 32])
      #expect(
        data.trainTargets == .classes(labels: [1, 9, 2, 9, 3, 9, 4, 9, 5, 9], count: 10))
      #expect(data.inputStandardization?.means == [0, 0.2, 0.4])
      #expect(data.test.doubles().allSatisfy { $0 == 0 })
      try AtomicFile.write("\(place)/test_batch.bin", record(10))
      expectFileError("test_batch.bin", "record 0", "label 10") {
        _ = try DataSetSpecification(parsing: "cifar10:\(folder)").load()
      }
      try AtomicFile.write("\(place)/test_batch.bin", record(1).dropLast())
      expectFileError("test_batch.bin", "3072") {
        _ = try DataSetSpecification(parsing: "cifar10:\(folder)").load()
      }
    }
  }
}

extension Targets {
  fileprivate var classesOrNil: [Int32]? {
    if case .classes(let labels, _) = self { labels } else { nil }
  }
}
