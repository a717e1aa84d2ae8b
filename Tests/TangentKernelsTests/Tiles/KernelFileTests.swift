import Compute
import DataSets
import FoundationEssentials
import Glibc
import TangentKernels
import TestSupport
import Testing

/// Kernels in tiles: whole, in parts, and in other people's files.
@Suite struct KernelFileTests {
  private static let entries: [[Int]] = [[], [3], [2, 2]]

  /// Every pair of examples is in one tile, or its mirror image is.
  @Test func gridsCoverEveryPairOnce() {
    for rows in 1...9 {
      for columns in [1, 2, 5, 9, rows] {
        for side in 1...10 {
          for isSymmetric in [false, true] where !isSymmetric || rows == columns {
            let grid = TileGrid(
              rows: rows, columns: columns, isSymmetric: isSymmetric, side: side)
            var hits = [Int](repeating: 0, count: rows * columns)
            for index in 0..<grid.count {
              let tile = grid[index]
              #expect(!tile.rows.isEmpty && !tile.columns.isEmpty)
              #expect(tile.rows.count <= side && tile.columns.count <= side)
              for i in tile.rows {
                for j in tile.columns {
                  hits[i * columns + j] += 1
                  if isSymmetric && tile.rows != tile.columns { hits[j * columns + i] += 1 }
                }
              }
            }
            #expect(hits.allSatisfy { $0 == 1 }, "\(rows)×\(columns) by \(side)")
          }
        }
      }
    }
  }

  /// So large that the root of a tile's number is not exact in Double.
  @Test func largeGrids() {
    let grid = TileGrid(rows: 1 << 30, columns: 1 << 30, isSymmetric: true, side: 1)
    for row in [94_906_265, 94_906_266, 1 << 29, 1 << 30 - 1] {
      let first = row * (row + 1) / 2
      #expect(grid[first] == Tile(rows: row..<row + 1, columns: 0..<1))
      #expect(grid[first + row] == Tile(rows: row..<row + 1, columns: row..<row + 1))
    }
  }

  @Test(arguments: entries, [ScalarType.float32, .float64])
  func everyCut(_ entry: [Int], _ type: ScalarType) throws {
    let folder = KernelFolder()
    for columns in [nil, 1, 5, 11] {
      for side in [1, 2, 3, 7, 8] {
        let kernel = FormulaKernel(7, columns, entry: entry, type)
        try folder.compute(kernel, side: side)
        try folder.expect(kernel, "side \(side), columns \(columns ?? 7)")
        #expect(kernel.blocks == kernel.record(side: side).grid.count)
        #expect(folder.folder.contents() == ["k.npy"])
      }
    }
    // The same in the other format.
    let kernel = FormulaKernel(7, nil, entry: entry, type)
    try folder.compute(kernel, side: 3, "k.safetensors:theta")
    try folder.expect(kernel, in: "k.safetensors:theta")
  }

  /// The bytes are those that the array's own writer makes.
  @Test func theFileIsAnOrdinaryOne() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(6)
    try folder.compute(kernel, side: 4)
    #expect(
      try folder.bytes("k.npy") == NumpyFile.encode(NumericArray(kernel.all, shape: [6, 6])))
  }

  @Test func partsInAnyOrder() throws {
    let folder = KernelFolder()
    for pending in [1, 3, 100] {
      let inner = ReferenceBackend()
      let kernel = FormulaKernel(23, nil, on: inner)
      let backend = ObservedBackend(inner, reversesIndependentWork: true)
      let file = try folder.open("k.npy", kernel.record(side: 2))
      var done: [Int] = []
      #expect(
        try file.compute(
          kernel, on: backend, pending: pending, onProgress: { done.append($0) }))
      #expect(done == Array(1...78))
      try folder.expect(kernel)
    }
  }

  /// Between any two tiles, twice in a row.
  @Test(arguments: entries) func brokenAnywhere(_ entry: [Int]) throws {
    let folder = KernelFolder()
    for columns in [nil, 5] {
      let count = FormulaKernel(7, columns).record(side: 2).grid.count
      for first in 0..<count {
        let kernel = FormulaKernel(7, columns, entry: entry)
        let record = kernel.record(side: 2)
        kernel.breaksAfter = first
        #expect(throws: FormulaKernel.Stop.self) {
          try folder.compute(kernel, side: 2)
        }
        #expect(folder.folder.contents() == ["k.npy.journal", "k.npy.partial"])
        // What had arrived when it broke is there.
        let stored = count - (try folder.open("k.npy", record, resume: true).missing.count)
        #expect((max(0, first - 1)...first).contains(stored))
        kernel.breaksAfter = first + 2
        #expect(throws: FormulaKernel.Stop.self) {
          try folder.compute(kernel, side: 2, resume: true)
          // Near the end it does not break again.
          throw FormulaKernel.Stop()
        }
        if folder.folder.contents() != ["k.npy"] {
          kernel.breaksAfter = .max
          try folder.compute(kernel, side: 2, resume: true)
        }
        // Nothing is computed again but what was on its way.
        #expect(kernel.blocks <= count + 2)
        try folder.expect(kernel, "after \(first) tiles")
        try FileManager.default.removeItem(atPath: folder.folder.path + "/k.npy")
      }
    }
  }

  /// A crash leaves any part of the journal, or strange bytes behind it; tiles that are not in it may
  /// hold anything.
  @Test func tornJournals() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(7)
    let record = kernel.record(side: 2)
    kernel.breaksAfter = 8
    #expect(throws: FormulaKernel.Stop.self) { try folder.compute(kernel, side: 2) }
    let journal = try folder.bytes("k.npy.journal")
    let partial = try folder.bytes("k.npy.partial")
    let header = try #require(journal.firstIndex(of: 10)) + 1
    #expect(String(decoding: journal[header...], as: UTF8.self) == "0\n1\n2\n3\n4\n5\n6\n")
    var tails = (header...journal.count).map { Array(journal[header..<$0]) }
    for strange in ["", "0\n", "0\n1", "x", "1\n\n2\n", "-1\n3\n", "99\n3\n", "0\n\0\0\0\0"] {
      tails.append(Array(strange.utf8))
    }
    for tail in tails {
      try folder.write("k.npy.journal", journal[..<header] + tail)
      var damaged = partial
      let lines = String(decoding: tail, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).dropLast()
      let finished = lines.prefix { Int($0).map { (0..<10).contains($0) } ?? false }.map {
        Int($0)!
      }
      for index in 0..<10 where !finished.contains(index) {
        let tile = record.grid[index]
        for i in tile.rows {
          for j in tile.columns {
            for place in [i * 7 + j, j * 7 + i] { damaged[128 + 8 * place + 7] = 0xff }
          }
        }
      }
      try folder.write("k.npy.partial", damaged)
      let again = FormulaKernel(7)
      try folder.compute(again, side: 2, resume: true)
      #expect(again.blocks == 10 - Set(finished).count, "\(tail)")
      try folder.expect(again, "\(tail)")
    }
  }

  @Test func beginningsThatDoNotCount() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(5)
    // Killed before there was a journal; and after the file had its name.
    try folder.write("k.npy.partial", [1, 2, 3])
    try folder.compute(kernel, side: 2)
    try folder.expect(kernel)
    try folder.write("k.npy.journal", [1, 2, 3])
    try folder.compute(kernel, side: 2)
    try folder.expect(kernel)
    #expect(folder.folder.contents() == ["k.npy"])
    // Nothing to go on with.
    let other = KernelFolder()
    try other.compute(kernel, side: 2, resume: true)
    try other.expect(kernel)
  }

  /// An old journal says nothing of a new file, even if that does not get far.
  @Test func journalsOfOtherFiles() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(5)
    kernel.breaksAfter = 3
    #expect(throws: FormulaKernel.Stop.self) { try folder.compute(kernel, side: 2) }
    let journal = try folder.bytes("k.npy.journal")
    try FileManager.default.removeItem(atPath: folder.folder.path + "/k.npy.partial")
    // More than there is room for: it ends before it has a journal of its own.
    #expect(throws: FileError.self) {
      _ = try folder.open("k.npy", FormulaKernel(1 << 24).record(side: 2))
    }
    #expect(folder.folder.contents() == [])
    #expect(journal.count > 0)
  }

  /// One number in the last tile, infinite or none.
  private struct Spoiled: TiledKernel {
    let inner = FormulaKernel(5)
    let bad: Double
    var rowCount: Int { 5 }
    var columnCount: Int { 5 }
    var isSymmetric: Bool { inner.isSymmetric }
    var entry: [Int] { inner.entry }
    var type: ScalarType { inner.type }

    func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
      let block = try inner.block(rows: rows, columns: columns)
      guard rows.contains(4), columns.contains(4) else { return block }
      let backend = ReferenceBackend()
      var values = try backend.download(block)
      values[values.count - 1] = bad
      return try backend.matrix(rows.count, columns.count, type, values)
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func valuesThatAreNotFinite(_ bad: Double) throws {
    let folder = KernelFolder()
    let kernel = Spoiled(bad: bad)
    let file = try folder.open("k.npy", kernel.inner.record(side: 2))
    let text = sentence { _ = try file.compute(kernel, on: ReferenceBackend(), pending: 1) }
    #expect(text.contains("not finite") && text.contains("4..<5"), "\(text)")
    #expect(file.missing.count == 1)
  }

  @Test func unfinishedWorkIsKept() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(5)
    let record = kernel.record(side: 2)
    kernel.breaksAfter = 3
    #expect(throws: FormulaKernel.Stop.self) { try folder.compute(kernel, side: 2) }
    let before = try folder.bytes("k.npy.partial")
    #expect(sentence { _ = try folder.open("k.npy", record) }.contains("--resume"))
    func refused(_ record: KernelRecord, _ words: String...) {
      let text = sentence { _ = try folder.open("k.npy", record, resume: true) }
      for word in words + ["another --output"] { #expect(text.contains(word), "\(text)") }
    }
    refused(kernel.record(side: 3), "--tile 2, not with --tile 3")
    refused(
      kernel.record(side: 2, settings: ["kind": "nngp"]), "--kind ntk, not with --kind nngp")
    refused(
      kernel.record(side: 2, settings: ["kind": "ntk", "seed": "3"]), "no --seed, not with --seed 3"
    )
    refused(FormulaKernel(6).record(side: 2), "[5, 5]", "[6, 6]")
    refused(FormulaKernel(5, 5).record(side: 2), "shape")
    refused(FormulaKernel(5, nil, .float32).record(side: 2), "--dtype float64")
    refused(kernel.record(side: 2, shard: KernelShard(1, of: 2)), "no --shard", "--shard 1/2")
    #expect(try folder.bytes("k.npy.partial") == before)
    // Another process.
    let file = try folder.open("k.npy", record, resume: true)
    #expect(
      sentence { _ = try folder.open("k.npy", record, resume: true) }.contains("another process"))
    #expect(file.missing.count == 4)
  }

  @Test func hashesAreNotShown() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(5)
    func record(_ inputs: String?) -> KernelRecord {
      var settings = ["inputs": "0123abcd"]
      settings["inputs2"] = inputs
      return kernel.record(side: 2, settings: settings)
    }
    _ = try folder.open("k.npy", record("4567"))
    func refusal(_ inputs: String?) -> String {
      sentence { _ = try folder.open("k.npy", record(inputs), resume: true) }
    }
    #expect(refusal("89ef").contains("was begun with another --inputs2;"))
    #expect(refusal(nil).contains("was begun with --inputs2, not with no --inputs2;"))
  }

  /// Finished files are recognised by what they say, .npy files also by their values.
  @Test func finishedFiles() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(7, 5)
    let record = kernel.record(side: 3)
    for name in ["k.npy", "k.safetensors:theta"] {
      try folder.compute(kernel, side: 3, name)
      guard
        case .finished = try KernelFile.open(folder.argument(name), record, resume: true)
      else {
        Issue.record("\(name) is finished")
        continue
      }
      try KernelFile.check(
        folder.argument(name), record, against: kernel, on: ReferenceBackend())
      #expect(
        sentence {
          _ = try KernelFile.open(
            folder.argument(name), FormulaKernel(7, 6).record(side: 3), resume: true)
        }.contains("[7, 5]"))
    }
    #expect(
      sentence {
        _ = try KernelFile.open(
          folder.argument("k.safetensors:theta"),
          kernel.record(side: 3, settings: ["kind": "nngp"]), resume: true)
      }.contains("--kind ntk, not with --kind nngp"))
    #expect(folder.folder.contents() == ["k.npy", "k.safetensors"])
    // Each value of the first row and of the first column is looked at.
    let bytes = try folder.bytes("k.npy")
    for place in (0..<5).map({ $0 }) + (0..<7).map({ $0 * 5 }) {
      var damaged = bytes
      damaged[128 + 8 * place] ^= 1
      try folder.write("k.npy", damaged)
      #expect(
        sentence {
          try KernelFile.check(
            folder.argument("k.npy"), record, against: kernel, on: ReferenceBackend())
        }.contains("another kernel"))
    }
  }

  @Test func toldToStop() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(9)
    let file = try folder.open("k.npy", kernel.record(side: 2))
    var asked = 0
    #expect(
      try !file.compute(
        kernel, on: ReferenceBackend(),
        shouldStop: {
          asked += 1
          return asked > 6
        }))
    #expect(file.finishedCount == 4)
    #expect(try file.compute(kernel, on: ReferenceBackend()))
    try folder.expect(kernel)
  }

  /// A limit on the size of files stands in for a full disk.
  @Test func fullDisk() async {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      limit.rlim_cur = 8192
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let folder = KernelFolder()
      let kernel = FormulaKernel(40)
      let text = sentence { try folder.compute(kernel, side: 8) }
      for word in ["k.npy.partial", "12800 bytes", "free space", "--shard"] {
        #expect(text.contains(word), "\(text)")
      }
      #expect(folder.folder.contents() == [])
      #expect(kernel.blocks == 0)
      // A share of it fits.
      try folder.compute(kernel, side: 8, "s.safetensors", shard: KernelShard(1, of: 4))
    }
  }
}
