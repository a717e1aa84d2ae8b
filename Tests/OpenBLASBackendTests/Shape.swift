import Glibc
import Kernels

@testable import OpenBLASBackend

/// A scalar type with a fused multiply-add of the C library.
protocol TestedReal: BinaryFloatingPoint {
  static func fused(_ a: Self, _ b: Self, _ c: Self) -> Self
  var parameterBits: Int { get }
}

extension Float: TestedReal {
  static func fused(_ a: Float, _ b: Float, _ c: Float) -> Float { fmaf(a, b, c) }
  var parameterBits: Int { Int(bitPattern) }
}

extension Double: TestedReal {
  static func fused(_ a: Double, _ b: Double, _ c: Double) -> Double { fma(a, b, c) }
  var parameterBits: Int { Int(bitPattern: UInt(bitPattern)) }
}

/// One contraction with its operands' layout: 0 row-major, 1 transposed, 2 strided in both ways.
struct Shape {
  var m: Int
  var n: Int
  var k: Int
  var layoutA: Int
  var layoutB: Int
  var alpha = 1.0
  var beta = 0.0
  var scale: Double?
  var batch = 1
  var isTransposedC = false
  var padding = 1

  private func parameters<T: TestedReal>(_: T.Type) -> ContractionParameters {
    var p = ContractionParameters()
    (p.m, p.n, p.k, p.batch) = (m, n, k, batch)
    let strideA = (layoutA == 1 ? m : k) + padding
    let strideB = (layoutB == 1 ? k : n) + padding
    (p.aRow, p.aColumn) = [(strideA, 1), (1, strideA), (2 * k + 3, 2)][layoutA]
    (p.bRow, p.bColumn) = [(strideB, 1), (1, strideB), (3 * n + 1, 3)][layoutB]
    (p.cRow, p.cColumn) = isTransposedC ? (1, m + padding) : (n + padding, 1)
    p.aBatch = batch > 2 ? 0 : sizeA
    p.bBatch = sizeB
    p.cBatch = sizeC
    p.alpha = T(alpha).parameterBits
    p.beta = T(beta).parameterBits
    p.hasScale = scale == nil ? 0 : 1
    return p
  }

  private var sizeA: Int { (m + 2) * (k + 2) * 3 + 100 }
  private var sizeB: Int { (k + 2) * (n + 2) * 4 + 100 }
  private var sizeC: Int { (m + padding + 1) * (n + padding + 1) + 100 }
  /// Elements before C that must stay as they are; those behind it are part of `sizeC`.
  private static let guardCount = 64

  /// The contractions whose result differs from the scalar loops, or that wrote outside C.
  func failures<T: TestedReal>(
    _: T.Type, of contractions: [(name: String, contraction: HostContraction)]
  ) -> [String] {
    var random = SplitMix(seed: UInt64(m * 7919 + n * 104_729 + k * 1_299_709 + batch))
    let p = parameters(T.self)
    let a = (0..<(sizeA * batch)).map { _ in T(random.next()) }
    let b = (0..<(sizeB * batch)).map { _ in T(random.next()) }
    var start = (0..<(sizeC * batch + 2 * Self.guardCount)).map { _ in T(random.next()) }
    // β = 0 must not read C.
    if beta == 0 { for i in start.indices { start[i] = i % 2 == 0 ? .nan : .infinity } }
    let expected = definition(p, a, b, start)
    let factor = [T(scale ?? 1)]
    return contractions.compactMap { name, contraction in
      var c = start
      c.withUnsafeMutableBytes { c in
        a.withUnsafeBytes { a in
          b.withUnsafeBytes { b in
            factor.withUnsafeBytes { factor in
              contraction.run(
                p, isDouble: T.self == Double.self, a: a.baseAddress!, b: b.baseAddress!,
                c: c.baseAddress! + Self.guardCount * MemoryLayout<T>.stride,
                scale: scale == nil ? nil : factor.baseAddress!)
            }
          }
        }
      }
      let wrong = c.indices.first { index in
        guard let wanted = expected[index] else { return false }
        let value = c[index]
        return !(value.isNaN && wanted.isNaN) && (value != wanted || value.sign != wanted.sign)
      }
      return wrong.map { "\(name) at \($0 - Self.guardCount): \(c[$0]), not \(expected[$0]!)" }
    }
  }

  /// Scalar loops: chains of 1024 from +0 by fma, chain sums by fma(α, chain, C). Of a large
  /// product only every `sampling`-th element is computed; the others are nil.
  private func definition<T: TestedReal>(
    _ p: ContractionParameters, _ a: [T], _ b: [T], _ c: [T]
  ) -> [T?] {
    var expected = c.map { Optional($0) }
    let sampling = max(1, m * n * k / (1 << 18))
    let alpha = scale.map { T(self.alpha) * T($0) } ?? T(self.alpha)
    for q in 0..<batch {
      for i in 0..<m {
        for j in 0..<n {
          let at = Self.guardCount + q * p.cBatch + i * p.cRow + j * p.cColumn
          guard (i * n + j) % sampling == 0 else {
            expected[at] = nil
            continue
          }
          var sum: T = beta == 0 ? 0 : T(beta) * c[at]
          for first in stride(from: 0, to: k, by: 1024) {
            var chain: T = 0
            for l in first..<min(k, first + 1024) {
              chain = T.fused(
                a[q * p.aBatch + i * p.aRow + l * p.aColumn],
                b[q * p.bBatch + l * p.bRow + j * p.bColumn], chain)
            }
            sum = T.fused(alpha, chain, sum)
          }
          expected[at] = sum
        }
      }
    }
    return expected
  }
}

/// Repeatable numbers in (−1, 1).
struct SplitMix {
  var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double(Int64(bitPattern: z ^ (z >> 31)) >> 11) / Double(1 << 52)
  }
}
