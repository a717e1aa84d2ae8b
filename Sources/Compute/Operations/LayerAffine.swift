import Kernels

/// z(t) = y(t) γ(t) + β(t), column by column, and its adjoint; γ(t) = c(γ0 + t·s·Δγ), β alike.
///
/// Forward: z_n = γ_0 y_n + γ_1 y_{n−1} (a product, then an fma), then β_n added to z_0 and z_1 by
/// one addition each; γ_0 = c·γ0, γ_1 = (c·s)·Δγ, each rounded before it is used. A coefficient
/// that y does not store is zero and contributes nothing.
/// Adjoint, in place: ȳ_i = γ_0 z̄_i + γ_1 z̄_{i+1}, i = 1…degree.
public struct LayerAffine: PortableOperation {
  /// One [1, columns] parameter along the ray.
  public typealias Parameter = JetComposition.Bias

  public enum Sense {
    case forward(input: JetView, output: JetView, bias: Parameter?)
    case adjoint(cotangent: JetView, degree: Int)
  }

  public var sense: Sense
  public var gain: Parameter

  public init(_ sense: Sense, gain: Parameter) {
    self.sense = sense
    self.gain = gain
    func isRow(_ parameter: Parameter?, _ jet: JetView) -> Bool {
      guard let parameter else { return true }
      return parameter.center.count == jet.columns
        && parameter.displacement?.count ?? jet.columns == jet.columns
    }
    switch sense {
    case .forward(let input, let output, let bias):
      precondition(input.block == output.block && input.columns == output.columns, "equal shapes")
      precondition(input.directions == output.directions, "as many directions")
      precondition(isRow(gain, input) && isRow(bias, input), "a parameter per column")
      precondition(bias?.displacement == nil || output.degree >= 1, "Δβ needs coefficient 1")
    case .adjoint(let cotangent, let degree):
      precondition(!cotangent.hasZero && degree >= 1 && degree <= cotangent.degree, "cotangents")
      precondition(isRow(gain, cotangent), "a parameter per column")
    }
  }

  private var jet: JetView {
    switch sense {
    case .forward(_, let output, _): output
    case .adjoint(let cotangent, _): cotangent
    }
  }

  public var name: String { "layer_affine" }
  public var cost: Cost {
    let cells = Double(jet.block * jet.columns * jet.directions) * Double(jet.degree + 1)
    return Cost(flops: 3 * cells, bytes: 2 * cells * Double(jet.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    switch sense {
    case .forward(var input, var output, var bias):
      try visit(&input, .read, body)
      try visit(&gain, input.directions, body)
      if var own = bias {
        try visit(&own, input.directions, body)
        bias = own
      }
      try visit(&output, .write, body)
      sense = .forward(input: input, output: output, bias: bias)
    case .adjoint(var cotangent, let degree):
      try visit(&gain, cotangent.directions, body)
      try visit(&cotangent, .readWrite, body)
      sense = .adjoint(cotangent: cotangent, degree: degree)
    }
  }

  private func visit(
    _ parameter: inout Parameter, _ directions: Int,
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&parameter.center, .read, body)
    if var moved = parameter.displacement {
      let step = parameter.displacementStride
      try body(&moved, Access(.read, moved, copies: directions, step: step))
      parameter.displacement = moved
    }
    try visit(&parameter.scale, .read, body)
  }

  // MARK: Definition

  public func define() {
    for v in 0..<jet.directions {
      for row in 0..<jet.block {
        for column in 0..<jet.columns { define(row, column, v) }
      }
    }
  }

  private func define(_ row: Int, _ column: Int, _ v: Int) {
    let type = jet.type
    let (zero, one) = gain.coefficients(column, v, type)
    switch sense {
    case .forward(let input, let output, let bias):
      let offset = bias?.coefficients(column, v, type)
      for n in 0...output.degree where n > 0 || v == 0 {
        var sum = Bounded(0)
        if n <= input.degree { sum = zero * input[n, direction: v].exact(row, column) }
        if let one, n > 0, n - 1 <= input.degree {
          sum = .fma(one, input[n - 1, direction: v].exact(row, column), sum)
        }
        if let offset, n == 0 { sum = sum + offset.zero }
        if let moved = offset?.one, n == 1 { sum = sum + moved }
        output[n, direction: v][row, column] = sum
      }
    case .adjoint(let cotangent, let degree):
      for i in 0..<degree {
        var sum = zero * cotangent[i + 1, direction: v].exact(row, column)
        if let one, i + 1 < cotangent.degree {
          sum = .fma(one, cotangent[i + 2, direction: v].exact(row, column), sum)
        }
        cotangent[i + 1, direction: v][row, column] = sum
      }
    }
  }

  // MARK: Launches

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let jet = jet
    var parameters = LayerAffineParameters()
    parameters.block = jet.block
    parameters.columns = jet.columns
    parameters.directions = jet.directions
    parameters.outputDegree = jet.degree
    parameters.outputCapacity = jet.capacity
    parameters.hasGainDisplacement = gain.displacement == nil ? 0 : 1
    parameters.gainStride = gain.displacementStride
    parameters.hasGainScale = gain.scale == nil ? 0 : 1
    parameters.gainFactor = jet.type.encode(gain.factor)
    let none = gain.center
    let gains = [gain.center, gain.displacement ?? none, gain.scale ?? none]
    let function: String
    let arguments: [Matrix]
    switch sense {
    case .forward(let input, let output, let bias):
      function = "layer_affine"
      parameters.inputDegree = input.degree
      parameters.inputCapacity = input.capacity
      parameters.hasBias = bias == nil ? 0 : 1
      parameters.hasBiasDisplacement = bias?.displacement == nil ? 0 : 1
      parameters.biasStride = bias?.displacementStride ?? 0
      parameters.hasBiasScale = bias?.scale == nil ? 0 : 1
      parameters.biasFactor = jet.type.encode(bias?.factor ?? 1)
      let biases = [bias?.center ?? none, bias?.displacement ?? none, bias?.scale ?? none]
      arguments = [output.matrix, input.matrix] + gains + biases
    case .adjoint(let cotangent, let degree):
      function = "layer_affine_adjoint"
      parameters.inputDegree = degree
      arguments = [cotangent.matrix] + gains
    }
    return [
      Launch(
        function, source: "layer_affine", type: jet.type,
        .grid(rows: jet.block, columns: jet.columns), arguments, parameters)
    ]
  }
}

extension JetComposition.Bias {
  /// c·p0 and (c·s)·Δp of one column and direction, as kernels round them.
  fileprivate func coefficients(
    _ column: Int, _ v: Int, _ type: ScalarType
  ) -> (zero: Bounded, one: Bounded?) {
    let factor = Bounded(type.round(self.factor))
    let zero = factor * center.flat.exact(0, column)
    guard let displacement else { return (zero, nil) }
    let scale = scale.map { $0.exact(0, 0) } ?? Bounded(1)
    let moved = displacement.flat.moved(by: v * displacementStride).exact(0, column)
    return (zero, (factor * scale) * moved)
  }
}
