import DataSets
import FoundationEssentials
import Networks
import Training

/// Reads what a report is made from. Nothing in the folder is changed.
struct ReportFolder {
  let path: String

  func contains(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(name)")
  }

  /// The JSON object in a file; nil where there is no file.
  func object(_ name: String) throws -> [String: JSONValue]? {
    guard contains(name) else { return nil }
    let file = "\(path)/\(name)"
    guard case .object(let members) = try JSONValue(text: FileContents.read(file), named: file)
    else {
      throw TrainingError("\(file) is damaged: it must hold one JSON object")
    }
    return members
  }

  /// Nil where there is no file.
  func text(_ name: String) throws -> String? {
    guard contains(name) else { return nil }
    return String(decoding: try FileContents.read("\(path)/\(name)"), as: UTF8.self)
  }
}
