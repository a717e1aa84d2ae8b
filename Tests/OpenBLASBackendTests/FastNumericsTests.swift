import Compute
import OpenBLASBackend
import Testing

/// `--numerics fast` calls CBLAS, and stays within the componentwise bound of the definition.
@Suite struct FastNumericsTests {
  @Test(arguments: [ScalarType.float32, .float64])
  func contractionCallsCBLAS(type: ScalarType) throws {
    let fast = try OpenBLASBackend(numerics: .fast, threads: 2)
    let reference = ReferenceBackend()
    func result(_ backend: any Backend) throws -> Matrix {
      var random = SplitMix(seed: 5)
      func values(_ count: Int) -> [Double] {
        (0..<count).map { _ in type.round(random.next()) }
      }
      let a = try backend.matrix(37, 65, type, values(37 * 65))
      let b = try backend.matrix(29, 65, type, values(29 * 65))
      let c = try backend.matrix(37, 29, type, values(37 * 29))
      let scale = try backend.matrix(1, 1, type, [0.5])
      try backend.run(
        .contraction(
          Contraction(a, b, into: c, transposeB: true, alpha: 1.5, scale: scale, beta: 1)))
      return c
    }
    let computed = try fast.download(result(fast))
    let bounds = reference.bounded(try result(reference))
    for (value, bound) in zip(computed, bounds) {
      #expect(abs(value - bound.value) <= bound.error * type.unitRoundoff)
    }
    let function = type == .float32 ? "cblas_sgemm" : "cblas_dgemm"
    #expect(fast.statistics.launches == [function: 1])
  }

  /// What is ordered has the bits of reproducible numerics, in which a product of a row with itself is
  /// the diagonal's.
  @Test(arguments: [ScalarType.float32, .float64])
  func orderedContractionsKeepTheirBits(type: ScalarType) throws {
    let fast = try OpenBLASBackend(numerics: .fast, threads: 2)
    func result(_ backend: any Backend) throws -> [UInt64] {
      var random = SplitMix(seed: 6)
      let values = (0..<(23 * 1100)).map { _ in type.round(random.next()) }
      let x = try backend.matrix(23, 1100, type, values)
      let c = try backend.matrix(23, 23, type)
      var product = Contraction(x, x, into: c, transposeB: true, alpha: 1 / 1100)
      product.isOrdered = true
      try backend.run(.contraction(product))
      return try backend.download(c).map(\.bitPattern)
    }
    #expect(try result(fast) == result(OpenBLASBackend(threads: 1)))
    #expect(fast.statistics.launches == ["contraction": 1])
  }
}
