/// An array named on the command line: `file.npy`, `file.npz:name` or `file.safetensors:name`.
///
/// The name may be left out where the file holds a single array.
public struct ArrayArgument: Hashable, Sendable, CustomStringConvertible {
  package enum Format: String, CaseIterable {
    case npy, npz, safetensors
  }

  /// The argument as the user wrote it.
  public let description: String
  /// The file's path.
  public let path: String
  /// The array's name in the file, if one was given.
  public let name: String?
  package let format: Format

  /// Takes an argument apart; nothing is opened.
  ///
  /// - Throws: `FileError` when the file is of none of the three kinds.
  public init(parsing text: String) throws {
    description = text
    // The first colon behind a known suffix: names may hold colons too.
    let colons = text.indices.filter { text[$0] == ":" }
    for colon in colons {
      for format in [Format.npz, .safetensors]
      where text[..<colon].hasSuffix(".\(format.rawValue)") {
        self.format = format
        path = String(text[..<colon])
        name = String(text[text.index(after: colon)...])
        return
      }
    }
    for format in Format.allCases {
      let suffix = ".\(format.rawValue)"
      if text.hasSuffix(suffix) {
        (self.format, path, name) = (format, text, nil)
        return
      }
    }
    throw FileError(
      path: text, problem: "is no array",
      advice: "give file.npy, file.npz:name or file.safetensors:name")
  }

  /// Reads the array.
  ///
  /// - Throws: `FileError` when the file or the name does not exist or cannot be read.
  public func read() throws -> NumericArray {
    switch format {
    case .npy:
      return try NumpyFile.read(path)
    case .npz:
      let archive = try NumpyArchive(path)
      return try archive.array(name ?? only(archive.names))
    case .safetensors:
      let file = try SafetensorsFile(path)
      return try file.tensor(name ?? only(file.names))
    }
  }

  /// Writes the array atomically, as the whole content of the file.
  ///
  /// - Throws: `FileError` when the file cannot be written, or is a .npz archive.
  public func write(_ array: NumericArray) throws {
    switch format {
    case .npy:
      try NumpyFile.write(array, to: path)
    case .safetensors:
      try SafetensorsFile.write([(name ?? "array", array)], to: path)
    case .npz:
      throw FileError(
        path: path, problem: "archives are only read", advice: "write a .npy file instead")
    }
  }

  private func only(_ names: [String]) throws -> String {
    guard names.count == 1 else {
      throw FileError(
        path: path, problem: "holds \(FileError.list(names))",
        advice: "name one array, as in \(path):name")
    }
    return names[0]
  }
}
