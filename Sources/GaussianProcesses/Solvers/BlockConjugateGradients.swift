/// Vectors in blocks, a vector in each row, with a symmetric positive definite A and an approximation
/// M ≈ A.
protocol BlockSpace {
  associatedtype Block
  func zeros(_ rows: Int) throws -> Block
  /// ⟨a_i, b_i⟩ for every row.
  func products(_ a: Block, _ b: Block) throws -> [Double]
  /// target_i ← a_i·target_i + b_i·source_i
  func combine(_ target: inout Block, _ a: [Double], _ b: [Double], _ source: Block) throws
  /// Some rows, in memory of their own.
  func select(_ block: Block, _ rows: [Int]) throws -> Block
  /// Adds the rows of a block to those rows of `target`.
  func add(_ block: Block, to rows: [Int], of target: inout Block) throws
  /// Copies the rows of a block to those rows of `target`.
  func replace(_ rows: [Int], of target: inout Block, by block: Block) throws
  /// A v for every row.
  func multiply(_ block: Block) throws -> Block
  /// M⁻¹ v for every row.
  func precondition(_ block: Block) throws -> Block
}

/// A x = b for several b at once by preconditioned conjugate gradients (Hestenes and Stiefel, 1952), each
/// with its own numbers α and β; those that have converged are left out of further products.
///
/// The recurrence's residual drifts away from b − A x, the more the less precise products are. So when it
/// has become small, b − A x is computed anew, and the iteration starts again from there, as long as
/// that halves it. What is reported is always ‖b − A x‖/‖b‖ of the x that is returned, within the
/// precision of one product.
struct BlockConjugateGradients {
  /// Of ‖b − A x‖/‖b‖.
  var tolerance: Double
  /// The most products for one b, those of residuals left out.
  var limit: Int

  struct Solution<Block> {
    var x: Block
    /// b − A x
    var residual: Block
    var outcome: SolverOutcome
  }

  func solve<Space: BlockSpace>(
    _ space: Space, _ b: Space.Block, count: Int
  ) throws -> Solution<Space.Block> {
    let all = Array(0..<count)
    let ones = [Double](repeating: 1, count: count)
    let sizes = try space.products(b, b).map { $0.squareRoot() }
    var (x, r) = (try space.zeros(count), try space.select(b, all))
    var norms = sizes
    var outcome = SolverOutcome(residuals: sizes.map { $0 > 0 ? 1 : $0 })
    var active = all.filter { sizes[$0] > 0 && sizes[$0].isFinite }
    while !active.isEmpty, outcome.iterations < limit {
      try iterate(space, r, active, sizes, into: &x, &outcome)
      let product = try space.multiply(space.select(x, active))
      outcome.products += active.count
      var exact = try space.select(b, active)
      let units = Array(ones.prefix(active.count))
      try space.combine(&exact, units, units.map { -$0 }, product)
      let found = try space.products(exact, exact).map { $0.squareRoot() }
      try space.replace(active, of: &r, by: exact)
      var next: [Int] = []
      for (place, row) in active.enumerated() {
        let isBetter = found[place] <= norms[row] / 2
        norms[row] = found[place]
        outcome.residuals[row] = found[place] / sizes[row]
        if isBetter, found[place] > tolerance * sizes[row] { next.append(row) }
      }
      active = next
    }
    outcome.isConverged = outcome.residuals.allSatisfy { $0 <= tolerance }
    return Solution(x: x, residual: r, outcome: outcome)
  }

  /// Adds to rows of x what conjugate gradients from 0 find for A d = r.
  private func iterate<Space: BlockSpace>(
    _ space: Space, _ residuals: Space.Block, _ rows: [Int], _ sizes: [Double],
    into x: inout Space.Block, _ outcome: inout SolverOutcome
  ) throws {
    var active = rows
    var r = try space.select(residuals, rows)
    var d = try space.zeros(rows.count)
    var p = try space.precondition(r)
    var rho = try space.products(r, p)
    while !active.isEmpty, outcome.iterations < limit {
      let q = try space.multiply(p)
      outcome.iterations += 1
      outcome.products += active.count
      let curvatures = try space.products(p, q)
      var isOver = [Bool](repeating: false, count: active.count)
      var steps = [Double](repeating: 0, count: active.count)
      for i in active.indices {
        let step = rho[i] / curvatures[i]
        if curvatures[i] > 0, rho[i] > 0, step.isFinite {
          steps[i] = step
        } else {
          isOver[i] = true
        }
      }
      let ones = [Double](repeating: 1, count: active.count)
      try space.combine(&d, ones, steps, p)
      try space.combine(&r, ones, steps.map { -$0 }, q)
      let squares = try space.products(r, r)
      for i in active.indices {
        // Half of it, so that the residual itself is below the tolerance too.
        let bound = 0.5 * tolerance * sizes[active[i]]
        if !(squares[i] > bound * bound) { isOver[i] = true }
      }
      let left = active.indices.filter { !isOver[$0] }
      if left.count < active.count {
        let done = active.indices.filter { isOver[$0] }
        try space.add(space.select(d, done), to: done.map { active[$0] }, of: &x)
        if left.isEmpty { return }
        (d, r, p) = (
          try space.select(d, left), try space.select(r, left), try space.select(p, left)
        )
        rho = left.map { rho[$0] }
        active = left.map { active[$0] }
      }
      let z = try space.precondition(r)
      let next = try space.products(r, z)
      try space.combine(
        &p, active.indices.map { next[$0] / rho[$0] },
        [Double](repeating: 1, count: active.count), z)
      rho = next
    }
    try space.add(d, to: active, of: &x)
  }
}

/// How far an iterative solver came.
public struct SolverOutcome: Sendable, Equatable {
  /// Of the right side that took most.
  public var iterations = 0
  /// Products of A with a vector, all right sides together, those for residuals too.
  public var products = 0
  /// ‖b − A x‖/‖b‖ for every right side; 0 for b = 0.
  public var residuals: [Double]
  /// Whether all of them are within the tolerance.
  public var isConverged = false

  public init(residuals: [Double] = []) { self.residuals = residuals }

  /// The largest residual; not a number where one is none.
  public var residual: Double {
    var largest = 0.0
    for value in residuals {
      if value.isNaN { return value }
      largest = max(largest, value)
    }
    return largest
  }

  /// Both together.
  mutating func merge(_ other: SolverOutcome) {
    iterations = max(iterations, other.iterations)
    products += other.products
    residuals += other.residuals
    isConverged = isConverged && other.isConverged
  }
}

/// A posterior that was found by iterations.
public protocol IterativelySolved: Posterior {
  /// Of the solve for the mean.
  var outcome: SolverOutcome { get }
  /// Of all solves for covariances so far.
  var covarianceOutcome: SolverOutcome? { get }
  /// (y − m)ᵀA⁻¹(y − m)
  var quadraticForm: Double { get }
  /// How covariances of so many outputs are found.
  func varianceMethod(_ count: Int) -> VarianceMethod
}
