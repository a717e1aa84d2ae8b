import DataSets
import FoundationEssentials
import Testing

@Suite("safetensors against files written by the reference library")
struct SafetensorsFileTests {
  @Test func elementTypes() throws {
    let file = try SafetensorsFile(fixture("all.safetensors"))
    #expect(file.names.count == 16)
    #expect(file.metadata == ["format": "np", "note": "line\nbreak \"quoted\""])
    for (name, type) in [("f64", ElementType.float64), ("f32", .float32)] {
      let tensor = try file.tensor(name)
      #expect(tensor.elementType == type && tensor.shape == [2, 3, 4])
      #expect(tensor.doubles() == ramp())
    }
    for name in ["i64", "i32", "i16", "i8"] {
      #expect(try file.tensor(name).doubles() == ramp { $0 - 12 })
    }
    for name in ["u64", "u32", "u16", "u8"] {
      #expect(try file.tensor(name).integers() == Array(0..<24))
    }
    let bools = ramp { $0.truncatingRemainder(dividingBy: 3) == 0 ? 1 : 0 }
    #expect(try file.tensor("bool").doubles() == bools)
    let half = try NumpyFile.read(fixture("half-as-f4.npy")).floats()
    #expect(try file.tensor("f16").floats().map(\.bitPattern) == half.map(\.bitPattern))
    #expect(try file.tensor("bf16").floats() == [0, 1, -1, 3.140625, Float(0x1.94p99), 0x1p-130])
    #expect(try file.tensor("scalar") == NumericArray([2.5], shape: []))
    #expect(try file.tensor("empty").shape == [0, 5])
    #expect(try file.tensor("quote \" and \\ and ü").doubles() == [0, 1])
    let info = try file.info("i16")
    #expect(info.shape == [2, 3, 4] && info.byteCount == 48 && info.elementType == .int16)
    #expect(file.contains("f32") && !file.contains("f33"))
    expectFileError("all.safetensors", "'f33'") { _ = try file.tensor("f33") }
    #expect(try file.tensors(prefix: "f").keys.sorted() == ["16", "32", "64"])
  }

  @Test("what is written is read, in order, padded to 8 bytes")
  func roundTrip() throws {
    let tensors: [(name: String, array: NumericArray)] = [
      ("z.weight", NumericArray([1, 2, 3] as [Float], shape: [3, 1])),
      ("a\u{1}\"\\\n/ü", NumericArray([4.5])), ("empty", NumericArray([Float](), shape: [0, 2])),
    ]
    let metadata = ["step": "12", "a\tb": "\u{1f}"]
    let bytes = try SafetensorsFile.encode(tensors, metadata: metadata)
    let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(length % 8 == 0)
    try withTemporaryFolder { folder in
      let path = "\(folder)/a.safetensors"
      try SafetensorsFile.write(tensors, metadata: metadata, to: path)
      #expect(try FileContents.read(path) == bytes)
      for file in [try SafetensorsFile(path), try SafetensorsFile(bytes: bytes, name: "a")] {
        #expect(file.metadata == metadata)
        #expect(Set(file.names) == Set(tensors.map(\.name)))
        #expect(file.names.first == "z.weight")
        for (name, array) in tensors { #expect(try file.tensor(name) == array) }
      }
      #expect(try SafetensorsFile(bytes: SafetensorsFile.encode([]), name: "a").names == [])
      expectFileError("z.weight") {
        try SafetensorsFile.write([tensors[0], tensors[0]], to: "\(folder)/b.safetensors")
      }
      expectFileError("__metadata__") {
        _ = try SafetensorsFile.encode([("__metadata__", tensors[0].array)])
      }
      #expect(try contents(folder) == ["a.safetensors"])
    }
  }

  private func file(_ header: String, data: Int = 8) -> [UInt8] {
    UInt64(header.utf8.count).littleEndianBytes + Array(header.utf8)
      + [UInt8](repeating: 0, count: data)
  }

  @Test(
    "headers that lie or are broken",
    arguments: [
      "", "{", "[]", "null", "{}", "{\"a\":1}", "{\"a\":{}}", "{\"__metadata__\":{\"a\":1}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,16]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,1e40]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1,-2],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905,2],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
        + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      String(repeating: "{\"a\":", count: 100_000),
    ])
  func badHeaders(_ header: String) {
    expectFileError("bad.safetensors") {
      _ = try SafetensorsFile(bytes: file(header), name: "bad.safetensors")
    }
  }

  @Test func headerLength() {
    for length in [UInt64.max, 1 << 63, 100_000_001, 1000, 17] {
      expectFileError("header length") {
        _ = try SafetensorsFile(
          bytes: length.littleEndianBytes + [UInt8](repeating: 32, count: 16), name: "a")
      }
    }
    expectFileError("UTF-8") {
      _ = try SafetensorsFile(
        bytes: UInt64(4).littleEndianBytes + [0x7b, 0xff, 0xfe, 0x7d], name: "a")
    }
  }

  @Test("every tensor of the golden cases can be read")
  func goldenCases() throws {
    let folder = "\(testsFolder)/Golden"
    guard let cases = try? contents(folder) else { return }
    for name in cases {
      let path = "\(folder)/\(name)/case.safetensors"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let file = try SafetensorsFile(path)
      for name in file.names {
        let tensor = try file.tensor(name)
        #expect(tensor.shape.reduce(1, *) == tensor.count)
        #expect(tensor.doubles().allSatisfy { $0.isFinite }, "\(path) \(name)")
      }
    }
  }
}
