import Glibc
import Kernels
import Testing

@testable import OpenBLASBackend

/// The host family against plain scalar loops in the canonical order, bit for bit: every
/// instruction set, one to three threads, awkward shapes, strides, batches and factors.
@Suite struct HostContractionTests {
  private static let pools = [1, 2, 3].map { ThreadPool(threads: $0) }

  @Test func everyInstructionSetIsThere() {
    #expect(HostContraction.instructionSets.last == "portable")
  }

  @Test(arguments: [0, 1, 2])
  func smallShapes(layoutA: Int) {
    for m in [1, 7, 13, 33] {
      for n in [1, 8, 31, 65] {
        for k in [0, 1, 17, 37] {
          for layoutB in 0..<3 {
            let variant = m + n + k + layoutA + layoutB
            var shape = Shape(m: m, n: n, k: k, layoutA: layoutA, layoutB: layoutB)
            shape.alpha = [1, -0.75, 1.0 / 3][variant % 3]
            shape.beta = [0, 1, 0.5][(variant / 3) % 3]
            shape.scale = variant % 4 == 0 ? 0.3 : nil
            shape.isTransposedC = variant % 5 == 0
            shape.padding = variant % 2 * 3
            check(shape)
          }
        }
      }
    }
  }

  @Test(arguments: [1023, 1024, 1025, 2049, 4100])
  func aroundTheChain(k: Int) {
    for (m, n) in [(1, 1), (5, 37), (29, 10), (40, 70)] {
      for layout in 0..<3 {
        var shape = Shape(m: m, n: n, k: k, layoutA: layout, layoutB: 2 - layout)
        shape.alpha = layout == 0 ? 1 : 0.7
        shape.beta = [0, 1, 0.5][layout]
        check(shape)
      }
    }
  }

  @Test(arguments: [2, 3, 5])
  func batches(count: Int) {
    for (m, n, k) in [(3, 5, 7), (13, 40, 33), (1, 33, 1030)] {
      for beta in [0, 1, -0.5] {
        var shape = Shape(m: m, n: n, k: k, layoutA: 0, layoutB: 1)
        shape.batch = count
        shape.beta = beta
        shape.scale = 2
        check(shape)
      }
    }
  }

  @Test func blocksOfEveryLevel() {
    for (m, n, k) in [(257, 193, 1500), (1100, 67, 1100), (530, 1, 5000)] {
      var shape = Shape(m: m, n: n, k: k, layoutA: 1, layoutB: 1)
      shape.beta = 0.5
      check(shape)
    }
  }

  private func check(_ shape: Shape) {
    let contractions = HostContraction.instructionSets.flatMap { set in
      // The C library's fma makes the portable instance slow on x86: small shapes only.
      set == "portable" && shape.m * shape.n * shape.k > 1 << 20
        ? []
        : Self.pools.map { pool in
          (
            name: "\(set), \(pool.threads) threads",
            contraction: HostContraction(pool: pool, instructionSet: set)
          )
        }
    }
    #expect(shape.failures(Float.self, of: contractions) == [], "float32 \(shape)")
    #expect(shape.failures(Double.self, of: contractions) == [], "float64 \(shape)")
  }
}
