/// The product of a jet with a weight jet W0 + t·s·Δ, or its adjoint.
///
/// Forward:  y_i = x_i W0ᵀ + s·x_{i−1} Δᵀ, i = 0…outputDegree.
/// Adjoint:  x̄_i = ȳ_i W0 + s·ȳ_{i+1} Δ,   i = 1…outputDegree (cotangents have no coefficient 0).
///
/// Weights are [outputs, inputs]. A coefficient that an operand does not store is zero and
/// contributes nothing. In the schoolbook's order each output element is the W0 product, then the Δ
/// product added to it, each in the order of `Contraction`; interpolated plans, for one direction,
/// have an order of their own (`JetProductPlan`). With several directions, coefficient 0 is shared and direction v
/// has displacement `displacement.moved(by: v·displacementStride)`.
///
/// Where x_0 and W0 are constants of a run, y_0 = x_0 W0ᵀ need not be computed at every step: with
/// `isZeroGiven` it is in the output already, is left as it is, and takes no product.
public struct JetContraction: OperationContent {
  public enum Sense: Sendable { case forward, adjoint }

  public var sense: Sense
  public var input: JetView
  public var output: JetView
  public var center: Matrix
  /// Absent for order 0 (then the output's degree is the input's).
  public var displacement: Matrix?
  public var displacementStride: Int
  /// The parameterization's factor on the weights.
  public var alpha: Double
  /// The 1×1 direction scale s, absent for 1.
  public var scale: Matrix?
  /// Whether the output holds y_0, with the bits that this operation would give it; forward only.
  public var isZeroGiven: Bool
  /// How it is computed; part of what decides about bits.
  public var plan: JetProductPlan

  public init(
    _ sense: Sense, _ input: JetView, center: Matrix, displacement: Matrix?,
    displacementStride: Int = 0, into output: JetView, alpha: Double, scale: Matrix?,
    isZeroGiven: Bool = false, plan: JetProductPlan = .schoolbook
  ) {
    self.sense = sense
    self.input = input
    self.output = output
    self.center = center
    self.displacement = displacement
    self.displacementStride = displacementStride
    self.alpha = alpha
    self.scale = scale
    self.isZeroGiven = isZeroGiven
    self.plan = plan
    precondition(
      !plan.isInterpolated
        || displacement != nil && input.directions == 1 && plan.sense == sense
          && plan.inputDegree == input.degree && plan.outputDegree == output.degree,
      "a plan for other jets")
    precondition(input.block == output.block && input.directions == output.directions)
    precondition(
      center.columns == (sense == .forward ? input.columns : output.columns)
        && center.rows == (sense == .forward ? output.columns : input.columns),
      "weights do not fit the jets")
    precondition(displacement != nil || output.degree <= max(input.degree, 1))
    precondition(
      !isZeroGiven
        || sense == .forward && displacement != nil && output.hasZero && output.degree >= 1,
      "coefficient 0 can be given to a forward product that has others")
  }

  public var name: String {
    plan.isInterpolated ? "jet_contraction_interpolated" : "jet_contraction"
  }

  public var cost: Cost {
    plan.isInterpolated ? interpolatedCost : contractions.reduce(Cost()) { $0 + $1.cost }
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&input, .read, body)
    try visit(&center, .read, body)
    if var moved = displacement {
      try body(
        &moved, Access(.read, moved, copies: input.directions, step: displacementStride))
      displacement = moved
    }
    try visit(&scale, .read, body)
    // What is given stays: others may keep a copy of it.
    try visit(&output, isZeroGiven ? .readWrite : .write, body)
  }

  public func define() {
    if plan.isInterpolated { return defineInterpolated() }
    for fill in fills { fill.define() }
    // A row that both terms reach has the bound of both: the second reads the first as exact.
    var errors: [Double] = []
    for (index, contraction) in contractions.enumerated() {
      if index > 0 { errors = output.errors() }
      contraction.define()
      guard index > 0 && contraction.beta != 0 else { continue }
      for batch in 0..<contraction.batch {
        output.addErrors(errors, where: contraction.c.moved(by: batch * contraction.strideC))
      }
    }
  }

  /// The schoolbook product as plain contractions, in order. Run `fills` first.
  public var contractions: [Contraction] { centerProducts + displacementProducts }

  /// Row blocks that only the displacement reaches start at zero, so that it needs one product.
  public var fills: [Fill] {
    guard displacement != nil, sense == .forward, output.degree > input.degree, input.degree > 0
    else { return [] }
    return (0..<output.directions).map { Fill(output[output.degree, direction: $0], value: 0) }
  }

  func product(_ x: Matrix, _ weights: Matrix, into y: Matrix) -> Contraction {
    Contraction(x, weights, into: y, transposeB: sense == .forward, alpha: alpha)
  }

  private var centerProducts: [Contraction] {
    let shared = min(input.degree, output.degree)
    let first = sense == .forward && !isZeroGiven ? 0 : 1
    if input.directions == 1 {
      if first > shared, isZeroGiven { return [] }
      return [product(input[first...shared], center, into: output[first...shared])]
    }
    var products: [Contraction] = []
    if first == 0 { products.append(product(input[0], center, into: output[0])) }
    if shared >= 1 {
      var rest = product(input[1...shared], center, into: output[1...shared])
      rest.batch = input.directions
      rest.strideA = input.directionStride
      rest.strideC = output.directionStride
      products.append(rest)
    }
    return products
  }

  private var displacementProducts: [Contraction] {
    guard let displacement else { return [] }
    func term(_ from: ClosedRange<Int>, _ to: ClosedRange<Int>, beta: Double) -> Contraction {
      var result = product(input[from], displacement, into: output[to])
      result.scale = scale
      result.beta = beta
      result.batch = input.directions
      result.strideA = from.lowerBound == 0 ? 0 : input.directionStride
      result.strideB = displacementStride
      result.strideC = output.directionStride
      return result
    }
    if sense == .adjoint {
      let last = min(output.degree, input.degree - 1)
      return last >= 1 ? [term(2...(last + 1), 1...last, beta: 1)] : []
    }
    guard output.degree >= 1 else { return [] }
    let beta = input.degree > 0 ? 1.0 : 0.0
    if input.directions == 1 || output.degree == 1 {
      return [term(0...(output.degree - 1), 1...output.degree, beta: beta)]
    }
    return [
      term(0...0, 1...1, beta: beta), term(1...(output.degree - 1), 2...output.degree, beta: beta),
    ]
  }
}
