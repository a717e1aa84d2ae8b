import Compute
import Glibc
import Testing

@testable import OpenCLBackend

@Suite struct TuningTableTests {
  private let folder = TemporaryFolder()
  private let device: OpenCLDevice
  private let cache: TuningCache

  init() throws {
    device = try OpenCLDevices.device(0)
    cache = TuningCache(folder: folder.path)
  }

  private func table() -> ContractionTuning {
    var table = ContractionTuning(for: device)
    table.tiles = [
      "forward": .init(
        rows: 32, columns: 64, itemRows: 8, itemColumns: 8, gigaflops: 12.5, registers: 142),
      "few_rows": .init(
        rows: 64, columns: 64, depth: 16, itemRows: 4, itemColumns: 8, gigaflops: 0.25),
    ]
    table.block = .init(rows: 6, vectors: 1, streams: 3, speed: 1.5)
    return table
  }

  private func write(_ text: String) {
    SmallFile.write(Array(text.utf8), to: cache.path(for: device))
  }

  private func text(_ table: ContractionTuning) throws -> String {
    String(decoding: try TuningCache.encode(table), as: UTF8.self)
  }

  @Test func whatIsKeptComesBack() throws {
    #expect(cache.table(for: device, shipped: []) == (nil, nil))
    let path = try #require(try cache.keep(table(), for: device))
    #expect(folder.files == [path])
    let (found, origin) = cache.table(for: device, shipped: [])
    #expect(found == table())
    #expect(origin == .file(path))
    #expect(try TuningCache(folder: "/proc/maclaurin").keep(table(), for: device) == nil)
  }

  @Test func tablesOfAnythingElseAreNotUsed() throws {
    let changes: [(inout ContractionTuning) -> Void] = [
      { $0.device += "2" }, { $0.driver += ".1" }, { $0.platform = "" }, { $0.computeUnits += 1 },
      { $0.kernels = "0" },
    ]
    for change in changes {
      var other = table()
      change(&other)
      write(try text(other))
      #expect(cache.table(for: device, shipped: []) == (nil, nil), "\(other)")
    }
  }

  @Test func damagedTablesAreIgnoredAndTold() throws {
    let good = try text(table())
    let path = cache.path(for: device)
    let damaged = [
      "", "{}", "garbage", String(good.dropLast(good.count / 2)), String(good.dropLast(3)),
      good.replacingFirst("\"format\" : 1", with: "\"format\" : 2"),
      good.replacingFirst("\"forward\"", with: "\"sideways\""),
      // Numbers that the kernel sources do not take.
      good.replacingFirst("\"rows\" : 32", with: "\"rows\" : 33"),
      good.replacingFirst("\"rows\" : 32", with: "\"rows\" : 0"),
      good.replacingFirst("\"rows\" : 32", with: "\"rows\" : 1e30"),
      good.replacingFirst("\"itemColumns\" : 8", with: "\"itemColumns\" : 64"),
      good.replacingFirst("\"depth\" : 16", with: "\"depth\" : 1"),
      good.replacingFirst("\"streams\" : 3", with: "\"streams\" : -3"),
      good.replacingFirst("\"vectors\" : 1", with: "\"vectors\" : 9"),
    ]
    for text in damaged {
      #expect(text != good)
      write(text)
      #expect(cache.table(for: device, shipped: []) == (nil, .damaged(path)), "\(text)")
      // The one inside the program, if there is one, serves nevertheless.
      #expect(cache.table(for: device, shipped: [good]).table == table())
    }
    write(good)
    #expect(cache.table(for: device, shipped: []).table == table())
  }

  @Test func shippedTablesSuitEveryDriver() throws {
    var shipped = table()
    (shipped.driver, shipped.kernels) = ("0.1", "an older text")
    let texts = ["damaged", try text(shipped)]
    #expect(cache.table(for: device, shipped: texts) == (shipped, .shipped))
    var own = table()
    own.block = nil
    let path = try #require(try cache.keep(own, for: device))
    #expect(cache.table(for: device, shipped: texts) == (own, .file(path)))
    shipped.device = "another"
    #expect(cache.table(for: device, shipped: [try text(shipped)]).origin == .file(path))
    for text in TuningCache.shipped {
      // What is inside the program is readable.
      #expect(text.contains("\"format\" : \(ContractionTuning.currentFormat)"))
    }
  }

  @Test func abackendReadsItsTable() throws {
    let programs = folder.path + "/programs"
    _ = try TuningCache(besidePrograms: programs).keep(table(), for: device)
    defer { remove(folder.path + "/tuning", in: device) }
    let host = try makeBackend(.host, cache: programs)
    #expect((host.contractionBlock.rows, host.contractionBlock.vectors) == (6, 1))
    #expect(host.contractionBlock.streams == 3)
    let tuned = try makeBackend(.device, cache: programs)
    #expect(tuned.tunedTiles.count == 2)
    func groups(
      _ m: Int, _ n: Int, transposeB: Bool, on backend: OpenCLBackend
    ) throws -> [Int] {
      let a = try backend.matrix(m, 1, .float32)
      let b = try transposeB ? backend.matrix(n, 1, .float32) : backend.matrix(1, n, .float32)
      var lowering = Lowering()
      try backend.lower(
        Contraction(a, b, into: backend.matrix(m, n, .float32), transposeB: transposeB),
        into: &lowering)
      return lowering.launches[0].groups
    }
    // 32×64 outputs per group from the table; a table says nothing of small products, of others
    // than its classes, and to who does not read it.
    #expect(try groups(512, 640, transposeB: true, on: tuned) == [10, 16, 1])
    let plain = try makeBackend(.device)
    #expect(plain.tunedTiles.isEmpty)
    for (m, n, transposeB) in [(512, 640, false), (100, 100, true)] {
      #expect(
        try groups(m, n, transposeB: transposeB, on: tuned)
          == groups(m, n, transposeB: transposeB, on: plain))
    }
  }

  private func remove(_ folder: String, in device: OpenCLDevice) {
    unlink(TuningCache(folder: folder).path(for: device))
    rmdir(folder)
  }

  @Test(arguments: [
    (4096, 4096, 1, false, false, ContractionClass.large), (512, 2048, 1, false, true, .forward),
    (512, 2048, 1, false, false, .adjoint), (2048, 512, 1, true, false, .gradient),
    (32, 2048, 1, false, true, .fewRows), (2048, 16, 1, false, true, .fewColumns),
    (100, 100, 1, false, false, nil), (100, 100, 32, false, false, .adjoint),
    (1, 1, 1, false, false, nil), (0, 512, 1, false, true, nil),
    (64, 64, 4096, true, false, .large),
  ])
  func classes(
    _ m: Int, _ n: Int, _ batch: Int, _ transposeA: Bool, _ transposeB: Bool,
    _ expected: ContractionClass?
  ) {
    #expect(
      ContractionClass(m: m, n: n, batch: batch, transposeA: transposeA, transposeB: transposeB)
        == expected)
  }

  /// Every candidate is one that a table may hold.
  @Test func candidatesArePossible() {
    for quick in [false, true] {
      let tiles = TuningCandidate.tiles(for: device, quick: quick)
      let blocks = TuningCandidate.blocks(for: device, quick: quick)
      #expect(tiles.count > (quick ? 1 : 20) && blocks.count > 1)
      for candidate in tiles + blocks {
        switch candidate {
        case .usual: Issue.record("no candidate")
        case .tile(let tile): #expect(tile.isPossible, "\(tile.description)")
        case .block(let block): #expect(block.isPossible, "\(block.description)")
        }
      }
    }
    #expect(ContractionTile.large.isPossible && ContractionTile.small.isPossible)
    #expect(!ContractionTile(rows: 48, columns: 64).isPossible)
    #expect(!ContractionTile(rows: 64, columns: 64, depth: 12).isPossible)
    #expect(!ContractionTile(rows: 64, columns: 64, itemRows: 0).isPossible)
  }
}

extension String {
  func replacingFirst(_ text: String, with other: String) -> String {
    firstRange(of: text).map { replacingCharacters(in: $0, with: other) } ?? self
  }
}
