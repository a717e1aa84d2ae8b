import ArgumentParser
import Maclaurin

/// The data set and what is made of it.
struct DataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Data set: \(DataSetSpecification.forms).", valueName: "data"))
  var data = "digits"

  @Option(
    help: ArgumentHelp(
      "Classes to keep, as in 0,1,7, by number or name; they are numbered in this order.",
      valueName: "classes"))
  var classes: String?

  @OptionGroup var task: TaskOptions

  /// A data set by its name alone, or with the options of a run.
  static func parsed(_ data: String, classes: String? = nil, _ task: TaskOptions) throws -> Self {
    var options = try DataOptions.parse([])
    options.data = data
    options.classes = classes
    options.task = task
    return options
  }

  private func dataSetOptions() throws -> DataSetOptions {
    var options = try task.dataSetOptions()
    options.classes = classes?.split(separator: ",", omittingEmptySubsequences: false)
      .map(String.init)
    return options
  }

  func load() throws -> DataSet {
    try DataSetSpecification(parsing: data).load(dataSetOptions())
  }

  /// What a resumed run must share with the one it goes on with, by the option that says it.
  func choices() throws -> [String: JSONValue] {
    var choices = task.choices
    choices["data"] = .string(data)
    choices["classes"] = classes.map { .string($0) }
    choices["test-share"] = task.testShare.map { .number($0) }
    choices["validation-share"] = task.validationShare.map { .number($0) }
    choices["no-standardize"] = .bool(task.noStandardize)
    let normalization = try DataSetSpecification(parsing: data).normalization(dataSetOptions())
    choices["normalize"] = normalization.map { .string($0.description) }
    return choices
  }

  /// The data of a run, from the settings in its run.json; nil where they do not say it.
  static func restored(_ settings: [String: JSONValue]) throws -> Self? {
    guard case .string(let data)? = settings["data"] else { return nil }
    var task = try TaskOptions.parse([])
    task.restore(settings)
    var classes: String?
    if case .string(let text)? = settings["classes"] { classes = text }
    return try parsed(data, classes: classes, task)
  }
}
