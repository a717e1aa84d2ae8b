/// Data sets from a CSV file with one target column.
enum CSVFile {
  static func load(
    _ path: String, target column: String, name: String, _ options: DataSetOptions
  ) throws -> DataSet {
    let table = try CSVTable(path, target: column, kind: options.targetKind)
    let targets: Targets
    var classNames: [String]?
    switch table.target {
    case .numbers(let values):
      targets = .values(values, outputs: 1)
    case .labels(let labels):
      let names = sorted(Set(labels))
      guard names.count <= ArrayFiles.mostClasses else {
        throw FileError(
          path: path, field: "column \(FileError.clean(column))",
          problem: "has \(names.count) different labels", advice: "check the target column")
      }
      let ids = Dictionary(
        uniqueKeysWithValues: names.enumerated().map { ($0.element, Int32($0.offset)) })
      targets = .classes(labels: labels.map { ids[$0] ?? 0 }, count: names.count)
      classNames = names
    }
    let examples = Examples(
      storage: .numbers(table.features), inputSize: table.featureCount, divisor: 1,
      targets: targets)
    let source = DataSet.Source(
      name: name, inputShape: [table.featureCount], examples: examples, classNames: classNames,
      standardizesByDefault: true)
    return try DataSet(source, options: options)
  }

  /// By value where all labels are numbers, else by their UTF-8 bytes.
  private static func sorted(_ labels: Set<String>) -> [String] {
    let byText = labels.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let numbers = byText.map(CSVTable.number)
    guard numbers.allSatisfy({ $0 != nil }) else { return byText }
    return zip(numbers.map { $0 ?? 0 }, byText).enumerated()
      .sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
      .map(\.element.1)
  }
}
