import Compute

/// The canonical order in a few lines of Swift, which share nothing with the kernels.
///
/// C ← αAB + βC: fma in ascending k in chains of 1024 from +0, chain sums folded into βC as
/// fma(α, chain, C).
enum PlainContraction {
  /// A contiguous matrix's elements.
  typealias Memory<Real> = [ObjectIdentifier: [Real]]

  /// Which columns of an output are computed: a share of them, because this is slow.
  struct Share {
    var first: Int
    var step: Int

    static let all = Share(first: 0, step: 1)

    func has(_ column: Int) -> Bool { column % step == first % step }
  }

  /// Runs one contraction (or a batch of them) on memory by buffer.
  static func run<Real: BinaryFloatingPoint>(
    _ p: Contraction, _ memory: inout Memory<Real>, _ share: Share = .all
  ) {
    let (a, b) = (memory[ObjectIdentifier(p.a.buffer)]!, memory[ObjectIdentifier(p.b.buffer)]!)
    let key = ObjectIdentifier(p.c.buffer)
    var alpha = Real(p.alpha)
    if let scale = p.scale { alpha *= memory[ObjectIdentifier(scale.buffer)]![scale.offset] }
    let beta = Real(p.beta)
    let (aRow, aStep) = p.transposeA ? (1, p.a.stride) : (p.a.stride, 1)
    let (bColumn, bStep) = p.transposeB ? (p.b.stride, 1) : (1, p.b.stride)
    var c = memory.removeValue(forKey: key)!
    for (batch, i) in (0..<p.batch).flatMap({ batch in (0..<p.m).map { (batch, $0) } }) {
      let left = p.a.offset + batch * p.strideA + i * aRow
      for j in 0..<p.n where share.has(j) {
        let right = p.b.offset + batch * p.strideB + j * bColumn
        let at = p.c.offset + batch * p.strideC + i * p.c.stride + j
        var sum = p.beta == 0 ? 0 : beta * c[at]
        for first in stride(from: 0, to: p.k, by: 1024) {
          var chain: Real = 0
          for l in first..<min(first + 1024, p.k) {
            chain = chain.addingProduct(a[left + l * aStep], b[right + l * bStep])
          }
          sum = sum.addingProduct(alpha, chain)
        }
        c[at] = sum
      }
    }
    memory[key] = c
  }

  /// Takes the outputs that were left out from `other`, which is C's memory in another's words.
  static func complete<Real: BinaryFloatingPoint>(
    _ p: Contraction, _ memory: inout Memory<Real>, _ share: Share, from other: [Real]
  ) {
    let key = ObjectIdentifier(p.c.buffer)
    for batch in 0..<p.batch {
      for i in 0..<p.m {
        let row = p.c.offset + batch * p.strideC + i * p.c.stride
        for j in 0..<p.n where !share.has(j) { memory[key]![row + j] = other[row + j] }
      }
    }
  }
}
