import ArgumentParser
import FoundationEssentials
import Maclaurin

struct PlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw the figures of a run or a study again, or several runs in one set of figures.",
    discussion: """
      Reads metrics.csv of runs and study.csv of studies; nothing is trained. Writes report.html \
      and figures/*.svg.
      """)

  @Argument(help: ArgumentHelp("Folders of runs, or of one study.", valueName: "run"))
  var runs: [String]

  @Option(
    help: ArgumentHelp(
      "Folder for the figures (default: the run's own; several runs need it).", valueName: "folder")
  )
  var out: String?

  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    let studies = try runs.filter { try Self.isStudy($0) }
    let out = try target(studies)
    if runs.count == 1, Self.holds("sample-complexity.json", runs[0]) {
      try SampleComplexityReport(runs[0]).write(to: out)
    } else if runs.count > 1 {
      try RunOverlay(runs).write(to: out)
    } else if studies.isEmpty {
      try RunReport.redraw(runs[0], to: out)
    } else {
      try StudyReport(runs[0]).write(to: out)
    }
    report.result(
      ["report": .string(out + "/report.html"), "figures": .string(out + "/figures")],
      "\(out)/report.html and \(out)/figures/", nil)
  }

  /// Whether a folder holds a study; an error if it holds no run either.
  private static func isStudy(_ folder: String) throws -> Bool {
    let manager = FileManager.default
    var isFolder = false
    guard manager.fileExists(atPath: folder, isDirectory: &isFolder) else {
      throw TrainingError("there is no folder \(folder); name the folder of a run or a study")
    }
    guard isFolder else {
      throw TrainingError("\(folder) is a file; name the folder of a run or a study")
    }
    if holds("study.json", folder) || holds("sample-complexity.json", folder) { return true }
    guard manager.fileExists(atPath: folder + "/run.json") else {
      throw TrainingError(
        "\(folder) holds no run and no study (neither run.json nor study.json); name the folder that "
          + "train or study wrote")
    }
    return false
  }

  private static func holds(_ name: String, _ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(name)")
  }

  /// The folder to write to.
  private func target(_ studies: [String]) throws -> String {
    guard runs.count > 1 else {
      try Self.check(out)
      return out ?? runs[0]
    }
    if let study = studies.first {
      throw Misuse("\(study) is a study, which is drawn alone; name runs, such as those in it")
    }
    guard let out else { throw Misuse("several runs need --out, the folder for their figures") }
    try Self.check(out)
    // The reports of runs and studies have the same name.
    for name in ["run.json", "study.json", "sample-complexity.json"]
    where FileManager.default.fileExists(atPath: "\(out)/\(name)") {
      throw Misuse("--out \(out) has a report of its own (it holds \(name)); choose another folder")
    }
    return out
  }

  private static func check(_ out: String?) throws {
    var isFolder = false
    if let out, FileManager.default.fileExists(atPath: out, isDirectory: &isFolder), !isFolder {
      throw TrainingError("\(out) is a file; --out needs a folder")
    }
  }
}
