import Compute

/// Arithmetic in R[t]/(t^{k+1}): the three operations on which every layer stands, and their
/// adjoints.
///
/// The adjoint of jet propagation is jet propagation of the index-reversed cotangents: with
/// ỹ_i = ȳ_{k−i}, x̃(t) = ỹ(t) W(t) and z̃(t) = φ′(z(t)) ỹ(t) mod t^{k+1}. Reversal is notation:
/// cotangents are stored un-reversed, rows ȳ_1…ȳ_d with d the forward jet's degree. Order 0 is
/// ordinary propagation; its cotangent is one block, stored as if it were ȳ_1.
public struct JetAlgebra {
  public let backend: any Backend
  /// The truncation order k, at most `ScalarType.maximumOrder` of the jets' type.
  public let order: Int
  /// How dense layers multiply. Part of what decides about bits, and the same for all of a run: a
  /// product's batch has no say in its plan, so that an example's bits do not depend on how many
  /// others are with it.
  public let products: JetProducts

  public init(_ backend: any Backend, order: Int, products: JetProducts = .auto) {
    precondition(order >= 0 && order <= ScalarType.float64.maximumOrder, "orders 0…64")
    self.backend = backend
    self.order = order
    self.products = products
  }

  /// A jet with unspecified coefficients.
  public func jet(
    block: Int, columns: Int, degree: Int, capacity: Int? = nil, directions: Int,
    type: ScalarType
  ) throws -> Jet {
    precondition(order <= type.maximumOrder, "orders above 8 need float64")
    let capacity = max(degree, capacity ?? degree)
    let matrix = try backend.matrix(block * (1 + directions * capacity), columns, type)
    return Jet(
      matrix, block: block, degree: degree, capacity: capacity, directions: directions)
  }

  /// A constant as a jet of degree 0.
  public func constant(_ matrix: Matrix, directions: Int) -> Jet {
    Jet(matrix, block: matrix.rows, degree: 0, capacity: 0, directions: directions)
  }

  // MARK: Contraction

  /// z(t) = c·x(t) W(t)ᵀ, W of shape [outputs, inputs]. `capacity` leaves room for more
  /// coefficients than z has.
  ///
  /// This and its adjoint are the one place that chooses how the product of two series is computed:
  /// by `products`, or by those given.
  ///
  /// - Parameters:
  ///   - memory: z's memory, for a capacity of 0; by default new memory.
  ///   - fillZero: writes z_0 = c·x_0 W0ᵀ, which then takes no product.
  public func contract(
    _ x: Jet, _ weight: TensorJet, factor: Double, capacity: Int, products: JetProducts? = nil,
    into memory: Matrix? = nil, fillZero: ((Matrix) throws -> Void)? = nil
  ) throws -> Jet {
    let degree = weight.displacement == nil ? x.degree : min(order, x.degree + 1)
    let z =
      try memory.map {
        Jet($0, block: x.block, degree: degree, capacity: capacity, directions: x.directions)
      }
      ?? jet(
        block: x.block, columns: weight.center.rows, degree: degree, capacity: capacity,
        directions: x.directions, type: x.type)
    try fillZero?(z[0])
    try backend.run(
      .jetContraction(
        JetContraction(
          .forward, x, center: weight.center, displacement: weight.displacement,
          displacementStride: weight.displacementStride, into: z, alpha: factor,
          scale: weight.scale, isZeroGiven: fillZero != nil,
          plan: (products ?? self.products).plan(.forward, x, z, weight))))
    return z
  }

  /// x̄_i = c(ȳ_i W0 + s ȳ_{i+1} Δ), written over x's own memory, which is used up, unless
  /// `reuses` forbids it or the cotangent has more directions than x.
  public func contractAdjoint(
    _ cotangent: Jet, _ weight: TensorJet, factor: Double, over x: Jet, reuses: Bool = true,
    products: JetProducts? = nil
  ) throws -> Jet {
    let target = try self.cotangent(over: x, directions: cotangent.directions, reuses: reuses)
    let (from, to) =
      weight.displacement == nil ? (cotangent.joined, target.joined) : (cotangent, target)
    try backend.run(
      .jetContraction(
        JetContraction(
          .adjoint, from, center: weight.center, displacement: weight.displacement,
          displacementStride: weight.displacementStride, into: to, alpha: factor,
          scale: weight.scale, plan: (products ?? self.products).plan(.adjoint, from, to, weight))))
    return target
  }

  /// ΔW̄⁽ᵛ⁾ = c·s·Σ_{i=1..d} ȳ_iᵀ x_{i−1}: one contraction whose chains run over i, then the
  /// batch. `gradient` is direction 0's [outputs, inputs]; others lie `stride` elements apart.
  public func weightGradient(
    _ cotangent: Jet, _ x: Jet, factor: Double, scale: Matrix?, into gradient: Matrix,
    stride: Int
  ) throws {
    let degree = cotangent.degree
    if cotangent.directions == 1 {
      try backend.run(
        .contraction(
          Contraction(
            cotangent[1...degree], x[0...(degree - 1)], into: gradient, transposeA: true,
            alpha: factor, scale: scale)))
      return
    }
    // With several directions x_0 is shared and stands apart from the higher coefficients.
    var product = Contraction(
      cotangent[1], x[0], into: gradient, transposeA: true, alpha: factor, scale: scale,
      batch: cotangent.directions, strideA: cotangent.directionStride, strideC: stride)
    try backend.run(.contraction(product))
    guard degree > 1 else { return }
    product = Contraction(
      cotangent[2...degree], x[1...(degree - 1)], into: gradient, transposeA: true, alpha: factor,
      scale: scale, beta: 1, batch: cotangent.directions, strideA: cotangent.directionStride,
      strideB: x.directionStride, strideC: stride)
    try backend.run(.contraction(product))
  }

  /// Δb̄⁽ᵛ⁾ = c·s·(column sums of ȳ_1).
  public func biasGradient(
    _ cotangent: Jet, factor: Double, scale: Matrix?, into gradient: Matrix, stride: Int
  ) throws {
    try backend.run(
      .columnSums(
        ColumnSums(
          of: cotangent[1], into: gradient, alpha: factor, scale: scale,
          batch: cotangent.directions, strideX: cotangent.directionStride, strideSums: stride)))
  }

  // MARK: Composition

  /// What a composition leaves: φ(z(t)), and φ′(z(t)) where it was asked for.
  public struct Composed {
    public var value: Jet
    public var slope: Jet?
  }

  /// (φ(z + b)(t), φ′(z + b)(t)); the slope takes z's memory, whose capacity must hold it.
  public func compose(
    _ activation: Activation, _ z: Jet, bias: JetComposition.Bias?, withSlope: Bool
  ) throws -> Composed {
    let degree = activation.degree(of: z.degree, order: order)
    let value = try jet(
      block: z.block, columns: z.columns, degree: degree, directions: z.directions, type: z.type)
    let slopeDegree = withSlope ? self.slopeDegree(activation, of: z.degree) : -1
    try backend.run(
      .jetComposition(
        JetComposition(activation, of: z, into: value, slopeDegree: slopeDegree, bias: bias)))
    guard withSlope else { return Composed(value: value) }
    var slope = z
    slope.degree = slopeDegree
    return Composed(value: value, slope: slope)
  }

  /// The slope's coefficients that an adjoint reads: z̄_i takes s_0…s_{d−i}, i ≥ 1.
  public func slopeDegree(_ activation: Activation, of degree: Int) -> Int {
    activation.slopeDegree(of: degree, order: max(0, order - 1))
  }

  /// z̄_i = Σ_j s_{j−i} ȳ_j in place, for a z of degree `degree`.
  public func composeAdjoint(_ cotangent: Jet, slope: Jet, degree: Int) throws -> Jet {
    let degree = max(1, degree)
    try backend.run(
      .jetProduct(JetProduct(.adjoint(slope: slope, cotangent: cotangent, degree: degree))))
    var result = cotangent
    result.degree = degree
    return result
  }

  // MARK: Sums and copies

  /// c(t) = a·x(t) + y(t), in y's memory if `reuses` allows it and it has room for c's degree.
  public func add(_ a: Double, _ x: Jet, to y: Jet, reuses: Bool) throws -> Jet {
    let degree = max(x.degree, y.degree)
    var sum = y
    if reuses, degree <= y.capacity {
      sum.degree = degree
    } else {
      sum = try jet(like: y, degree: degree, capacity: degree)
    }
    try forEachRun(of: sum, degree) { range, v in
      // Coefficients that one of the two does not have are zero there.
      let both = range.clamped(to: 0...min(x.degree, y.degree))
      if range.lowerBound <= both.upperBound {
        let target = sum.run(range.lowerBound...both.upperBound, v)
        try backend.run(
          .linearCombination(
            LinearCombination(
              target, a, x.run(range.lowerBound...both.upperBound, v), 1,
              y.run(range.lowerBound...both.upperBound, v))))
      }
      let rest = max(range.lowerBound, min(x.degree, y.degree) + 1)
      guard rest <= range.upperBound else { return }
      let (factor, source) = x.degree > y.degree ? (a, x) : (1, y)
      let (from, to) = (source.run(rest...range.upperBound, v), sum.run(rest...range.upperBound, v))
      guard from.buffer !== to.buffer || from.offset != to.offset else { return }
      try backend.run(.linearCombination(LinearCombination(to, factor, from)))
    }
    return sum
  }

  /// a·x(t) in memory of its own, with room for `capacity` coefficients.
  public func scaled(_ a: Double, _ x: Jet, capacity: Int? = nil) throws -> Jet {
    let copy = try jet(like: x, degree: x.degree, capacity: max(x.degree, capacity ?? x.degree))
    try forEachRun(of: x, x.degree) { range, v in
      try backend.run(
        .linearCombination(LinearCombination(copy.run(range, v), a, x.run(range, v))))
    }
    return copy
  }

  /// Every coefficient's rows×columns matrices transposed, as a jet of another shape.
  public func transposed(
    _ x: Jet, rows: Int, columns: Int, block: Int, into width: Int
  ) throws -> Jet {
    let all = block * ((x.hasZero ? 1 : 0) + x.directions * x.degree)
    let result = Jet(
      try backend.matrix(all, width, x.type), block: block, degree: x.degree, capacity: x.degree,
      directions: x.directions, hasZero: x.hasZero)
    try forEachRun(of: x, x.degree) { range, v in
      try backend.run(
        .transposition(
          Transposition(result.run(range, v), from: x.run(range, v), rows: rows, columns: columns)))
    }
    return result
  }

  private func jet(like other: Jet, degree: Int, capacity: Int) throws -> Jet {
    let rows = other.block * ((other.hasZero ? 1 : 0) + other.directions * capacity)
    return Jet(
      try backend.matrix(rows, other.columns, other.type), block: other.block, degree: degree,
      capacity: capacity, directions: other.directions, hasZero: other.hasZero)
  }

  /// Runs of coefficients up to `degree` that are contiguous in memory.
  private func forEachRun(
    of jet: Jet, _ degree: Int, _ body: (ClosedRange<Int>, Int) throws -> Void
  ) throws {
    let first = jet.hasZero ? 0 : 1
    if jet.directions == 1 { return try body(first...degree, 0) }
    if jet.hasZero { try body(0...0, 0) }
    guard degree >= 1 else { return }
    for v in 0..<jet.directions { try body(1...degree, v) }
  }

  // MARK: Product

  /// c(t) = a(t) b(t) mod t^{k+1}.
  public func multiply(_ a: Jet, _ b: Jet) throws -> Jet {
    let product = try jet(
      block: a.block, columns: a.columns, degree: min(order, a.degree + b.degree),
      directions: a.directions, type: a.type)
    try backend.run(.jetProduct(JetProduct(.forward(left: a, right: b, output: product))))
    return product
  }

  /// Memory for the cotangent of a jet: its own, if it may be used up and is large enough.
  func cotangent(over jet: Jet, directions: Int, reuses: Bool = true) throws -> Jet {
    let reuses = reuses && directions == jet.directions
    let capacity = max(1, reuses ? jet.capacity : jet.degree)
    let matrix =
      reuses
      ? jet.matrix
      : try backend.matrix(jet.block * capacity * directions, jet.columns, jet.type)
    return Jet(
      matrix, block: jet.block, degree: max(1, jet.degree), capacity: capacity,
      directions: directions, hasZero: false)
  }
}
