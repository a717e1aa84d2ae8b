/// The central directory of a zip file. Names are only ever compared, never used as paths.
struct ZipDirectory: Sendable {
  /// One member.
  struct Member: Sendable {
    let name: String
    let flags: Int
    let method: Int
    let checksum: UInt32
    let compressedSize: Int
    let size: Int
    let headerOffset: Int
  }

  let members: [Member]

  init(_ file: ReadableFile) throws {
    let end = try EndRecord(file)
    let bytes = try file.read(at: end.offset, count: end.size, field: "central directory")
    var fields = Fields(bytes: bytes, path: file.path)
    var members: [Member] = []
    while fields.left > 0 { members.append(try Self.member(&fields)) }
    guard members.count == end.count else {
      throw fields.corrupt("states \(end.count) members and lists \(members.count)")
    }
    guard Set(members.map(\.name)).count == members.count else {
      throw fields.corrupt("lists a name twice")
    }
    self.members = members
  }

  private static func member(_ fields: inout Fields) throws -> Member {
    guard try fields.number(4) == 0x0201_4b50 else {
      throw fields.corrupt("has an entry without its signature")
    }
    try fields.skip(4)
    let flags = try fields.number(2)
    let method = try fields.number(2)
    try fields.skip(4)
    let checksum = try fields.number(4)
    var compressedSize = try fields.number(4)
    var size = try fields.number(4)
    let nameLength = try fields.number(2)
    let extraLength = try fields.number(2)
    let commentLength = try fields.number(2)
    try fields.skip(8)
    var offset = try fields.number(4)
    let name = String(decoding: try fields.take(nameLength), as: UTF8.self)
    var extra = Fields(bytes: Array(try fields.take(extraLength)), path: fields.path)
    try fields.skip(commentLength)
    while extra.left >= 4 {
      let tag = try extra.number(2)
      var field = Fields(
        bytes: Array(try extra.take(try extra.number(2))), path: fields.path)
      guard tag == 1 else { continue }
      // zip64: only the values that did not fit, in this order.
      if size == 0xffff_ffff { size = try field.number(8) }
      if compressedSize == 0xffff_ffff { compressedSize = try field.number(8) }
      if offset == 0xffff_ffff { offset = try field.number(8) }
    }
    return Member(
      name: name, flags: flags, method: method, checksum: UInt32(checksum),
      compressedSize: compressedSize, size: size, headerOffset: offset)
  }

  /// The range of the file that holds a member's data, behind its local header.
  static func dataRange(of member: Member, in file: ReadableFile) throws -> Range<Int> {
    let field = "member \(FileError.quote(member.name))"
    let bytes = try file.read(at: member.headerOffset, count: 30, field: field)
    var fields = Fields(bytes: bytes, path: file.path)
    guard try fields.number(4) == 0x0403_4b50 else {
      throw fields.corrupt("points to a member without its signature")
    }
    try fields.skip(22)
    let start = member.headerOffset + 30 + (try fields.number(2)) + (try fields.number(2))
    guard start <= file.size, member.compressedSize <= file.size - start else {
      throw FileError(
        path: file.path, field: field, problem: "reaches beyond the end of the file",
        advice: "the file is truncated or corrupt: write it again")
    }
    return start..<start + member.compressedSize
  }

  /// Where the central directory lies, from the record at the end of the file.
  private struct EndRecord {
    var count: Int
    var size: Int
    var offset: Int

    init(_ file: ReadableFile) throws {
      let tailStart = max(0, file.size - 22 - 0xffff)
      let tail = try file.read(
        at: tailStart, count: file.size - tailStart, field: "end of the zip file")
      guard let start = Self.find(tail) else {
        throw FileError(
          path: file.path, problem: "is no complete .npz (zip) file",
          advice: "write it with numpy.savez")
      }
      var fields = Fields(bytes: Array(tail[start...]), path: file.path)
      try fields.skip(10)
      count = try fields.number(2)
      size = try fields.number(4)
      offset = try fields.number(4)
      if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
        try readLarge(file, end: tailStart + start)
      }
    }

    /// The last position where the signature stands and the comment reaches exactly to the end.
    private static func find(_ tail: [UInt8]) -> Int? {
      var start = tail.count - 22
      while start >= 0 {
        if tail[start...].starts(with: [0x50, 0x4b, 5, 6]),
          Int(tail[start + 20]) | Int(tail[start + 21]) << 8 == tail.count - start - 22
        {
          return start
        }
        start -= 1
      }
      return nil
    }

    private mutating func readLarge(_ file: ReadableFile, end: Int) throws {
      let field = "zip64 record"
      guard end >= 20 else { return }
      var locator = Fields(
        bytes: try file.read(at: end - 20, count: 20, field: field), path: file.path)
      // Without a locator the values are what they look like.
      guard try locator.number(4) == 0x0706_4b50 else { return }
      try locator.skip(4)
      let position = try locator.number(8)
      var record = Fields(
        bytes: try file.read(at: position, count: 56, field: field), path: file.path)
      guard try record.number(4) == 0x0606_4b50 else {
        throw record.corrupt("lacks the signature of its zip64 record")
      }
      try record.skip(28)
      count = try record.number(8)
      size = try record.number(8)
      offset = try record.number(8)
    }
  }

  /// Little-endian numbers, taken from the front.
  private struct Fields {
    let bytes: [UInt8]
    let path: String
    var position = 0
    var left: Int { bytes.count - position }

    func corrupt(_ problem: String) -> FileError {
      FileError(
        path: path, field: "central directory", problem: problem,
        advice: "the file is corrupt: write it again")
    }

    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard count <= left else { throw corrupt("ends too early") }
      defer { position += count }
      return bytes[position..<position + count]
    }

    mutating func skip(_ count: Int) throws { _ = try take(count) }

    mutating func number(_ size: Int) throws -> Int {
      let value = try take(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard let number = Int(exactly: value) else { throw corrupt("has a size beyond 63 bits") }
      return number
    }
  }
}
