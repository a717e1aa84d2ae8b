import FoundationEssentials
import TestSupport
import Testing

@testable import Scheduling

@Suite struct ProfileCacheTests {
  private let folder = TemporaryFolder("profiles")
  private let key = ProfileKey(
    backend: "opencl", device: "Any Device", driver: "1.2", platform: "Any", computeUnits: 8,
    family: "device", numerics: .reproducible, type: .float32)

  private static func profile(_ rate: Double = 1e12) -> DeviceProfile {
    let curve = ProfileTable(x: [8, 20], values: [-17.25, -11.001])
    let cube = ProfileTable(
      x: [3, 11], y: [3, 11], z: [3, 11], values: (0..<8).map { -20 + 0.1 * Double($0) })
    return DeviceProfile(
      launch: 5e-6, opening: 0.1, transferLatency: 1e-5, uploadRate: 1.2e10,
      downloadRate: 1.1e10, memoryRate: 1e12, elementwiseRate: 3e12, contractionRate: rate,
      uploadLatency: 3e-6,
      contractions: ContractionTables(plain: cube, transposedB: cube, transposedA: cube),
      elementwise: ElementwiseTables(
        stream: curve, reduction: curve, columnSums: curve, product: curve, loss: curve,
        random: curve, gated: curve, smooth: curve),
      fusesJets: true, note: "a note")
  }

  private var path: String { folder.path + "/" + key.fileName }

  private func write(_ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  private func text() throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  @Test func whatIsKeptComesBack() throws {
    let cache = ProfileCache(folder: folder.path + "/a/b")
    #expect(cache.profile(for: key) == nil)
    #expect(cache.keep(Self.profile(), for: key))
    #expect(cache.profile(for: key) == Self.profile())
    #expect(folder.contents("a/b") == [key.fileName])
    #expect(cache.keep(Self.profile(7), for: key))
    #expect(cache.profile(for: key)?.contractionRate == 7)
    #expect(folder.contents("a/b") == [key.fileName])
  }

  @Test func everyPartOfTheKeyCounts() {
    let changes: [(inout ProfileKey) -> Void] = [
      { $0.backend = "openblas" }, { $0.device = "Any Device 2" }, { $0.driver = "1.3" },
      { $0.platform = "" }, { $0.computeUnits = 9 }, { $0.family = "host" }, { $0.threads = 1 },
      { $0.numerics = .fast }, { $0.type = .float64 },
      // The same characters in another field.
      {
        $0.device = "Any Device1.2"
        $0.driver = ""
      },
    ]
    let cache = ProfileCache(folder: folder.path)
    cache.keep(Self.profile(), for: key)
    var names: Set<String> = [key.fileName]
    for change in changes {
      var other = key
      change(&other)
      names.insert(other.fileName)
      #expect(cache.profile(for: other) == nil)
    }
    #expect(names.count == changes.count + 1)
  }

  @Test func damagedEntriesCountAsAbsent() throws {
    let cache = ProfileCache(folder: folder.path)
    cache.keep(Self.profile(), for: key)
    let good = try text()
    let rate = "\"contractionRate\" : 1000000000000"
    try #require(good.contains(rate))
    var other = key
    other.device = "another"
    let damaged = [
      "", "{}", "null", String(good.dropLast(good.count / 2)), String(good.dropLast(3)),
      good.replacing(rate, with: "\"contractionRate\" : 0"),
      good.replacing(rate, with: "\"contractionRate\" : -1e12"),
      good.replacing(rate, with: "\"contractionRate\" : \"fast\""),
      good.replacing(rate, with: "\"contractionRate\" : 1e999"),
      good.replacing("\"format\" : 1", with: "\"format\" : 0"),
      good.replacing("Any Device", with: "Any Other"),
      // A table with fewer values than its axes have knots, and one that is out of order.
      good.replacing("-11.001", with: "-11.001, 3"), good.replacing("-17.25", with: "1e300"),
      good.replacing("          3,\n", with: "          12,\n"),
    ]
    for text in damaged {
      #expect(text != good)
      try write(text)
      #expect(cache.profile(for: key) == nil, "\(text)")
      let fresh = cache.profile(for: key, .cached) { Self.profile(3) }
      #expect(fresh.contractionRate == 3)
      #expect(cache.profile(for: key)?.contractionRate == 3)
    }
    try write(good)
    #expect(cache.profile(for: key) == Self.profile())
  }

  @Test func refreshMeasuresAgain() throws {
    let cache = ProfileCache(folder: folder.path)
    var measured = 0
    func measure() -> DeviceProfile {
      measured += 1
      return Self.profile(Double(measured))
    }
    #expect(cache.profile(for: key, .cached, measure: measure).contractionRate == 1)
    #expect(cache.profile(for: key, .cached, measure: measure).contractionRate == 1)
    #expect(cache.profile(for: key, .refresh, measure: measure).contractionRate == 2)
    #expect(cache.profile(for: key, .cached, measure: measure).contractionRate == 2)
    #expect(measured == 2)
  }

  @Test func afolderThatCannotBeWrittenFailsNothing() throws {
    try write("a file, not a folder")
    // Not even root can make a folder below a file.
    for folder in [path, path + "/below", nil] {
      let cache = ProfileCache(folder: folder)
      #expect(cache.profile(for: key) == nil)
      #expect(!cache.keep(Self.profile(), for: key))
      #expect(cache.profile(for: key, .cached) { Self.profile(5) }.contractionRate == 5)
    }
    // A folder where the file should be.
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(
      atPath: path + "/x", withIntermediateDirectories: true)
    let cache = ProfileCache(folder: folder.path)
    #expect(cache.profile(for: key) == nil)
    #expect(!cache.keep(Self.profile(), for: key))
    #expect(folder.contents() == [key.fileName])
  }

  @Test func anErrorOfTheMeasurementIsPassedOn() {
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      try ProfileCache(folder: folder.path).profile(for: key, .cached) { throw Failure() }
    }
    #expect(folder.contents().isEmpty)
  }
}
