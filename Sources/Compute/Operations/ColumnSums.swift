import Kernels

/// sums_j ← α·Σ_i x_ij for one or several matrices: the gradient of a bias.
///
/// Canonical order: the contraction's, with plain additions: chains of 1024 rows from +0, chain
/// sums added as fma(α, chain, sum). α is `alpha`, times the device scalar `scale` if given.
public struct ColumnSums: PortableOperation {
  public var x: Matrix
  /// 1×columns.
  public var sums: Matrix
  public var alpha: Double
  public var scale: Matrix?
  public var batch: Int
  public var strideX: Int
  public var strideSums: Int

  public init(
    of x: Matrix, into sums: Matrix, alpha: Double = 1, scale: Matrix? = nil, batch: Int = 1,
    strideX: Int = 0, strideSums: Int = 0
  ) {
    precondition(sums.rows == 1 && sums.columns == x.columns, "one sum per column")
    self.x = x
    self.sums = sums
    self.alpha = alpha
    self.scale = scale
    self.batch = batch
    self.strideX = strideX
    self.strideSums = strideSums
  }

  public var name: String { "column_sums" }
  public var cost: Cost {
    Cost(flops: Double(batch * x.count), bytes: Double(batch * x.count * x.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&x, Access(.read, x, copies: batch, step: strideX))
    try visit(&scale, .read, body)
    try body(&sums, Access(.write, sums, copies: batch, step: strideSums))
  }

  public func define() {
    let alpha = self.alpha * (scale?[0, 0].value ?? 1)
    for index in 0..<batch {
      let (x, sums) = (self.x.moved(by: index * strideX), self.sums.moved(by: index * strideSums))
      for j in 0..<x.columns {
        var sum = 0.0
        var magnitude = 0.0
        for i in 0..<x.rows {
          sum += x[i, j].value
          magnitude += abs(x[i, j].value)
        }
        sums[0, j] = Bounded(
          alpha * sum, error: 2 * Double(x.rows + 2) * abs(alpha) * magnitude)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let chains = max(1, (x.rows + Contraction.chainLength - 1) / Contraction.chainLength)
    var parameters = ColumnSumsParameters(
      rows: x.rows, stride: x.stride, chains: chains, batchStride: strideX, sumsStride: strideSums,
      alpha: x.type.encode(alpha), hasScale: scale == nil ? 0 : 1)
    var target = sums
    if chains > 1 {
      let count = batch * chains
      target = Matrix(
        try workspace(count * x.columns, x.type), rows: count, columns: x.columns)
      parameters.sumsStride = x.columns
    }
    let sum = Launch(
      "column_sums", source: "reduction", type: x.type,
      .grid(rows: batch * chains, columns: x.columns), [target, x, scale ?? x], parameters,
      work: batch * x.count)
    guard chains > 1 else { return [sum] }
    return [
      sum,
      .chainFold(
        target, chains: chains, into: sums, rows: batch, stride: strideSums, alpha: alpha,
        scale: scale),
    ]
  }
}

extension Launch {
  /// sums_r ← Σ_i α·partial[r, i, :] for chain sums that were computed apart.
  static func chainFold(
    _ partial: Matrix, chains: Int, into sums: Matrix, rows: Int, stride: Int, alpha: Double,
    scale: Matrix?
  ) -> Launch {
    let parameters = ChainFoldParameters(
      chains: chains, columns: partial.columns, sumsStride: stride,
      alpha: partial.type.encode(alpha), hasScale: scale == nil ? 0 : 1)
    return Launch(
      "chain_fold", source: "reduction", type: partial.type,
      .grid(rows: rows, columns: partial.columns), [sums, partial, scale ?? partial], parameters,
      work: partial.count)
  }
}
