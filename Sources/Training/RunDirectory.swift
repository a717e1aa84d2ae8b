import Compute
import DataSets
import FoundationEssentials
import Glibc
import Networks

/// A run's folder: run.json, network.json, initial.safetensors, metrics.jsonl and .csv,
/// checkpoints/, logits/, best.safetensors, final.safetensors, result.json.
///
/// Files are written under a temporary name, synced and renamed, so that a killed run or a full
/// disk leaves what was there before.
public final class RunDirectory {
  public let path: String
  /// Lines of metrics.jsonl, which is also the number of rows of metrics.csv below its header.
  private(set) var metricsCount = 0
  /// Those of the metrics.csv that is gone on with.
  private var columns: [String]?
  private var folderLock: FolderLock?
  private let madeFolder: Bool

  /// What a folder holds before a run opens it.
  public enum Content: Sendable {
    /// Nothing, or only what a run leaves that was killed before its run.json was there.
    case nothing
    case run
  }

  /// Looks at a folder and changes nothing.
  ///
  /// - Parameter resume: accept a folder that holds a run; otherwise it must be empty or absent.
  public static func content(of path: String, resume: Bool) throws -> Content {
    let names = try names(in: path, resume: resume, what: "run")
    if names.isEmpty { return .nothing }
    if names.contains("run.json") { return .run }
    let beginning = ["checkpoints", "network.json", "initial.safetensors"]
    guard names.allSatisfy({ beginning.contains($0) || isTemporary($0) }) else {
      throw TrainingError(
        "the folder \(path) holds other files and no run to resume (no run.json); choose another "
          + "--out")
    }
    guard checkpointSteps(path).isEmpty else {
      throw TrainingError(
        "\(path) holds checkpoints but no run.json, so the run in it cannot be resumed; choose "
          + "another --out")
    }
    return .nothing
  }

  /// The names in a folder for a `what`; none if it is missing.
  ///
  /// - Throws: `TrainingError` if it is a file, cannot be read, or is not empty without `resume`.
  static func names(in path: String, resume: Bool, what: String) throws -> [String] {
    let manager = FileManager.default
    var isFolder = false
    guard manager.fileExists(atPath: path, isDirectory: &isFolder) else { return [] }
    guard isFolder else { throw TrainingError("\(path) is a file; --out needs a folder") }
    guard let names = try? manager.contentsOfDirectory(atPath: path) else {
      throw TrainingError("the folder \(path) cannot be read; check your rights there")
    }
    guard names.isEmpty || resume else {
      throw TrainingError(
        "the folder \(path) is not empty; add --resume to go on with the \(what) in it, or choose "
          + "another --out")
    }
    return names
  }

  /// Opens a folder for a run, making it where it is missing.
  ///
  /// - Parameter resume: accept a folder that holds a run; otherwise it must be empty or absent.
  public init(_ path: String, resume: Bool) throws {
    _ = try Self.content(of: path, resume: resume)
    self.path = path
    let manager = FileManager.default
    madeFolder = !manager.fileExists(atPath: path)
    try Self.create(path)
    try Self.create(path + "/checkpoints")
  }

  /// Keeps other processes out of the folder as long as this object lives, and removes what a
  /// killed one left half-written.
  public func lock() throws {
    folderLock = try FolderLock(path)
    let manager = FileManager.default
    for folder in [path, path + "/checkpoints", path + "/logits"] {
      for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? []
      where Self.isTemporary(name) {
        try? manager.removeItem(atPath: "\(folder)/\(name)")
      }
    }
  }

  /// Whether a name is one of `AtomicFile`'s temporary ones.
  static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix(".") && name.hasSuffix(".tmp")
  }

  /// Takes back what a run has written before its run.json.
  public func abandon() {
    guard !contains("run.json") else { return }
    for name in ["network.json", "initial.safetensors"] {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
    // Only empty folders go.
    rmdir(path + "/checkpoints")
    if madeFolder { rmdir(path) }
  }

  static func create(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TrainingError("the folder \(folder) cannot be created; check the path and its rights")
    }
  }

  public func contains(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(name)")
  }

  public func read(_ name: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: "\(path)/\(name)") else {
      throw TrainingError("\(path)/\(name) cannot be read; is this a run's folder?")
    }
    return [UInt8](data)
  }

  public func write(_ name: String, _ bytes: [UInt8]) throws {
    try AtomicFile.write("\(path)/\(name)", bytes)
  }

  /// A flat parameter vector under its tensors' plain names.
  public func writeParameters(
    _ values: [Double], network: Network, type: ScalarType, as name: String
  ) throws {
    try SafetensorsFile.write(
      network.namedTensors(values, type: type), metadata: ["format": "maclaurin"],
      to: "\(path)/\(name)")
  }

  func writeLogits(_ values: [Double], shape: [Int], type: ScalarType, step: Int) throws {
    try Self.create(path + "/logits")
    let array =
      type == .float64
      ? NumericArray(values, shape: shape) : NumericArray(values.map { Float($0) }, shape: shape)
    try NumpyFile.write(array, to: "\(path)/logits/step-\(step).npy")
  }

  // MARK: Metrics

  /// Appends a record to metrics.jsonl and metrics.csv.
  ///
  /// - Parameter measures: names of the run's further measures, `TrainingSettings.measures`.
  func append(_ record: MetricsRecord, network: Network, measures: [String]) throws {
    let columns = self.columns ?? MetricsRecord.columns(network, measures: measures)
    if metricsCount == 0 { try append(columns.joined(separator: ","), to: "metrics.csv") }
    try append(record.json.line, to: "metrics.jsonl")
    let values = Dictionary(uniqueKeysWithValues: record.fields.map { ($0.name, $0.value) })
    let row = columns.map { column in
      values[column].map { Int(exactly: $0).map { String($0) } ?? String($0) } ?? ""
    }
    try append(row.joined(separator: ","), to: "metrics.csv")
    metricsCount += 1
  }

  private func append(_ line: String, to name: String) throws {
    let file = "\(path)/\(name)"
    guard let handle = AppendingFile(file), handle.write(Array((line + "\n").utf8)) else {
      throw TrainingError("\(file) cannot be written; check the disk's space and the file's rights")
    }
  }

  /// Makes sure that the metrics so far outlive a power cut.
  func synchronizeMetrics() {
    for name in ["metrics.jsonl", "metrics.csv"] {
      AppendingFile("\(path)/\(name)")?.synchronize()
    }
  }

  /// Keeps the first `count` records: a resumed run writes the others again.
  func keepMetrics(_ count: Int) throws {
    for (name, lines) in [("metrics.jsonl", count), ("metrics.csv", count == 0 ? 0 : count + 1)]
    where contains(name) {
      let kept = try read(name).split(separator: UInt8(ascii: "\n")).prefix(lines)
      try write(name, kept.flatMap { $0 + [UInt8(ascii: "\n")] })
    }
    metricsCount = count
    columns =
      count == 0
      ? nil
      : try String(decoding: read("metrics.csv").prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        .split(separator: ",").map { String($0) }
  }

  /// All records of metrics.jsonl.
  public func metrics() throws -> [[String: JSONValue]] {
    guard contains("metrics.jsonl") else { return [] }
    return try read("metrics.jsonl").split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard case .object(let members)? = try? JSONValue(text: Array(line), named: "") else {
        return nil
      }
      return members
    }
  }

  // MARK: Checkpoints

  /// Steps of the checkpoints, ascending.
  func checkpointSteps() -> [Int] { Self.checkpointSteps(path) }

  private static func checkpointSteps(_ path: String) -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
      return Int(name.dropFirst(5).dropLast(12))
    }.sorted()
  }

  /// The newest checkpoint of the run in a folder.
  public static func newestCheckpoint(in path: String) -> String? {
    checkpointSteps(path).last.map { "\(path)/checkpoints/step-\($0).safetensors" }
  }

  func checkpointPath(_ step: Int) -> String { "\(path)/checkpoints/step-\(step).safetensors" }

  /// Removes the checkpoints of later steps.
  func dropCheckpoints(after step: Int) {
    for later in checkpointSteps() where later > step {
      try? FileManager.default.removeItem(atPath: checkpointPath(later))
    }
  }

  /// Removes all but the newest `count` checkpoints.
  func pruneCheckpoints(keeping count: Int) {
    for step in checkpointSteps().dropLast(count) {
      try? FileManager.default.removeItem(atPath: checkpointPath(step))
    }
  }
}
