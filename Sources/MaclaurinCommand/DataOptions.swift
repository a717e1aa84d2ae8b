import ArgumentParser
import Maclaurin

/// The data set and its splits.
struct DataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Data set: \(DataSetSpecification.forms).", valueName: "data"))
  var data = "digits"

  @Option(
    help: ArgumentHelp(
      "Share of csv and npy rows that become the test set (default: every fifth row).",
      valueName: "share"))
  var testShare: Double?

  @Option(
    help: ArgumentHelp("Share of the training rows set aside for validation.", valueName: "share"))
  var validationShare: Double?

  @Flag(help: "Leave features and regression targets as they are.")
  var noStandardize = false

  func load() throws -> DataSet {
    try DataSetSpecification(parsing: data).load(
      DataSetOptions(
        testShare: testShare, validationShare: validationShare,
        standardize: noStandardize ? false : nil))
  }
}
