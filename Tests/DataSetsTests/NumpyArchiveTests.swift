import DataSets
import Testing

@Suite("NPZ against files written by numpy and Python's zipfile")
struct NumpyArchiveTests {
  @Test(arguments: ["stored.npz", "deflated.npz"])
  func arrays(_ name: String) throws {
    let archive = try NumpyArchive(fixture(name))
    #expect(archive.names == ["x", "labels", "zeros"])
    let x = try archive.array("x")
    #expect(x.shape == [2, 3, 4] && x.elementType == .float32 && x.doubles() == ramp())
    #expect(try archive.array("labels").integers() == [0, 1, 2, 3, 4])
    // Deflate makes 40 000 zero bytes very small; that is no bomb.
    #expect(try archive.array("zeros").doubles() == [Double](repeating: 0, count: 5000))
    #expect(try archive.arrays().count == 3)
  }

  @Test("members with data descriptors and zip64 sizes")
  func dataDescriptors() throws {
    let archive = try NumpyArchive(fixture("descriptors.npz"))
    #expect(try archive.array("x").doubles() == ramp())
    #expect(try archive.array("labels").integers() == [0, 1, 2, 3, 4])
  }

  @Test func missingName() throws {
    let archive = try NumpyArchive(fixture("stored.npz"))
    expectFileError("stored.npz", "'y'", "'x', 'labels', 'zeros'") {
      _ = try archive.array("y")
    }
  }

  @Test(arguments: ["stored.npz", "deflated.npz", "descriptors.npz"])
  func changedData(_ name: String) throws {
    var bytes = try FileContents.read(fixture(name))
    // In the middle of the first member's data.
    bytes[170] ^= 0x10
    try withFile(bytes) { path in
      expectFileError("array 'x'") { _ = try NumpyArchive(path).array("x") }
    }
  }

  @Test func otherFiles() {
    expectFileError("zip") { _ = try NumpyArchive(diabetesTable) }
    expectFileError("zip") { _ = try NumpyArchive(fixture("f8.idx")) }
  }

  @Test("a member that promises more than deflate can make")
  func promisedSize() throws {
    let bytes = try FileContents.read(fixture("deflated.npz"))
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
    var lying = bytes
    lying.replaceSubrange(start + 24..<start + 28, with: UInt32(0xf000_0000).littleEndianBytes)
    try withFile(lying) { path in
      expectFileError("cannot inflate") { _ = try NumpyArchive(path).array("x") }
    }
    // One byte less and one byte more than there are.
    for delta in [-1, 1] {
      var lying = bytes
      let size = UInt32(Int(bytes[start + 24]) + 256 * Int(bytes[start + 25]) + delta)
      lying.replaceSubrange(start + 24..<start + 28, with: size.littleEndianBytes)
      try withFile(lying) { path in
        expectFileError("array 'x'") { _ = try NumpyArchive(path).array("x") }
      }
    }
  }
}
