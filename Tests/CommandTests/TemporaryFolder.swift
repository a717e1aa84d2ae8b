import FoundationEssentials
import Maclaurin
import Testing

/// A new folder that goes away with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let tag = String(UInt64.random(in: .min ... .max), radix: 36)
    path = FileManager.default.temporaryDirectory.path + "/command-tests-\(tag)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file that does not exist yet, outside what a test looks at.
  func newPath(_ name: String) -> String {
    "\(path)/.\(name)-\(UInt64.random(in: .min ... .max))"
  }

  /// The visible names in a folder below, sorted.
  func names(_ folder: String = ".") -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
    return names.filter { !$0.hasPrefix(".std") }.sorted()
  }

  func text(_ name: String) -> String { readText("\(path)/\(name)") }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try #require(FileManager.default.contents(atPath: "\(path)/\(name)"), "\(name)"))
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
    return name
  }

  /// Writes an array in float64.
  @discardableResult
  func write(_ name: String, _ values: [Double], shape: [Int]) throws -> String {
    try NumpyFile.write(NumericArray(values, shape: shape), to: "\(path)/\(name)")
    return name
  }

  /// Reads an array as Double.
  func array(_ argument: String) throws -> (shape: [Int], values: [Double]) {
    let array = try ArrayArgument(parsing: "\(path)/\(argument)").read()
    return (array.shape, array.doubles())
  }

  func copy(_ name: String, to copy: String) throws {
    try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(path)/\(copy)")
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(path)/\(name)")
  }
}
