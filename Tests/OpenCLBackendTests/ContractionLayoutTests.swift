import Compute
import Testing

@testable import OpenCLBackend

/// The device family's choice of tiles, and of whether chains are split.
@Suite struct ContractionLayoutTests {
  private func layout(
    _ m: Int, _ n: Int, _ k: Int, batch: Int = 1, hasVectors: Bool = true, units: Int = 132
  ) -> ContractionLayout {
    .choose(m: m, n: n, k: k, batch: batch, hasVectors: hasVectors, units: units)
  }

  /// Groups of a launch, without those of further chains.
  private func groups(_ layout: ContractionLayout, _ m: Int, _ n: Int, _ batch: Int) -> Int {
    let (rows, columns) = (layout.tile.rows, layout.tile.columns)
    return (m + rows - 1) / rows * ((n + columns - 1) / columns) * batch
  }

  @Test func layoutsArePossible() {
    let sizes = [1, 10, 33, 128, 1000, 8192]
    for units in [1, 2, 24, 132, 304] {
      for m in sizes {
        for n in sizes {
          for k in [1, 100, 1024, 1025, 8192, 1_000_000] {
            for batch in [1, 7, 65_535] {
              for hasVectors in [false, true] {
                let layout = layout(m, n, k, batch: batch, hasVectors: hasVectors, units: units)
                let tile = layout.tile
                #expect(tile.workItems >= 64 && tile.workItems <= 256)
                #expect(hasVectors || (tile != .wide && tile != .tall))
                guard let chains = layout.chains else { continue }
                #expect(chains > 1 && (chains - 1) * 1024 < k && chains * batch <= 65_535)
                // The workspace's bound does not depend on k.
                #expect(layout.workspaceCount(m: m, n: n, batch: batch) <= units << 16)
              }
            }
          }
        }
      }
    }
  }

  /// What it is for: work for nine units of ten, and no large tiles around few rows.
  @Test func tilesFollowShapes() {
    #expect(layout(8192, 8192, 8192) == ContractionLayout(tile: .large))
    #expect(layout(3072, 8192, 8192) == ContractionLayout(tile: .large))
    // Batches of 1 to 32, ten classes, gradients of convolutions.
    for (m, n, k) in [
      (1, 8192, 8192), (32, 2048, 2048), (3072, 10, 8192), (64, 64, 1_000_000),
      (576, 64, 100_000), (10, 2048, 1 << 17),
    ] {
      let layout = layout(m, n, k)
      #expect(layout.chains != nil, "\(m)×\(n)×\(k)")
      #expect(groups(layout, m, n, 1) * (layout.chains ?? 1) >= 120, "\(m)×\(n)×\(k)")
      if min(m, n) <= 16 { #expect(min(layout.tile.rows, layout.tile.columns) == 16) }
    }
    // With enough outputs, or one chain, nothing is split.
    #expect(layout(8192, 8192, 1 << 17).chains == nil)
    #expect(layout(16, 16, 1024).chains == nil)
    #expect(layout(64, 64, 512, batch: 4096).chains == nil)
    // Little work: one program for all of it.
    #expect(!layout(32, 10, 64).tile.loadsVectors)
  }

  @Test func vectorsNeedAlignedRows() throws {
    let backend = ReferenceBackend()
    func vectors(
      _ m: Int, _ n: Int, _ k: Int, offset: Int = 0, padding: Int = 0,
      transposeA: Bool = false, type: ScalarType = .float32
    ) throws -> [Bool] {
      func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
        let stride = columns + padding
        let buffer = try backend.matrix(1, offset + rows * stride, type).buffer
        return Matrix(buffer, offset: offset, rows: rows, columns: columns, stride: stride)
      }
      let found = ContractionTile.Vectors(
        Contraction(
          try transposeA ? matrix(k, m) : matrix(m, k), try matrix(k, n), into: try matrix(m, n),
          transposeA: transposeA))
      return [found.a, found.b, found.c]
    }
    #expect(try vectors(8, 8, 8) == [true, true, true])
    #expect(try vectors(8, 8, 8, offset: 4, padding: 4) == [true, true, true])
    #expect(try vectors(8, 8, 8, offset: 2) == [false, false, false])
    #expect(try vectors(8, 8, 8, padding: 2) == [false, false, false])
    #expect(try vectors(8, 8, 8, offset: 2, padding: 2, type: .float64) == [true, true, true])
    #expect(try vectors(7, 8, 8) == [true, true, true])
    #expect(try vectors(7, 8, 8, transposeA: true) == [false, true, true])
    #expect(try vectors(8, 6, 8) == [true, false, false])
    #expect(try vectors(8, 8, 6) == [false, true, true])
  }
}
