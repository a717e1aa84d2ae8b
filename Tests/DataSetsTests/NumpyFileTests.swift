import DataSets
import Testing

@Suite("NPY against files written by numpy")
struct NumpyFileTests {
  @Test(arguments: [
    ("u1", ElementType.uint8), ("i1", .int8), ("u2", .uint16), ("i2", .int16), ("u4", .uint32),
    ("i4", .int32), ("u8", .uint64), ("i8", .int64), ("f2", .float16), ("f4", .float32),
    ("f8", .float64), ("b1", .bool),
  ])
  func elementTypes(_ code: String, _ type: ElementType) throws {
    let array = try NumpyFile.read(fixture("\(code).npy"))
    #expect(array.elementType == type)
    #expect(array.shape == [2, 3, 4])
    #expect(array.count == 24)
    let expected =
      switch code.first {
      case "f": ramp()
      case "i": ramp { $0 - 12 }
      case "b": ramp { $0.truncatingRemainder(dividingBy: 3) == 0 ? 1 : 0 }
      default: ramp { $0 }
      }
    #expect(array.doubles() == expected)
    #expect(array.floats() == expected.map { Float($0) })
    if type.isIntegral {
      #expect(try array.integers() == expected.map { Int($0) })
    } else {
      expectFileError("element 1", "1.5") { _ = try array.integers() }
    }
  }

  @Test(arguments: [
    "big-endian-f8.npy", "fortran-f4.npy", "fortran-big-endian-f8.npy", "version-2.npy",
    "version-3.npy",
  ])
  func layouts(_ name: String) throws {
    let array = try NumpyFile.read(fixture(name))
    #expect(array.shape == [2, 3, 4])
    #expect(array.doubles() == ramp())
  }

  @Test func shapes() throws {
    #expect(try NumpyFile.read(fixture("big-endian-i2.npy")).doubles() == ramp { $0 - 12 })
    let scalar = try NumpyFile.read(fixture("scalar.npy"))
    #expect(scalar.shape == [] && scalar.doubles() == [2.5])
    let vector = try NumpyFile.read(fixture("vector.npy"))
    #expect(vector.shape == [3] && vector.doubles() == [0, 1, 2])
    let empty = try NumpyFile.read(fixture("empty.npy"))
    #expect(empty.shape == [0, 5] && empty.doubles() == [])
  }

  @Test("float16 as numpy widens it")
  func halfPrecision() throws {
    let half = try NumpyFile.read(fixture("half.npy")).floats()
    let wide = try NumpyFile.read(fixture("half-as-f4.npy")).floats()
    #expect(half.map(\.bitPattern) == wide.map(\.bitPattern))
  }

  @Test(
    "writing gives numpy's own bytes",
    arguments: [
      "u1.npy", "i1.npy", "u2.npy", "i2.npy", "u4.npy", "i4.npy", "u8.npy", "i8.npy", "f2.npy",
      "f4.npy", "f8.npy", "b1.npy", "scalar.npy", "vector.npy", "empty.npy",
    ])
  func writing(_ name: String) throws {
    let bytes = try FileContents.read(fixture(name))
    let array = try NumpyFile.decode(bytes, name: name)
    #expect(NumpyFile.encode(array) == bytes)
    try withTemporaryFolder { folder in
      try NumpyFile.write(array, to: "\(folder)/a.npy")
      #expect(try FileContents.read("\(folder)/a.npy") == bytes)
      #expect(try contents(folder) == ["a.npy"])
    }
  }

  @Test("bfloat16 is written as float32")
  func writingBfloat16() throws {
    let array = try NumericArray(
      shape: [2], elementType: .bfloat16, bytes: [0x80, 0x3f, 0x49, 0xc0])
    let read = try NumpyFile.decode(NumpyFile.encode(array), name: "a")
    #expect(read.elementType == .float32)
    #expect(read.floats() == [1, -3.140625])
  }

  @Test func unsupportedElements() {
    expectFileError("complex.npy: descr", "<c8") {
      _ = try NumpyFile.read(fixture("complex.npy"))
    }
    expectFileError("text.npy: descr", "<U2") { _ = try NumpyFile.read(fixture("text.npy")) }
    expectFileError("record.npy: descr", "fields") {
      _ = try NumpyFile.read(fixture("record.npy"))
    }
  }

  /// A version 1.0 file with any header text.
  private func file(_ header: String, data: Int = 0) -> [UInt8] {
    [0x93] + Array("NUMPY".utf8) + [1, 0] + UInt16(header.utf8.count).littleEndianBytes
      + Array(header.utf8) + [UInt8](repeating: 0, count: data)
  }

  @Test(
    "headers that lie or are broken",
    arguments: [
      "", "{", "{}", "{'descr': '<f4'}", "[]",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
      "{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f3', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': (2,)}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}",
      "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 9223372036854775807, 4)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': ("
        + String(repeating: "1,", count: 65) + ")}",
    ])
  func badHeaders(_ header: String) {
    expectFileError("bad.npy") {
      _ = try NumpyFile.decode(file(header, data: 8), name: "bad.npy")
    }
  }

  @Test("headers as other writers make them")
  func looseHeaders() throws {
    for header in [
      "{'shape':(2,),'fortran_order':False,'descr':'<f4'}",
      "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2L, 1L), }   \n",
    ] {
      #expect(try NumpyFile.decode(file(header, data: 8), name: "a").doubles() == [0, 0])
    }
  }

  @Test func oversizedHeader() {
    let bytes = [0x93] + Array("NUMPY".utf8) + [2, 0] + UInt32(2_000_000).littleEndianBytes
    expectFileError("header length") {
      _ = try NumpyFile.decode(bytes + [UInt8](repeating: 32, count: 2_000_000), name: "a")
    }
  }

  @Test func wrongMagic() {
    expectFileError("no .npy file") { _ = try NumpyFile.read(diabetesTable) }
    expectFileError("version", "4.0") {
      var bytes = file("", data: 20)
      bytes[6] = 4
      _ = try NumpyFile.decode(bytes, name: "a")
    }
    expectFileError("no-such-file.npy", "No such file") {
      _ = try NumpyFile.read(fixture("no-such-file.npy"))
    }
    expectFileError("a folder") { _ = try NumpyFile.read(fixture("")) }
    expectFileError("/dev/zero", "device") { _ = try NumpyFile.read("/dev/zero") }
  }
}
