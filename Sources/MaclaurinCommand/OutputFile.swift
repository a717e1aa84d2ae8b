import FoundationEssentials
import Glibc
import Maclaurin

/// Checks on files to be written, made before the work that leads to them.
enum OutputFile {
  /// Refuses a file for an array that could not be written at the end, or that would replace an
  /// input.
  static func checkArray(
    _ argument: String, option: String = "--output", inputs: [(option: String, argument: String?)]
  ) throws {
    let path = try ArrayArgument(parsing: argument).path
    guard !path.hasSuffix(".npz") else {
      throw FileError(
        path: path, problem: "archives are only read", advice: "write a .npy file instead")
    }
    try check(path, option: option, inputs: inputs)
  }

  /// The same for any file.
  static func check(
    _ path: String, option: String, inputs: [(option: String, argument: String?)]
  ) throws {
    var isFolder = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
      throw FileError(path: path, problem: "is a folder", advice: "name a file for \(option)")
    }
    let folder = folder(of: path)
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder else {
      throw FileError(
        path: path, problem: "cannot be written: there is no folder \(folder)",
        advice: "create it first, or give \(option) another path")
    }
    guard access(folder, W_OK) == 0 else {
      throw FileError(
        path: path, problem: "cannot be written: \(String(cString: strerror(errno)))",
        advice: "check your rights in \(folder), or give \(option) another path")
    }
    for input in inputs {
      guard let argument = input.argument, isSame(path, filePath(argument)) else { continue }
      throw FileError(
        path: path, problem: "is named by \(input.option) and by \(option)",
        advice: "give \(option) another file, so that nothing is lost")
    }
  }

  /// Refuses a folder that is a file, or that could not be made.
  static func checkFolder(_ path: String, option: String) throws {
    var (place, isFolder) = (path, false)
    while !FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) {
      place = folder(of: place)
    }
    guard isFolder else {
      throw FileError(path: place, problem: "is a file", advice: "\(option) needs a folder")
    }
    guard access(place, W_OK) == 0 else {
      throw FileError(
        path: path, problem: "cannot be written: \(String(cString: strerror(errno)))",
        advice: "check your rights in \(place), or give \(option) another path")
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The file behind an argument with or without a name in the file.
  private static func filePath(_ argument: String) -> String {
    (try? ArrayArgument(parsing: argument))?.path ?? argument
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard stat(a, &first) == 0, stat(b, &second) == 0 else { return a == b }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }
}
