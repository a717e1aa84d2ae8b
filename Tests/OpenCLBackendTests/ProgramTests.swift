import Compute
import Glibc
import Testing

@testable import OpenCLBackend

@Suite struct ProgramTests {
  /// 3x of eight numbers.
  private func triple(_ backend: OpenCLBackend) throws -> [Double] {
    let x = try backend.matrix(1, 8, .float32, (0..<8).map(Double.init))
    let y = try backend.matrix(1, 8, .float32)
    try backend.run(.linearCombination(LinearCombination(y, 3, x)))
    return try backend.download(y)
  }

  private let expected = (0..<8).map { Double(3 * $0) }

  @Test func compiledProgramsAreKept() throws {
    let folder = TemporaryFolder()
    let first = try makeBackend(cache: folder.path)
    for _ in 0..<3 { #expect(try triple(first) == expected) }
    #expect(first.builtPrograms == (1, 0))
    #expect(folder.files.count == 1)
    let second = try makeBackend(cache: folder.path)
    #expect(try triple(second) == expected)
    #expect(second.builtPrograms == (0, 1))
  }

  @Test(arguments: ["", "garbage", "maclaurin program 1\n", "flipped", "truncated"])
  func corruptEntriesAreRebuilt(_ damage: String) throws {
    let folder = TemporaryFolder()
    _ = try triple(makeBackend(cache: folder.path))
    let file = try #require(folder.files.first)
    let intact = try #require(SmallFile.read(file))
    var bytes = Array(damage.utf8)
    if damage == "flipped" {
      bytes = intact
      bytes[bytes.count / 2] ^= 4
    } else if damage == "truncated" {
      bytes = Array(intact.dropLast(100))
    }
    SmallFile.write(bytes, to: file)
    let backend = try makeBackend(cache: folder.path)
    #expect(try triple(backend) == expected)
    #expect(backend.builtPrograms == (1, 0))
    let again = try makeBackend(cache: folder.path)
    #expect(try triple(again) == expected)
    #expect(again.builtPrograms == (0, 1))
    #expect(folder.files.count == 1)
  }

  @Test func unwritableCacheIsNoError() throws {
    let backend = try makeBackend(cache: "/proc/maclaurin/programs")
    #expect(try triple(backend) == expected)
    #expect(backend.builtPrograms == (1, 0))
  }

  @Test func keysSeparateTexts() {
    let cache = ProgramCache(folder: "f")
    #expect(cache.path(of: ["ab", "c"]) != cache.path(of: ["a", "bc"]))
    #expect(cache.path(of: ["ab", "c"]) == cache.path(of: ["ab", "c"]))
    // FNV-1a's published values for "" and "a".
    #expect(ProgramCache.hash([]) == 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    #expect(ProgramCache.hash([0x61]) == 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964)
  }

  @Test func replacedTextChangesResultsAndIsNotCached() throws {
    let folder = TemporaryFolder()
    let text = try #require(OpenCLBackend.programSource("linear_combination"))
    let place = try #require(text.firstRange(of: "out[i] = a * x[i];"))
    let broken = text.replacingCharacters(in: place, with: "out[i] = a + x[i];")
    let backend = try makeBackend(replacing: ["linear_combination": broken], cache: folder.path)
    #expect(try triple(backend) == (0..<8).map { Double($0 + 3) })
    #expect(folder.files.isEmpty)
  }

  @Test func buildFailureShowsTheCompilersWords() throws {
    let backend = try makeBackend(replacing: ["linear_combination": "this is no program"])
    let error = #expect(throws: BackendError.self) { try triple(backend) }
    #expect(error?.description.contains("linear_combination") == true)
    #expect(error?.description.contains("error:") == true)
  }

  @Test func profileMeasuresByFunction() throws {
    let backend = try makeBackend()
    _ = try triple(backend)
    try backend.startProfiling()
    for _ in 0..<1500 { _ = try triple(backend) }
    let seconds = try backend.profile()
    #expect(Set(seconds.keys) == ["scaled_copy"])
    #expect(seconds["scaled_copy"]! > 0)
    #expect(try triple(backend) == expected)
    #expect(try backend.profile().isEmpty)
    #expect(backend.statistics.launches["scaled_copy"] == 1502)
  }
}

extension String {
  /// This text with one range exchanged.
  func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
