import Compute
import DataSets
import FoundationEssentials
import Networks

/// A run's folder: run.json, network.json, initial.safetensors, metrics.jsonl and .csv,
/// checkpoints/, logits/, best.safetensors, final.safetensors, result.json.
///
/// Files are written under a temporary name, synced and renamed, so that a killed run or a full
/// disk leaves what was there before.
public final class RunDirectory {
  public let path: String
  private var wroteHeader = false

  /// Opens a folder for a run.
  ///
  /// - Parameter resume: accept a folder that holds a run; otherwise it must be empty or absent.
  public init(_ path: String, resume: Bool) throws {
    self.path = path
    let manager = FileManager.default
    var isFolder = false
    if manager.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder else {
        throw TrainingError("\(path) is a file; --out needs a folder")
      }
      let content = (try? manager.contentsOfDirectory(atPath: path)) ?? []
      guard content.isEmpty || resume else {
        throw TrainingError(
          "the folder \(path) is not empty; add --resume to go on with the run in it, or choose "
            + "another --out")
      }
      guard content.isEmpty || content.contains("run.json") || !holdsARun(content) else {
        throw TrainingError("\(path) holds checkpoints but no run.json; it cannot be resumed")
      }
      guard content.isEmpty || content.contains("run.json") else {
        throw TrainingError(
          "\(path) holds other files and no run to resume; choose another --out")
      }
    } else {
      try create(path)
    }
    try create(path + "/checkpoints")
    wroteHeader = manager.fileExists(atPath: path + "/metrics.csv")
  }

  private func create(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TrainingError("the folder \(folder) cannot be created; check the path and its rights")
    }
  }

  private func holdsARun(_ content: [String]) -> Bool { content.contains("checkpoints") }

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
    try create(path + "/logits")
    let array =
      type == .float64
      ? NumericArray(values, shape: shape) : NumericArray(values.map { Float($0) }, shape: shape)
    try NumpyFile.write(array, to: "\(path)/logits/step-\(step).npy")
  }

  // MARK: Metrics

  /// Appends a record to metrics.jsonl and metrics.csv.
  func append(_ record: MetricsRecord, network: Network) throws {
    try append(record.json.line, to: "metrics.jsonl")
    let columns = MetricsRecord.columns(network)
    if !wroteHeader {
      try append(columns.joined(separator: ","), to: "metrics.csv")
      wroteHeader = true
    }
    let values = Dictionary(uniqueKeysWithValues: record.fields.map { ($0.name, $0.value) })
    let row = columns.map { column in
      values[column].map { Int(exactly: $0).map { String($0) } ?? String($0) } ?? ""
    }
    try append(row.joined(separator: ","), to: "metrics.csv")
  }

  private func append(_ line: String, to name: String) throws {
    let file = "\(path)/\(name)"
    if !FileManager.default.fileExists(atPath: file) {
      try AtomicFile.write(file, [])
    }
    guard let handle = AppendingFile(file), handle.write(Array((line + "\n").utf8)) else {
      throw TrainingError("\(file) cannot be written; check the disk's space and the file's rights")
    }
  }

  /// Drops metrics of steps after `step` and the record of a run's end (the only one with the
  /// training set's loss), which follows its last checkpoint: a resumed run writes them again.
  func dropMetrics(after step: Int) throws {
    if contains("metrics.jsonl") {
      let lines = try read("metrics.jsonl").split(separator: UInt8(ascii: "\n"))
      let kept = lines.filter { line in
        guard case .object(let members)? = try? JSONValue(text: Array(line), named: ""),
          case .number(let number)? = members["step"]
        else { return false }
        return Int(number) <= step && members["train_loss"] == nil
      }
      try write("metrics.jsonl", kept.flatMap { $0 + [UInt8(ascii: "\n")] })
    }
    if contains("metrics.csv") {
      let lines = try read("metrics.csv").split(separator: UInt8(ascii: "\n"))
      func cells(_ line: some Sequence<UInt8>) -> [Substring] {
        String(decoding: Array(line), as: UTF8.self).split(
          separator: ",", omittingEmptySubsequences: false)
      }
      let end = lines.first.flatMap { cells($0).firstIndex(of: "train_loss") }
      let kept = lines.enumerated().filter { index, line in
        if index == 0 { return true }
        let cells = cells(line)
        guard let number = Int(cells[0]), number <= step else { return false }
        return end.map { $0 >= cells.count || cells[$0].isEmpty } ?? true
      }
      try write("metrics.csv", kept.flatMap { $0.element + [UInt8(ascii: "\n")] })
    }
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
  func checkpointSteps() -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
      return Int(name.dropFirst(5).dropLast(12))
    }.sorted()
  }

  func checkpointPath(_ step: Int) -> String { "\(path)/checkpoints/step-\(step).safetensors" }

  /// Removes all but the newest `count` checkpoints.
  func pruneCheckpoints(keeping count: Int) {
    for step in checkpointSteps().dropLast(count) {
      try? FileManager.default.removeItem(atPath: checkpointPath(step))
    }
  }
}

extension JSONValue {
  /// The value as one line, keys sorted.
  public var line: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: (try? encoder.encode(self)) ?? Data(), as: UTF8.self)
  }
}
