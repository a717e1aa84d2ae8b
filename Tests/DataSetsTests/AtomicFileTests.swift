import DataSets
import FoundationEssentials
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("AtomicFile")
struct AtomicFileTests {
  @Test func replaces() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/a"
      try AtomicFile.write(path, "old")
      try AtomicFile.write(path, chunks: [[1, 2], [], [3]])
      #expect(try FileContents.read(path) == [1, 2, 3])
      #expect(try contents(folder) == ["a"])
    }
  }

  @Test func keepsPermissionsAndFollowsLinks() throws {
    try withTemporaryFolder { folder in
      try AtomicFile.write("\(folder)/target", "old")
      #expect(chmod("\(folder)/target", 0o640) == 0)
      #expect(symlink("target", "\(folder)/link") == 0)
      try AtomicFile.write("\(folder)/link", "new")
      #expect(try FileContents.readText("\(folder)/target") == "new")
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/target")
      #expect(attributes[.posixPermissions] as? Int == 0o640)
      #expect(try contents(folder) == ["link", "target"])
    }
  }

  @Test("an error of the writer leaves the old file and no temporary one")
  func thrownError() throws {
    struct Stop: Error {}
    try withTemporaryFolder { folder in
      let path = "\(folder)/a"
      try AtomicFile.write(path, "old")
      #expect(throws: Stop.self) {
        try AtomicFile.write(path) { writer in
          try writer.write([1, 2, 3])
          throw Stop()
        }
      }
      #expect(try FileContents.readText(path) == "old")
      #expect(try contents(folder) == ["a"])
    }
  }

  @Test func placesThatCannotBeWritten() throws {
    try withTemporaryFolder { folder in
      expectFileError("\(folder)/no/a", "No such file or directory", "create the folder") {
        try AtomicFile.write("\(folder)/no/a", "text")
      }
      expectFileError(folder, "folder") { try AtomicFile.write(folder, "text") }
      let name = String(repeating: "n", count: 300)
      expectFileError("File name too long") { try AtomicFile.write("\(folder)/\(name)", "text") }
      let left = try contents(folder)
      #expect(left == [])
    }
  }

  #if os(Linux)
    @Test("a full device")
    func fullDevice() {
      expectFileError("/dev/full", "No space left on device") {
        try AtomicFile.write("/dev/full", "text")
      }
    }

    @Test("a disk that fills up: a limit on the size of files stands in for it")
    func filledDisk() async {
      await #expect(processExitsWith: .success) {
        try withTemporaryFolder { folder in
          let path = "\(folder)/a"
          try AtomicFile.write(path, "old")
          signal(SIGXFSZ, SIG_IGN)
          var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
          #expect(setrlimit(__rlimit_resource_t(1), &limit) == 0)
          let chunks = [[UInt8]](repeating: [UInt8](repeating: 1, count: 30_000), count: 5)
          expectFileError(path, "File too large") { try AtomicFile.write(path, chunks: chunks) }
          #expect(try FileContents.readText(path) == "old")
          #expect(try contents(folder) == ["a"])
        }
      }
    }
  #endif

  @Test("two writers at once: one of the two files, complete")
  func concurrentWriters() async throws {
    let tag = UInt64.random(in: .min ... .max)
    let path = FileManager.default.temporaryDirectory.path + "/atomic-\(tag)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for value in UInt8(0)..<8 {
        group.addTask {
          try AtomicFile.write(path, [UInt8](repeating: value, count: 50_000 + Int(value)))
        }
      }
      try await group.waitForAll()
    }
    let bytes = try FileContents.read(path)
    #expect(Set(bytes).count == 1 && bytes.count == 50_000 + Int(bytes[0]))
  }
}
