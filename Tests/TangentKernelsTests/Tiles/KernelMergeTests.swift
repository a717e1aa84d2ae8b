import Compute
import DataSets
import FoundationEssentials
import TangentKernels
import TestSupport
import Testing

/// Kernels in shares.
@Suite struct KernelMergeTests {
  private func names(_ count: Int, _ prefix: String = "s") -> [String] {
    (1...count).map { "\(prefix)\($0).safetensors:tiles" }
  }

  private func path(_ name: String, in folder: KernelFolder) -> String {
    "\(folder.folder.path)/\(name)"
  }

  private func merge(
    _ names: [String], in folder: KernelFolder, _ output: String = "k.npy",
    stopAfter: Int = .max
  ) throws -> Bool {
    let shards = names.map { path(String($0.prefix { $0 != ":" }), in: folder) }
    let record = try KernelFile.mergedRecord(shards)
    guard
      case .open(let file) = try KernelFile.open(
        folder.argument(output), record, resume: true, replaces: true)
    else { return false }
    var done = 0
    return try file.merge(shards, shouldStop: { done >= stopAfter }, onProgress: { _ in done += 1 })
  }

  @Test(arguments: [[], [3], [2, 2]] as [[Int]], [ScalarType.float32, .float64])
  func everyNumberOfShares(_ entry: [Int], _ type: ScalarType) throws {
    for columns in [nil, 5] {
      for count in [1, 2, 3, 5] {
        let folder = KernelFolder()
        let kernel = FormulaKernel(7, columns, entry: entry, type)
        for (index, name) in names(count).enumerated() {
          try folder.compute(kernel, side: 2, name, shard: KernelShard(index + 1, of: count))
        }
        // Each tile once, and not its mirror image.
        let grid = kernel.record(side: 2).grid
        #expect(kernel.blocks == grid.count)
        let stored = try names(count).map { try folder.argument($0).read().bytes.count }
        let own = (0..<grid.count).reduce(0) { $0 + grid[$1].count }
        #expect(stored.reduce(0, +) == own * kernel.entryCount * type.byteCount)
        #expect(try merge(names(count).reversed(), in: folder))
        try folder.expect(kernel, "\(count) shares")
        #expect(kernel.blocks == grid.count)
        let whole = try folder.bytes("k.npy")
        try folder.compute(kernel, side: 3, "w.npy")
        #expect(try folder.bytes("w.npy") == whole)
      }
    }
  }

  @Test func shares() throws {
    for count in 1...9 {
      for tiles in 0...20 {
        let parts = (1...count).map { KernelShard($0, of: count)!.tiles(of: tiles) }
        #expect(parts.flatMap { Array($0) } == Array(0..<tiles))
        let sizes = parts.map(\.count)
        #expect(sizes.max()! - sizes.min()! <= 1)
      }
    }
    for (index, count) in [(0, 3), (4, 3), (-1, 3), (1, 0), (1, -1)] {
      #expect(KernelShard(index, of: count) == nil)
    }
  }

  /// A merge that was stopped goes on; one after a finished file replaces it.
  @Test func stoppedMerges() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(9)
    for (index, name) in names(2).enumerated() {
      try folder.compute(kernel, side: 2, name, shard: KernelShard(index + 1, of: 2))
    }
    for stop in [0, 1, 7] { #expect(try !merge(names(2), in: folder, stopAfter: stop)) }
    #expect(folder.folder.contents().contains("k.npy.journal"))
    #expect(try merge(names(2), in: folder))
    try folder.expect(kernel)
    try folder.write("k.npy", [1, 2, 3])
    #expect(try merge(names(2), in: folder))
    try folder.expect(kernel)
  }

  @Test func wrongMerges() throws {
    let folder = KernelFolder()
    let kernel = FormulaKernel(9)
    for (index, name) in names(3).enumerated() {
      try folder.compute(kernel, side: 2, name, shard: KernelShard(index + 1, of: 3))
    }
    func refused(_ names: [String], _ words: String...) {
      let text = sentence { _ = try merge(names, in: folder) }
      for word in words { #expect(text.contains(word), "\(text)") }
      #expect(!folder.folder.contents().contains { $0.hasPrefix("k.npy") })
    }
    let all = names(3)
    refused([all[0], all[2]], "2/3", "missing")
    refused([all[1]], "1/3, 3/3", "missing")
    refused([all[0], all[1], all[1], all[2]], "s2.safetensors", "once")
    refused([all[0], all[1], "none.safetensors"], "none.safetensors", "does not exist")
    try folder.compute(kernel, side: 2, "w.npy")
    refused([all[0], all[1], "w.npy"], "w.npy", "no share")
    try SafetensorsFile.write(
      [("tiles", NumericArray([1.0]))], to: path("f.safetensors", in: folder))
    refused([all[0], all[1], "f.safetensors"], "f.safetensors", "no share")
    // Of another computation.
    try folder.compute(kernel, side: 3, "t.safetensors:tiles", shard: KernelShard(3, of: 3))
    refused([all[0], all[1], "t.safetensors"], "t.safetensors", "--tile 3")
    try folder.compute(kernel, side: 2, "h.safetensors:tiles", shard: KernelShard(2, of: 2))
    refused([all[0], "h.safetensors"], "share of 2", "one of 3")
    try folder.compute(
      FormulaKernel(9, nil, .float32), side: 2, "p.safetensors:tiles", shard: KernelShard(3, of: 3))
    refused([all[0], all[1], "p.safetensors"], "p.safetensors", "--dtype float32")
    let other = kernel.record(
      side: 2, settings: ["kind": "nngp"], shard: KernelShard(3, of: 3))
    let file = try folder.open("o.safetensors:tiles", other)
    #expect(try file.compute(kernel, on: ReferenceBackend()))
    refused([all[0], all[1], "o.safetensors"], "o.safetensors", "--kind nngp")
    // Not finished.
    let late = FormulaKernel(9)
    late.breaksAfter = 2
    #expect(throws: FormulaKernel.Stop.self) {
      try folder.compute(late, side: 2, "u.safetensors:tiles", shard: KernelShard(3, of: 3))
    }
    refused([all[0], all[1], "u.safetensors"], "u.safetensors", "not finished", "--resume")
    // Cut off.
    let bytes = try folder.bytes("s3.safetensors")
    try folder.write("c.safetensors", Array(bytes.dropLast(8)))
    refused([all[0], all[1], "c.safetensors"], "c.safetensors")
    #expect(try merge(all, in: folder))
    try folder.expect(kernel)
  }
}
