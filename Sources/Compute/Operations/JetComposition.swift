import Kernels

/// z(t) ↦ (φ(z(t)), φ′(z(t))), elementwise; the layer's bias is added to z first.
///
/// z_0 ← z_0 + c·b, z_1 ← z_1 + c·s·Δb, by one addition each (c the parameterization's factor);
/// y_n for n ≤ `output.degree`; the slope's coefficients to `slopeDegree` replace z's.
/// Recurrence for y′ = w(y, u)u′: y_n = (1/n) Σ_{i=1..n} i u_i w_{n−i}. Error: running analysis.
public struct JetComposition: PortableOperation {
  public var activation: Activation
  /// Its capacity must hold the slope's coefficients.
  public var input: JetView
  public var output: JetView
  /// −1: the slope is not wanted and `input` keeps its content.
  public var slopeDegree: Int
  public var bias: Bias?

  /// A layer's bias: [1, features] each.
  public struct Bias {
    public var center: Matrix
    public var displacement: Matrix?
    /// Elements from one direction's displacement to the next's.
    public var displacementStride: Int
    public var factor: Double
    public var scale: Matrix?

    public init(
      center: Matrix, displacement: Matrix?, displacementStride: Int = 0, factor: Double,
      scale: Matrix?
    ) {
      self.center = center
      self.displacement = displacement
      self.displacementStride = displacementStride
      self.factor = factor
      self.scale = scale
    }
  }

  public init(
    _ activation: Activation, of input: JetView, into output: JetView, slopeDegree: Int,
    bias: Bias?
  ) {
    precondition(input.block == output.block && input.columns == output.columns)
    precondition(input.directions == output.directions && slopeDegree <= input.capacity)
    precondition(bias?.displacement == nil || input.degree >= 1, "Δb needs coefficient 1")
    self.activation = activation
    self.input = input
    self.output = output
    self.slopeDegree = slopeDegree
    self.bias = bias
  }

  public var name: String { "jet_composition" }
  public var cost: Cost {
    let degree = Double(max(output.degree, slopeDegree))
    let cells = Double(input.block * input.columns * input.directions)
    return Cost(
      flops: cells * (20 + 4 * degree * (degree + 1)),
      bytes: cells * Double(input.type.byteCount * (input.degree + output.degree + slopeDegree + 3))
    )
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    if slopeDegree < 0 {
      try visit(&input, .read, body)
    } else {
      try body(
        &input.matrix, Access(.readWrite, input, degree: max(input.degree, slopeDegree)))
    }
    if var bias {
      try visit(&bias.center, .read, body)
      if var moved = bias.displacement {
        try body(
          &moved,
          Access(.read, moved, copies: input.directions, step: bias.displacementStride))
        bias.displacement = moved
      }
      try visit(&bias.scale, .read, body)
      self.bias = bias
    }
    try visit(&output, .write, body)
  }

  public func define() {
    let last = max(output.degree, slopeDegree)
    for row in 0..<input.block {
      for column in 0..<input.columns {
        let zero = input[0].exact(row, column)
        for v in 0..<input.directions {
          var u = [zero]
          for i in 0..<input.degree { u.append(input[i + 1, direction: v].exact(row, column)) }
          if let bias {
            let factor = input.type.round(bias.factor)
            u[0] = u[0] + multiplied(factor, bias.center[0, column].value)
            if let displacement = bias.displacement {
              let moved = displacement.moved(by: v * bias.displacementStride)
              let scaled = factor * (bias.scale?[0, 0].value ?? 1)
              u[1] = u[1] + multiplied(scaled, moved[0, column].value)
            }
          }
          let (value, slope) = activation.series(of: u, degree: last, type: input.type)
          for n in 0...output.degree { output[n, direction: v][row, column] = value[n] }
          if slopeDegree >= 1 {
            for n in 1...slopeDegree { input[n, direction: v][row, column] = slope[n] }
          }
          if slopeDegree >= 0 && v == input.directions - 1 { input[0][row, column] = slope[0] }
        }
      }
    }
  }

  /// A product with a factor that is often 1, and then exact.
  private func multiplied(_ factor: Double, _ value: Double) -> Bounded {
    factor == 1 ? Bounded(value) : Bounded(factor) * Bounded(value)
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = input.type
    let parameters = JetCompositionParameters(
      block: input.block, columns: input.columns, directions: input.directions,
      inputDegree: input.degree, inputCapacity: input.capacity, outputDegree: output.degree,
      outputCapacity: output.capacity, slopeDegree: slopeDegree, slopeCapacity: input.capacity,
      hasBias: bias == nil ? 0 : 1, hasBiasDisplacement: bias?.displacement == nil ? 0 : 1,
      biasStride: bias?.displacementStride ?? 0, biasFactor: type.encode(bias?.factor ?? 1),
      hasScale: bias?.scale == nil ? 0 : 1)
    // An absent argument is never read; any buffer stands in for it.
    let none = input.matrix
    let series = SeriesProgram(
      degrees: [
        ("INPUT_DEGREE", input.degree), ("OUTPUT_DEGREE", output.degree),
        ("SLOPE_DEGREE", slopeDegree),
      ], type)
    return [
      Launch(
        "jet_composition", host: "jet_composition_\(activation.rawValue)" + series.suffix,
        source: "jet_composition", defines: [("ACTIVATION", activation.code)] + series.defines,
        type: type, .grid(rows: input.block, columns: input.columns),
        [
          input.matrix, output.matrix, bias?.center ?? none, bias?.displacement ?? none,
          bias?.scale ?? none,
        ], parameters)
    ]
  }
}
