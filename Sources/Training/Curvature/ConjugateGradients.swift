import Compute

/// Solves (A + λ)x = b for a positive semidefinite A by conjugate gradients (Hestenes and Stiefel,
/// 1952) from x = 0, without preconditioning.
///
/// Ends when ‖b − (A + λ)x‖ ≤ tolerance·‖b‖ in the recurrence, after `limit` products, or where
/// pᵀ(A + λ)p is not positive. What has been reached by then is x: 0 for b = 0, and never NaN where
/// neither b is nor products overflow.
/// Scalars are formed on the host in Double.
public struct ConjugateGradients: Sendable, Equatable {
  public var tolerance: Double
  public var limit: Int

  public init(tolerance: Double, limit: Int) {
    self.tolerance = tolerance
    self.limit = limit
  }

  public struct Outcome: Sendable, Equatable {
    /// Products taken.
    public var iterations: Int
    /// ‖b − (A + λ)x‖/‖b‖; 0 for b = 0.
    public var residual: Double
  }

  /// x, 1×n, receives the solution; b is left alone. Waits.
  public func solve(
    _ a: any SymmetricOperator, shift: Double, _ b: Matrix, into x: Matrix
  ) throws -> Outcome {
    let (backend, type, n) = (a.backend, a.type, a.dimension)
    let vectors = DeviceVectors(backend)
    // A back end that only counts has no numbers to stop at: it takes every product.
    let isRehearsal = backend is NullBackend
    let (r, p, q) = (
      try backend.matrix(1, n, type), try backend.matrix(1, n, type),
      try backend.matrix(1, n, type)
    )
    try backend.run(.fill(Fill(x, value: 0)))
    try vectors.combine(r, 1, b)
    try vectors.combine(p, 1, b)
    let size = try vectors.product(r, r)
    var squares = size
    var iterations = 0
    while isRehearsal || squares > 0 && squares > tolerance * tolerance * size,
      iterations < limit
    {
      try a.apply(p, into: q)
      iterations += 1
      if shift != 0 { try vectors.combine(q, shift, p, 1, q) }
      let curvature = try vectors.product(p, q)
      let step = squares / curvature
      guard isRehearsal || curvature > 0 && step.isFinite else { break }
      try vectors.combine(x, step, p, 1, x)
      try vectors.combine(r, -step, q, 1, r)
      let next = try vectors.product(r, r)
      guard isRehearsal || next.isFinite else { break }
      // p ← r + βp
      try vectors.combine(p, next / squares, p)
      try vectors.combine(p, 1, r, 1, p)
      squares = next
    }
    return Outcome(
      iterations: iterations, residual: size > 0 ? (squares / size).squareRoot() : 0)
  }
}
