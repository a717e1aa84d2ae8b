import Kernels

/// Layer normalization of a jet, row by row over its m columns, and its adjoint, in R[t]/(t^{k+1}):
///
///     c = x − mean(x),  v = mean(c²) + ε,  r = 1/√v,  y = c·r.
///
/// r by n v_0 r_n = Σ_{i=1..n} (i/2 − n) v_i r_{n−i}, which follows from 2 v r′ = −v′ r.
///
/// Adjoint, in place on ȳ. At every t the Jacobian is J = r (I − 11ᵀ/m − yyᵀ/m), because
/// dr = −r³ mean(c dc) and the columns of y sum to zero; it is symmetric, so the index-reversed
/// cotangents are multiplied by the same power series: x̃ = r (ỹ − mean(ỹ) − y mean(y ỹ)). In
/// cotangents as they are stored, with j to the degree of ȳ:
///
///     g_i = mean(Σ_{j≥i} y_{j−i} ȳ_j),  w_i = ȳ_i − mean(ȳ_i) − Σ_{j≥i} y_{j−i} g_j,
///     x̄_i = Σ_{j≥i} r_{j−i} w_j.
///
/// Order of summation: products of series in ascending order, the first rounded, the others added
/// by fma; over columns in chains of 1024 from +0 by plain additions, chain sums added in ascending
/// order; means are such sums divided by m.
/// Source: Ba, Kiros, Hinton, arXiv 1607.06450, without gain and bias (`LayerAffine`).
public struct LayerNorm: PortableOperation {
  public enum Sense {
    /// `inverse` receives r to its own degree.
    case forward(input: JetView, output: JetView, inverse: JetView?)
    /// Reads y and r to the cotangent's degree less one; x̄_i, i = 1…degree, replace ȳ_i.
    case adjoint(cotangent: JetView, value: JetView, inverse: JetView, degree: Int)
  }

  public var sense: Sense
  /// ε, forward only.
  public var epsilon: Double

  /// - Precondition: r has one column and y's directions; an adjoint of several directions at
  ///   degree 1 may share the y and r of one.
  public init(_ sense: Sense, epsilon: Double = 0) {
    self.sense = sense
    self.epsilon = epsilon
    switch sense {
    case .forward(let input, let output, let inverse):
      precondition(input.block == output.block && input.columns == output.columns, "equal shapes")
      precondition(input.directions == output.directions, "as many directions")
      precondition(input.degree > 0 || output.degree == 0, "a constant has a constant norm")
      precondition(
        inverse.map {
          $0.columns == 1 && $0.block == input.block && $0.directions == input.directions
            && $0.degree <= output.degree
        } ?? true, "one 1/σ per row")
    case .adjoint(let cotangent, let value, let inverse, let degree):
      precondition(!cotangent.hasZero && degree >= 1 && degree <= cotangent.degree, "cotangents")
      precondition(
        value.block == cotangent.block && value.columns == cotangent.columns
          && inverse.block == cotangent.block && inverse.columns == 1, "equal shapes")
      precondition(
        min(value.degree, inverse.degree) >= cotangent.degree - 1, "too few coefficients")
      precondition(
        cotangent.degree == 1
          || value.directions == cotangent.directions
            && inverse.directions == cotangent.directions,
        "as many directions")
    }
    precondition(rows.columns > 0, "the mean of nothing")
  }

  /// The jet whose rows are the items.
  private var rows: JetView {
    switch sense {
    case .forward(_, let output, _): output
    case .adjoint(let cotangent, _, _, _): cotangent
    }
  }

  public var name: String { "layer_norm" }
  public var cost: Cost {
    let cells = Double(rows.block * rows.columns * rows.directions)
    let degree = Double(rows.degree)
    return Cost(
      flops: cells * (8 + 4 * degree * (degree + 1)),
      bytes: cells * (4 + 3 * degree) * Double(rows.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    switch sense {
    case .forward(var input, var output, var inverse):
      try visit(&input, .read, body)
      if var own = inverse {
        try visit(&own, .write, body)
        inverse = own
      }
      try visit(&output, .write, body)
      sense = .forward(input: input, output: output, inverse: inverse)
    case .adjoint(var cotangent, var value, var inverse, let degree):
      let last = cotangent.degree - 1
      try body(&value.matrix, Access(.read, value, degree: last))
      try body(&inverse.matrix, Access(.read, inverse, degree: last))
      try visit(&cotangent, .readWrite, body)
      sense = .adjoint(cotangent: cotangent, value: value, inverse: inverse, degree: degree)
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    var parameters = LayerNormParameters()
    let function: String
    let arguments: [Matrix]
    let inputDegree: Int
    switch sense {
    case .forward(let input, let output, let inverse):
      function = "layer_norm"
      // An absent argument is never touched; any buffer stands in for it.
      arguments = [output.matrix, inverse?.matrix ?? output.matrix, input.matrix]
      inputDegree = input.degree
      parameters.inputCapacity = input.capacity
      parameters.inverseDegree = inverse?.degree ?? -1
      parameters.inverseCapacity = inverse?.capacity ?? 0
    case .adjoint(let cotangent, let value, let inverse, let degree):
      function = "layer_norm_adjoint"
      arguments = [cotangent.matrix, value.matrix, inverse.matrix]
      inputDegree = degree
      parameters.valueCapacity = value.capacity
      parameters.inverseCapacity = inverse.capacity
    }
    parameters.block = rows.block
    parameters.columns = rows.columns
    parameters.inputDegree = inputDegree
    parameters.outputDegree = rows.degree
    parameters.outputCapacity = rows.capacity
    parameters.epsilon = rows.type.encode(epsilon)
    let items = rows.block * rows.directions
    let series = SeriesProgram(
      degrees: [("INPUT_DEGREE", inputDegree), ("OUTPUT_DEGREE", rows.degree)], rows.type)
    return [
      Launch(
        function, host: function + series.suffix, source: "layer_norm", defines: series.defines,
        type: rows.type,
        .items(items), arguments, parameters, work: items * rows.columns * (rows.degree + 1))
    ]
  }
}
