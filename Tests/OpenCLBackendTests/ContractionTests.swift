import Compute
import Testing

@testable import OpenCLBackend

/// Both kernel families against the definition, and bit for bit against each other.
@Suite struct ContractionTests {
  struct Shape: CustomStringConvertible, Sendable {
    var m: Int
    var n: Int
    var k: Int
    var batch = 1
    var beta = 0.0
    var hasScale = false
    var description: String {
      "\(m)×\(n)×\(k)" + (batch > 1 ? " ×\(batch)" : "") + (beta != 0 ? " β=\(beta)" : "")
        + (hasScale ? " scaled" : "")
    }
  }

  static let shapes = [
    Shape(m: 1, n: 1, k: 1), Shape(m: 1, n: 1, k: 0, beta: 2), Shape(m: 3, n: 5, k: 0),
    Shape(m: 1, n: 17, k: 1025), Shape(m: 65, n: 1, k: 7, beta: 1),
    Shape(m: 7, n: 13, k: 2051, beta: 0.5, hasScale: true), Shape(m: 64, n: 64, k: 8),
    Shape(m: 67, n: 129, k: 33, beta: -1), Shape(m: 131, n: 133, k: 19, hasScale: true),
    Shape(m: 9, n: 33, k: 5, batch: 3, beta: 1), Shape(m: 129, n: 65, k: 9, batch: 2),
    // More row panels than the host family visits at a time.
    Shape(m: 401, n: 3, k: 5, batch: 2), Shape(m: 3, n: 4, k: 513),
  ]

  /// The operation on fresh matrices with padded rows, and the buffer of C with its guards.
  ///
  /// - Parameter isAligned: rows begin at multiples of 16 bytes.
  private func make(
    _ shape: Shape, _ transposeA: Bool, _ transposeB: Bool, _ type: ScalarType,
    isAligned: Bool = false, on backend: any Backend
  ) throws -> (Contraction, Matrix) {
    func operand(_ rows: Int, _ columns: Int, seed: UInt64) throws -> (Matrix, Int) {
      let stride = isAligned ? (columns + 7) / 4 * 4 : columns + 3
      let offset = isAligned ? 8 : 5
      // Nothing lies behind the last row's last element.
      let count = max(1, rows) * stride * shape.batch + (isAligned ? 8 + columns - stride : 5)
      let values = sample(count, seed: seed, bits: type.sampleBits)
      let matrix = try backend.matrix(1, count, type, values)
      return (
        Matrix(matrix.buffer, offset: offset, rows: rows, columns: columns, stride: stride),
        rows * stride
      )
    }
    let (a, strideA) = try operand(
      transposeA ? shape.k : shape.m, transposeA ? shape.m : shape.k, seed: 1)
    let (b, strideB) = try operand(
      transposeB ? shape.n : shape.k, transposeB ? shape.k : shape.n, seed: 2)
    let (c, strideC) = try operand(shape.m, shape.n, seed: 3)
    let scale = try backend.matrix(1, 2, type, [9, 0.375])
    let operation = Contraction(
      a, b, into: c, transposeA: transposeA, transposeB: transposeB, alpha: 1.25,
      scale: shape.hasScale ? scale.element(1) : nil, beta: shape.beta, batch: shape.batch,
      strideA: strideA, strideB: shape.batch == 3 ? 0 : strideB, strideC: strideC)
    return (operation, Matrix(c.buffer, rows: 1, columns: c.buffer.count))
  }

  @Test(arguments: shapes, [ScalarType.float32, .float64])
  func familiesAgree(_ shape: Shape, _ type: ScalarType) throws {
    let reference = ReferenceBackend()
    // The host family with B packed as a whole, and by streams wherever that is possible.
    let families = try [KernelFamily.device, .host, .host].map { try makeBackend($0) }
    families[1].contractionBlock.streams = .max
    families[2].contractionBlock.streams = 1
    for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
      let (defined, expected) = try make(shape, transposeA, transposeB, type, on: reference)
      reference.run(.contraction(defined))
      var results: [[UInt64]] = []
      for backend in families {
        for _ in 0..<2 {
          let (operation, buffer) = try make(shape, transposeA, transposeB, type, on: backend)
          try backend.run(.contraction(operation))
          // The whole buffer of C, so that guards count as exact.
          try expectWithinBound(
            buffer, on: backend, expected, of: reference,
            "\(backend.family) \(shape) \(transposeA) \(transposeB)")
          results.append(try bits(buffer, on: backend))
        }
      }
      #expect(results.allSatisfy { $0 == results[0] }, "\(shape) \(transposeA) \(transposeB)")
    }
    // The device chooses by shape and compute units whether chains are split.
    let launches = families[0].statistics.launches
    #expect((launches["contraction"] ?? 0) + (launches["contraction_fold"] ?? 0) == 8)
    #expect(families[1].statistics.launches["contraction_multiply"] == 8)
    let isStreamed = shape.k > 0 && shape.m < 400 && shape.batch != 3
    #expect(families[2].statistics.launches["contraction_stream"] == (isStreamed ? 8 : nil))
    #expect(families[2].statistics.launches["contraction_multiply"] == (isStreamed ? nil : 8))
  }

  @Test func tilesAndBlocksDoNotChangeBits() throws {
    let backend = try makeBackend(.device)
    let shape = Shape(m: 130, n: 70, k: 1030, beta: 1)
    var results: [[UInt64]] = []
    for tile in [nil, ContractionTile.large, .small, ContractionTile(rows: 32, columns: 64)] {
      backend.contractionTile = tile
      let (operation, buffer) = try make(shape, false, true, .float32, on: backend)
      try backend.run(.contraction(operation))
      results.append(try bits(buffer, on: backend))
    }
    let host = try makeBackend(.host)
    let blocks = [
      host.contractionBlock, ContractionBlock(rows: 6, vectors: 1, streams: .max),
      ContractionBlock(rows: 8, vectors: 2, streams: 2),
      ContractionBlock(rows: 6, vectors: 1, streams: 3),
    ]
    for block in blocks {
      host.contractionBlock = block
      let (operation, buffer) = try make(shape, false, true, .float32, on: host)
      try host.run(.contraction(operation))
      results.append(try bits(buffer, on: host))
    }
    #expect(host.statistics.launches["contraction_stream"]! >= 2)
    #expect(results.count == 8 && results.allSatisfy { $0 == results[0] })
  }

  /// Shapes, transpositions and tiles of operands whose rows are aligned.
  struct Tiled: CustomStringConvertible, Sendable {
    var shape: Shape
    var transposeA = false
    var transposeB = false
    var tile: ContractionTile
    var type = ScalarType.float32
    /// Which of A, B and C are read in vectors.
    var vectors = [true, true, true]
    /// Chains of a launch.
    var chains: Int?
    var isAligned = true
    var description: String {
      "\(shape) \(transposeA) \(transposeB) \(tile.rows)×\(tile.columns) \(type) \(vectors) "
        + "\(chains ?? 0) chains"
    }
  }

  static let tiled = [
    Tiled(shape: Shape(m: 132, n: 260, k: 36, beta: 1), tile: .large),
    Tiled(shape: Shape(m: 68, n: 132, k: 20), transposeB: true, tile: .small),
    Tiled(
      shape: Shape(m: 68, n: 66, k: 22, batch: 2, hasScale: true), transposeA: true, tile: .small,
      type: .float64),
    Tiled(
      shape: Shape(m: 36, n: 132, k: 1044, beta: -1), transposeA: true, transposeB: true,
      tile: .wide),
    Tiled(shape: Shape(m: 132, n: 36, k: 36, batch: 3), tile: .tall),
    Tiled(
      shape: Shape(m: 20, n: 68, k: 2052, beta: 0.5, hasScale: true), transposeA: true,
      tile: .flat),
    Tiled(shape: Shape(m: 4, n: 4, k: 4), transposeB: true, tile: .flat),
    Tiled(shape: Shape(m: 68, n: 20, k: 28), transposeB: true, tile: .narrow),
    // Rows of seven: k is no multiple of a vector, or m is not, or n.
    Tiled(
      shape: Shape(m: 8, n: 12, k: 7), tile: .flat, vectors: [false, true, true]),
    Tiled(
      shape: Shape(m: 7, n: 12, k: 8), transposeA: true, transposeB: true, tile: .flat,
      vectors: [false, true, true]),
    Tiled(shape: Shape(m: 8, n: 7, k: 12), tile: .flat, vectors: [true, false, false]),
    // Five chains, two or three at a time.
    Tiled(
      shape: Shape(m: 7, n: 13, k: 5000, batch: 2, beta: 0.5, hasScale: true), tile: .flat,
      vectors: [false, false, false], chains: 2, isAligned: false),
    Tiled(
      shape: Shape(m: 20, n: 12, k: 4100, hasScale: true), transposeA: true, tile: .narrow,
      chains: 3),
    Tiled(
      shape: Shape(m: 3, n: 5, k: 17_000), transposeB: true, tile: .narrow, type: .float64,
      vectors: [true, true, false], chains: 17),
  ]

  @Test(arguments: tiled)
  func vectorsAndSplitChainsGiveTheSameBits(_ tiled: Tiled) throws {
    func make(on backend: any Backend) throws -> (Contraction, Matrix) {
      try self.make(
        tiled.shape, tiled.transposeA, tiled.transposeB, tiled.type, isAligned: tiled.isAligned,
        on: backend)
    }
    let reference = ReferenceBackend()
    let (defined, expected) = try make(on: reference)
    reference.run(.contraction(defined))
    let (device, host) = (try makeBackend(.device), try makeBackend(.host))
    device.contractionTile = tiled.tile
    device.contractionChains = tiled.chains
    let vectors = ContractionTile.Vectors(defined)
    #expect([vectors.a, vectors.b, vectors.c] == tiled.vectors)
    var results: [[UInt64]] = []
    for backend in [device, device, host] {
      let (operation, buffer) = try make(on: backend)
      try backend.run(.contraction(operation))
      try expectWithinBound(buffer, on: backend, expected, of: reference, "\(tiled)")
      results.append(try bits(buffer, on: backend))
    }
    #expect(results[0] == results[1] && results[0] == results[2])
    let allChains = (tiled.shape.k + 1023) / 1024
    let rounds = tiled.chains.map { (allChains + $0 - 1) / $0 }
    #expect(device.statistics.launches["contraction"] == (rounds == nil ? 2 : nil))
    #expect(device.statistics.launches["contraction_fold"] == rounds.map { 2 * $0 })
  }

  /// Products that underflow to −0, added to −0: a sum that begins at +0 anywhere else than a chain
  /// does would be +0.
  @Test func splitChainsKeepTheSignOfZero() throws {
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      backend.contractionTile = .small
      backend.contractionChains = 2
      let k = 3000
      let a = try backend.matrix(2, k, .float32, [Double](repeating: -0x1p-100, count: 2 * k))
      let b = try backend.matrix(k, 3, .float32, [Double](repeating: 0x1p-100, count: 3 * k))
      let c = try backend.matrix(2, 3, .float32, [Double](repeating: -0.0, count: 6))
      try backend.run(.contraction(Contraction(a, b, into: c, beta: 1)))
      let minusZero = (-0.0).bitPattern
      #expect(try bits(c, on: backend) == [UInt64](repeating: minusZero, count: 6))
    }
  }

  @Test func longBatchesAreSplit() throws {
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      let a = try backend.matrix(1, 66_000, .float32, (0..<66_000).map { Double($0 % 97) })
      let b = try backend.matrix(1, 1, .float32, [3])
      let c = try backend.matrix(1, 66_000, .float32)
      try backend.run(
        .contraction(
          Contraction(
            a.element(0), b, into: c.element(0), batch: 66_000, strideA: 1, strideC: 1)))
      #expect(try backend.download(c) == (0..<66_000).map { Double($0 % 97 * 3) })
    }
  }

  @Test func emptyProductsAreSkipped() throws {
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      let a = try backend.matrix(0, 3, .float32)
      let b = try backend.matrix(3, 4, .float32)
      let c = try backend.matrix(0, 4, .float32)
      try backend.run(.contraction(Contraction(a, b, into: c)))
      #expect(backend.statistics.launches.isEmpty)
    }
  }
}
