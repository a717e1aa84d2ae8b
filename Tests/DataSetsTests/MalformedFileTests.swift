import DataSets
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The readers of whole files, each reading all that it can.
private let readers: [(name: String, read: @Sendable (String) throws -> Void)] = [
  ("f4.npy", { _ = try NumpyFile.read($0).doubles() }),
  ("version-3.npy", { _ = try NumpyFile.read($0).doubles() }),
  ("fortran-big-endian-f8.npy", { _ = try NumpyFile.read($0).doubles() }),
  ("deflated.npz", { _ = try NumpyArchive($0).arrays() }),
  ("descriptors.npz", { _ = try NumpyArchive($0).arrays() }),
  ("all.safetensors", { _ = try SafetensorsFile($0).tensors() }),
  ("images-idx3-ubyte", { _ = try IDXFile.read($0) }),
  ("images-idx3-ubyte.gz", { _ = try IDXFile.read($0) }),
  ("members.gz", { _ = try Gzip.read($0, limit: 1000) }),
]

@Suite("Damaged files are refused with a sentence")
struct MalformedFileTests {
  @Test("truncated at every length", arguments: readers.indices)
  func truncated(_ index: Int) throws {
    let (name, read) = readers[index]
    let bytes = try FileContents.read(fixture(name))
    try withTemporaryFolder { folder in
      let path = "\(folder)/\(name)"
      for length in 0..<bytes.count {
        // Where the first gzip member ends, the file is whole.
        if name == "members.gz" && length == 26 { continue }
        try overwrite(path, bytes[..<length])
        expectFileError(path) { try read(path) }
      }
    }
  }

  @Test("followed by other bytes", arguments: readers.indices)
  func extended(_ index: Int) throws {
    let (name, read) = readers[index]
    try withFile(FileContents.read(fixture(name)) + [7]) { path in
      expectFileError(path) { try read(path) }
    }
  }

  @Test(
    "every byte changed in three ways: read, or refused with FileError", arguments: readers.indices)
  func changed(_ index: Int) throws {
    let (name, read) = readers[index]
    let bytes = try FileContents.read(fixture(name))
    try withTemporaryFolder { folder in
      let path = "\(folder)/\(name)"
      for position in bytes.indices {
        for value in [0xff, 0, bytes[position] ^ 1] where value != bytes[position] {
          var damaged = bytes
          damaged[position] = value
          try overwrite(path, damaged[...])
          do { try read(path) } catch is FileError {}
        }
      }
    }
  }

  @Test("any bytes as CSV", arguments: 0..<200)
  func randomCSV(_ seed: Int) throws {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    let alphabet = Array("0123,,;\t\"\n\r. -ex\u{e4}".utf8) + [0, 0xff]
    let bytes = (0..<60).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return alphabet[Int(state >> 33) % alphabet.count]
    }
    try withFile(bytes) { path in
      for target in ["0", "1", "x"] {
        do {
          _ = try DataSetSpecification(parsing: "csv:\(path):\(target)").load()
        } catch is FileError {}
      }
    }
  }

  #if os(Linux)
    @Test("what a header promises is not allocated before it is there")
    func promises() async {
      await #expect(processExitsWith: .success) {
        let before = try peakMegabytes()
        try readPromises()
        let growth = try peakMegabytes() - before
        #expect(growth < 100, "\(growth) MB")
      }
    }
  #endif
}

/// Small files that promise gigabytes.
private func readPromises() throws {
  let numpy = "{'descr': '<f8', 'fortran_order': True, 'shape': (2000000000, 1), }"
  let header = [0x93] + Array("NUMPY".utf8) + [1, 0] + UInt16(numpy.utf8.count).littleEndianBytes
  try withFile(header + Array(numpy.utf8)) { path in
    expectFileError("array") { _ = try NumpyFile.read(path) }
  }
  let tensor = "{\"a\":{\"dtype\":\"F64\",\"shape\":[2000000000],\"data_offsets\":[0,16000000000]}}"
  try withFile(UInt64(tensor.utf8.count).littleEndianBytes + Array(tensor.utf8)) { path in
    expectFileError("data_offsets") { _ = try SafetensorsFile(path) }
  }
  let idx: [UInt8] = [0, 0, 14, 2, 0x70, 0, 0, 0, 0, 0, 0, 1]
  try withFile(idx + [1]) { path in
    expectFileError("elements") { _ = try IDXFile.read(path) }
  }
  // Within what deflate can do, but not what is there.
  let archive = try FileContents.read(fixture("deflated.npz"))
  var lying = archive
  if let start = archive.indices.first(where: { archive[$0...].starts(with: [0x50, 0x4b, 1, 2]) }) {
    lying.replaceSubrange(start + 24..<start + 28, with: UInt32(100_000).littleEndianBytes)
  }
  try withFile(lying) { path in
    expectFileError("array 'x'") { _ = try NumpyArchive(path).array("x") }
  }
  // 1 MB of gzip that inflates to 1 GB, behind the header of a small IDX file.
  try withFile(try FileContents.read(fixture("bomb.idx.gz.gz")), "bomb.gz") { path in
    let bomb = try Gzip.read(path, limit: 4_000_000)
    try withFile(bomb) { path in
      expectFileError("elements", "more bytes") { _ = try IDXFile.read(path) }
      expectFileError("1000000") { _ = try Gzip.read(path, limit: 1_000_000) }
    }
  }
}

/// The largest address space this process had: it counts what was allocated and never touched.
private func peakMegabytes() throws -> Int {
  let file = try #require(fopen("/proc/self/status", "r"))
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 200)
  while fgets(&line, Int32(line.count), file) != nil {
    let text = String(
      decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if text.hasPrefix("VmPeak:"), let kilobytes = Int(text.split { !$0.isNumber }.joined()) {
      return kilobytes / 1024
    }
  }
  throw FileError(path: "/proc/self/status", problem: "lacks VmPeak")
}
