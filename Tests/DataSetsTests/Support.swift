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

/// The path of a file under Fixtures.
func fixture(_ name: String) -> String {
  "\(testsFolder)/DataSetsTests/Fixtures/\(name)"
}

/// The folder that holds all test targets.
let testsFolder: String = {
  let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
  return parts.dropLast(2).joined(separator: "/")
}()

/// The table of the documentation's examples: 442 rows, 11 columns.
let diabetesTable = "\(testsFolder)/../docs/examples/diabetes.csv"

/// The numbers 0 … 23 of the array fixtures, mapped.
func ramp(_ value: (Double) -> Double = { $0 * 1.5 }) -> [Double] {
  (0..<24).map { value(Double($0)) }
}

/// A new folder that is removed after `body`.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let tag = String(UInt64.random(in: .min ... .max), radix: 36)
  let folder = FileManager.default.temporaryDirectory.path + "/data-sets-tests-\(tag)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

/// The names in a folder, sorted.
func contents(_ folder: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

/// Writes `bytes` to a temporary file and hands its path to `body`.
func withFile<Result>(
  _ bytes: [UInt8], _ name: String = "file", _ body: (String) throws -> Result
) throws -> Result {
  try withTemporaryFolder { folder in
    let path = "\(folder)/\(name)"
    try overwrite(path, bytes[...])
    return try body(path)
  }
}

/// Expects a `FileError` whose sentence contains every one of `words`.
func expectFileError(
  _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as FileError {
    for word in words {
      #expect(
        error.description.contains(word), "\(error) lacks '\(word)'",
        sourceLocation: sourceLocation)
    }
    #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
  } catch {
    Issue.record("no FileError but \(error)", sourceLocation: sourceLocation)
  }
}

/// Plain writing, without the syncs of AtomicFile.
func overwrite(_ path: String, _ bytes: ArraySlice<UInt8>) throws {
  let file = try #require(fopen(path, "w"))
  defer { fclose(file) }
  let written = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
  #expect(written == bytes.count)
}

extension FixedWidthInteger {
  /// The bytes, least significant first.
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
