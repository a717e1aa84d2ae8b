import DataSets
import FoundationEssentials
import Networks

/// The folder of a study of sample sizes: sample-complexity.json (its settings), cells.csv, and what
/// is made of them at the end.
public final class SampleComplexityDirectory {
  public let path: String
  private let folderLock: FolderLock

  public static let recordName = "sample-complexity.json"

  /// Looks at a folder and changes nothing: it must be absent or empty, or with `resume` hold such a
  /// study.
  public static func check(_ path: String, resume: Bool) throws {
    let names = try RunDirectory.names(in: path, resume: resume, what: "study")
    guard names.isEmpty || names.contains(recordName) else {
      throw TrainingError(
        "the folder \(path) holds other files and no study of sample sizes (no \(recordName)); "
          + "choose another --out")
    }
  }

  /// Opens a folder, making it where it is missing, and keeps other processes out.
  ///
  /// - Parameters:
  ///   - settings: by the option that says them; those of a study that goes on must be the same.
  ///   - record: what else is written down.
  /// - Throws: `TrainingError` that names the setting that differs.
  public init(
    _ path: String, settings: [String: JSONValue], record: [String: JSONValue]
  ) throws {
    self.path = path
    let file = "\(path)/\(Self.recordName)"
    if let data = FileManager.default.contents(atPath: file) {
      guard case .object(let known) = try JSONValue(text: [UInt8](data), named: file),
        case .object(let before)? = known["settings"]
      else { throw TrainingError("\(file) has no settings; choose another --out") }
      try RecordedSettings.requireSame(before, settings, of: "study", in: path)
    }
    try RunDirectory.create(path)
    folderLock = try FolderLock(path)
    var record = record
    record["format"] = .number(1)
    record["settings"] = .object(settings)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(file, [UInt8](encoder.encode(JSONValue.object(record))))
  }

  /// The cells that are there.
  public func cells() throws -> SampleComplexityTable {
    let file = "\(path)/cells.csv"
    guard let data = FileManager.default.contents(atPath: file) else {
      return SampleComplexityTable()
    }
    return try SampleComplexityTable(csv: String(decoding: data, as: UTF8.self), path: file)
  }

  public func write(_ name: String, _ text: String) throws {
    try AtomicFile.write("\(path)/\(name)", text)
  }
}
