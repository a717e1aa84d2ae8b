/// What options make of a loader's examples, in this order:
///
/// 1. only the chosen classes stay, in all sets, numbered anew;
/// 2. the test set is split off, if the data have none, then the validation set;
/// 3. the training set is cut down to its size: the first rows of a permutation of the training
///    rows drawn from the data seed, so that a smaller set is part of every larger one;
/// 4. classes: labels are replaced;
/// 5. inputs and values are standardised by the statistics of what is left to train on;
/// 6. values: noise is added, in units of what is trained on;
/// 7. inputs are whitened by the same examples.
///
/// Noise depends on the data seed and on where a row stands in the loader's training examples, not
/// on the size of the training set.
struct TaskControls {
  let source: DataSet.Source
  let options: DataSetOptions
  private(set) var classNames: [String]?
  private(set) var train: Rows
  private(set) var test: Rows
  private(set) var validation: Rows?

  /// Examples with their places in the loader's.
  struct Rows {
    var examples: Examples
    var places: [Int]

    init(_ examples: Examples) {
      self.examples = examples
      places = Array(0..<examples.count)
    }

    /// - Parameter rows: ascending.
    func selecting(_ rows: [Int]) -> Rows {
      var result = self
      result.examples = examples.selecting(rows)
      result.places = rows.map { places[$0] }
      return result
    }
  }

  init(_ source: DataSet.Source, _ options: DataSetOptions) throws {
    self.source = source
    self.options = options
    classNames = source.classNames
    train = Rows(source.examples)
    test = Rows(source.test ?? source.examples.selecting([]))
    try chooseClasses()
    try split()
    try cutDown()
    try replaceLabels()
  }

  private func failure(_ problem: String, _ advice: String) -> FileError {
    FileError(path: source.name, problem: problem, advice: advice)
  }

  // MARK: Classes

  private mutating func chooseClasses() throws {
    guard let names = options.classes else { return }
    guard case .classes(_, let count) = source.examples.targets else {
      throw failure("has numbers as targets and no classes to choose from", "leave classes out")
    }
    let chosen = try names.map { name -> Int32 in
      if let index = source.classNames?.firstIndex(of: name) { return Int32(index) }
      guard let index = Int32(name), (0..<Int32(count)).contains(index) else {
        throw failure(
          "has no class \(FileError.quote(name))",
          source.classNames.map { "its classes are \(FileError.list($0))" }
            ?? "its classes are 0 to \(count - 1)")
      }
      return index
    }
    guard Set(chosen).count == chosen.count else {
      throw failure("is asked for a class twice", "name every class once")
    }
    guard chosen.count >= 2 else {
      throw failure("is asked for one class only", "choose at least two")
    }
    let numbers = Dictionary(
      uniqueKeysWithValues: chosen.enumerated().map { ($0.element, Int32($0.offset)) })
    for part in [\TaskControls.train, \.test] {
      guard case .classes(let labels, _) = self[keyPath: part].examples.targets else { continue }
      let rows = labels.indices.filter { numbers[labels[$0]] != nil }
      self[keyPath: part] = self[keyPath: part].selecting(rows)
      self[keyPath: part].examples.targets = .classes(
        labels: rows.map { numbers[labels[$0]] ?? 0 }, count: chosen.count)
    }
    classNames = source.classNames.map { names in chosen.map { names[Int($0)] } }
    if let missing = train.examples.targets.missingClass {
      throw failure("has no examples of class \(names[missing])", "choose other classes")
    }
  }

  // MARK: Rows

  private mutating func split() throws {
    if source.test != nil {
      guard options.testShare == nil else {
        throw failure("comes with a test set of its own", "leave the test share out")
      }
      guard options.split == .index || options.validationShare != nil else {
        throw failure(
          "comes with a test set of its own, so that nothing is split",
          "leave the seeded split out, or give a validation share")
      }
    } else {
      (train, test) = try take(options.testShare ?? 0.2, "test share", .testSplit)
    }
    if let share = options.validationShare {
      (train, validation) = try take(share, "validation share", .validationSplit)
    }
    guard train.examples.count > 0 else {
      throw failure("no rows are left to train on", "give more rows or smaller shares")
    }
  }

  private func take(
    _ share: Double, _ name: String, _ purpose: RandomStream.Purpose
  ) throws -> (kept: Rows, taken: Rows) {
    let count = train.examples.count
    var rows = try RowSplit.rows(count, share: share, name: name)
    if options.split == .seeded {
      let order = RandomStream(options.dataSeed, purpose).permutation(count)
      let size = rows.taken.count
      rows = (order[size...].sorted(), order[..<size].sorted())
    }
    return (train.selecting(rows.kept), train.selecting(rows.taken))
  }

  private mutating func cutDown() throws {
    guard let size = options.trainSize else { return }
    let count = train.examples.count
    guard (1...count).contains(size) else {
      throw failure(
        "has \(count) training examples, not \(size)", "ask for a training size from 1 to \(count)")
    }
    let order = RandomStream(options.dataSeed, .trainSize).permutation(count)
    train = train.selecting(order[..<size].sorted())
  }

  // MARK: Noise

  /// Exactly ⌊share·n + ½⌋ labels: those of the examples with the smallest random numbers, so that
  /// more noise replaces the same labels and others.
  private mutating func replaceLabels() throws {
    let share = options.labelNoise
    guard share >= 0, share.isFinite else {
      throw failure("is asked for label noise of \(share)", "give a number that is not negative")
    }
    guard share > 0, case .classes(var labels, let count) = train.examples.targets else { return }
    guard share <= 1 else {
      throw failure(
        "has classes, and label noise \(share) is no share of them", "give a number from 0 to 1")
    }
    guard count >= 2 else {
      throw failure("has one class only, so that no label can be wrong", "leave label noise out")
    }
    let stream = RandomStream(options.dataSeed, .labelNoise)
    let draws = train.places.map { stream.block($0) }
    let order = labels.indices.sorted {
      (draws[$0].0, train.places[$0]) < (draws[$1].0, train.places[$1])
    }
    for row in order.prefix(Int((share * Double(labels.count)).rounded())) {
      // One of the other classes.
      let step = 1 + Int(draws[row].1.multipliedFullWidth(by: UInt64(count - 1)).high)
      labels[row] = Int32((Int(labels[row]) + step) % count)
    }
    train.examples.targets = .classes(labels: labels, count: count)
  }

  /// Noise on values that have been standardised, where they are to be.
  func addingNoise(_ examples: Examples) -> Examples {
    guard options.labelNoise > 0, case .values(var values, let outputs) = examples.targets
    else { return examples }
    for (row, place) in train.places.enumerated() {
      let normals = RandomStream(options.dataSeed, .targetNoise, tensor: place).normals(outputs)
      for o in 0..<outputs { values[row * outputs + o] += options.labelNoise * normals[o] }
    }
    var result = examples
    result.targets = .values(values, outputs: outputs)
    return result
  }
}

extension Targets {
  /// A class that no example has.
  fileprivate var missingClass: Int? {
    guard case .classes(let labels, let count) = self else { return nil }
    let present = Set(labels)
    return (0..<count).first { !present.contains(Int32($0)) }
  }
}
