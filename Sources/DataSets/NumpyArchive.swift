/// A .npz file: named arrays, as numpy.savez and numpy.savez_compressed write them.
///
/// Opening reads the directory only; each array is read, inflated and checked against its CRC-32
/// when it is asked for. Nothing is ever extracted to disk.
public struct NumpyArchive: Sendable {
  /// The path the archive was opened with.
  public let path: String
  /// The arrays' names in the order of the file, without the suffix `.npy`.
  public let names: [String]
  private let file: ReadableFile
  private let members: [String: ZipDirectory.Member]

  /// Opens an archive.
  ///
  /// - Throws: `FileError` when the file is unreadable or no valid zip file.
  public init(_ path: String) throws {
    self.path = path
    file = try ReadableFile(path)
    var names: [String] = []
    var members: [String: ZipDirectory.Member] = [:]
    for member in try ZipDirectory(file).members where member.name.hasSuffix(".npy") {
      let name = String(member.name.dropLast(4))
      names.append(name)
      members[name] = member
    }
    self.names = names
    self.members = members
  }

  /// Reads one array.
  ///
  /// - Throws: `FileError` when there is no such array, or its data are corrupt, encrypted, or
  ///   not of the size that the headers promise.
  public func array(_ name: String) throws -> NumericArray {
    guard let member = members[name] else {
      throw FileError(
        path: path, problem: "holds no array named \(FileError.quote(name))",
        advice: "it holds \(FileError.list(names))")
    }
    let field = "array \(FileError.quote(name))"
    guard member.flags & 1 == 0 else {
      throw FileError(
        path: path, field: field, problem: "is encrypted", advice: "write it without a password")
    }
    let range = try ZipDirectory.dataRange(of: member, in: file)
    let stream: ByteStream
    switch member.method {
    case 0:
      guard member.size == member.compressedSize else {
        throw FileError(
          path: path, field: field, problem: "is stored but states two different sizes",
          advice: "the file is corrupt: write it again")
      }
      stream = ByteStream(file, range: range, sumsUp: true)
    case 8:
      stream = try ByteStream(
        inflating: file, range: range, format: .raw, promised: member.size)
    default:
      throw FileError(
        path: path, field: field, problem: "is compressed by method \(member.method)",
        advice: "write it with numpy.savez or numpy.savez_compressed")
    }
    do {
      let array = try NumpyFile.decode(stream)
      guard stream.checksum == UInt(member.checksum), stream.remaining == 0 else {
        throw FileError(
          path: path, problem: "the checksum does not match",
          advice: "the file is corrupt: get or write it again")
      }
      return array
    } catch var error as FileError {
      error.field = error.field.isEmpty ? field : "\(field), \(error.field)"
      throw error
    }
  }

  /// Reads all arrays.
  public func arrays() throws -> [String: NumericArray] {
    var arrays: [String: NumericArray] = [:]
    for name in names { arrays[name] = try array(name) }
    return arrays
  }
}
