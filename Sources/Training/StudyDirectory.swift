import DataSets
import FoundationEssentials
import Glibc
import Networks

/// A study's folder: study.json, network.json, study.csv, summary.csv, result.json, and for each
/// group [GRID/]seed-S with progress.json and the run directories order-K.
public final class StudyDirectory {
  public let path: String
  /// The grid's axes, which are columns of the tables.
  public let axes: [String]
  private let columns: [String]
  private var folderLock: FolderLock?

  /// What a folder holds before a study opens it.
  public enum Content: Sendable { case nothing, study }

  /// Looks at a folder and changes nothing.
  ///
  /// - Parameter resume: accept a folder that holds a study; otherwise it must be empty or absent.
  public static func content(of path: String, resume: Bool) throws -> Content {
    let names = try RunDirectory.names(in: path, resume: resume, what: "study")
    if names.isEmpty { return .nothing }
    if names.contains("study.json") { return .study }
    guard names.allSatisfy({ $0 == "network.json" || RunDirectory.isTemporary($0) }) else {
      throw TrainingError(
        "the folder \(path) holds other files and no study to resume (no study.json); choose "
          + "another --out")
    }
    return .nothing
  }

  /// Opens a folder for a study, making it where it is missing, and keeps other processes out.
  public init(_ path: String, resume: Bool, axes: [String], _ network: Network) throws {
    _ = try Self.content(of: path, resume: resume)
    self.path = path
    self.axes = axes
    columns = StudyRow.columns(network)
    try RunDirectory.create(path)
    folderLock = try FolderLock(path)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    where RunDirectory.isTemporary(name) {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
  }

  public func write(_ name: String, _ bytes: [UInt8]) throws {
    try AtomicFile.write("\(path)/\(name)", bytes)
  }

  // MARK: Groups

  /// The progress of the group in a folder below, if it has any.
  public func progress(of group: String) throws -> StudyProgress? {
    let file = "\(path)/\(group)/progress.json"
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    return try StudyProgress(json: JSONValue(text: [UInt8](data), named: file), path: file)
  }

  public func write(_ progress: StudyProgress, of group: String) throws {
    try write("\(group)/progress.json", Array((progress.json.line + "\n").utf8))
  }

  // MARK: Tables

  /// Writes study.csv from its beginning: rows by seed and values of the grid's axes.
  public func writeRows(_ rows: [(seed: UInt64, grid: [String], row: StudyRow)]) throws {
    let lines =
      [(["seed"] + axes + columns).joined(separator: ",")]
      + rows.map { line($0.row, seed: $0.seed, grid: $0.grid) }
    try write("study.csv", Array((lines.joined(separator: "\n") + "\n").utf8))
  }

  /// Appends to study.csv.
  public func append(_ rows: [StudyRow], seed: UInt64, grid: [String]) throws {
    guard !rows.isEmpty else { return }
    let text = rows.map { line($0, seed: seed, grid: grid) + "\n" }.joined()
    guard let file = AppendingFile(path + "/study.csv"), file.write(Array(text.utf8)) else {
      throw TrainingError(
        "\(path)/study.csv cannot be written; check the disk's space and the file's rights")
    }
  }

  private func line(_ row: StudyRow, seed: UInt64, grid: [String]) -> String {
    ([String(seed)] + grid + columns.map { row.text($0) }).joined(separator: ",")
  }

  /// Writes summary.csv.
  public func write(_ summaries: [StudySummary]) throws {
    let lines = [StudySummary.header(axes: axes)] + summaries.map(\.line)
    try write("summary.csv", Array((lines.joined(separator: "\n") + "\n").utf8))
  }
}
