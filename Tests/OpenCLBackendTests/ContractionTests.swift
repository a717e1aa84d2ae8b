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
  private func make(
    _ shape: Shape, _ transposeA: Bool, _ transposeB: Bool, _ type: ScalarType,
    on backend: any Backend
  ) throws -> (Contraction, Matrix) {
    func operand(_ rows: Int, _ columns: Int, seed: UInt64) throws -> (Matrix, Int) {
      let stride = columns + 3
      let count = max(1, rows) * stride * shape.batch + 5
      let values = sample(count, seed: seed, bits: type.sampleBits)
      let matrix = try backend.matrix(1, count, type, values)
      return (
        Matrix(matrix.buffer, offset: 5, rows: rows, columns: columns, stride: stride),
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
    #expect(families[0].statistics.launches["contraction"] == 8)
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
