import DataSets
import Testing

@Suite("IDX and gzip against files made by Python")
struct IDXFileTests {
  @Test(arguments: ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
  func images(_ name: String) throws {
    let array = try IDXFile.read(fixture(name))
    #expect(array.shape == [2, 3, 4] && array.elementType == .uint8)
    #expect(try array.integers() == Array(0..<24))
  }

  @Test func widerElements() throws {
    let integers = try IDXFile.read(fixture("i4.idx"))
    #expect(integers.elementType == .int32)
    #expect(try integers.integers() == [-1, 0, 70000])
    #expect(try IDXFile.read(fixture("f8.idx")).doubles() == [1.5, -2.25])
  }

  @Test func gzipMembers() throws {
    let path = fixture("members.gz")
    #expect(try Gzip.read(path, limit: 100) == Array("first second".utf8))
    #expect(try Gzip.read(path, limit: 12).count == 12)
    expectFileError("members.gz", "11") { _ = try Gzip.read(path, limit: 11) }
    expectFileError("compressed data") { _ = try Gzip.read(diabetesTable, limit: 99) }
  }

  @Test func damagedGzip() throws {
    let bytes = try FileContents.read(fixture("images-idx3-ubyte.gz"))
    var changed = bytes
    // The stored CRC-32.
    changed[bytes.count - 8] ^= 1
    for damaged in [changed, bytes + [1, 2, 3]] {
      try withFile(damaged) { path in
        expectFileError("compressed data") { _ = try IDXFile.read(path) }
      }
    }
  }

  @Test(
    "headers that lie",
    arguments: [
      [], [0, 0, 8], [0, 0, 8, 1], [1, 0, 8, 1, 0, 0, 0, 0], [0, 0, 7, 1, 0, 0, 0, 0],
      [0, 0, 8, 0], [0, 0, 8, 1, 0, 0, 0, 2, 9], [0, 0, 8, 1, 0, 0, 0, 1, 9, 9],
      [0, 0, 14, 2, 255, 255, 255, 255, 255, 255, 255, 255],
      [0, 0, 8, 3] + [UInt8](repeating: 255, count: 12),
      [0, 0, 8, 255] + [UInt8](repeating: 255, count: 1020),
    ] as [[UInt8]])
  func badHeaders(_ bytes: [UInt8]) throws {
    try withFile(bytes) { path in expectFileError(path) { _ = try IDXFile.read(path) } }
  }
}
