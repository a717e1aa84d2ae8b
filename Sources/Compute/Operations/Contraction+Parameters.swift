import Kernels

extension Contraction {
  /// The parameter block of the contraction's kernel functions: transposition is strides.
  public var parameters: ContractionParameters {
    var p = ContractionParameters()
    (p.m, p.n, p.k) = (m, n, k)
    (p.aRow, p.aColumn) = transposeA ? (1, a.stride) : (a.stride, 1)
    (p.bRow, p.bColumn) = transposeB ? (1, b.stride) : (b.stride, 1)
    (p.cRow, p.cColumn) = (c.stride, 1)
    (p.batch, p.aBatch, p.bBatch, p.cBatch) = (batch, strideA, strideB, strideC)
    (p.alpha, p.beta) = (c.type.encode(alpha), c.type.encode(beta))
    p.hasScale = scale == nil ? 0 : 1
    (p.aOffset, p.bOffset, p.cOffset) = (a.offset, b.offset, c.offset)
    p.scaleOffset = scale?.offset ?? 0
    return p
  }
}
