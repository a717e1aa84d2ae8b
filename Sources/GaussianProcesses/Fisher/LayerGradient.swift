import Compute
import Jets
import Networks

/// What the gradients of one layer's parameters are made of, for b examples with O cotangents each: the
/// gradient of example n and cotangent o is Σ_p δ_on(p)ᵀ a_n(p), p the layer's T positions (one, but for
/// convolutions). a is the layer's input with its factor, unfolded, and the bias's factor in a column of
/// its own behind it; of a layer without one of the two only the other. Kernel positions come before
/// channels.
///
/// A gain's and a bias's of a normalization are no products: there the gradients themselves are `inputs`,
/// a row for each cotangent and example, and δ is missing.
struct LayerGradient {
  /// Indices of its tensors, where their gradients are wanted.
  var weight: Int?
  var bias: Int?
  /// Of a convolution in groups, each of which has a gradient of its own; their bias has one too.
  var group = 0
  /// Nil for all but convolutions.
  var geometry: ConvolutionGeometry?
  /// O and b.
  var cotangents: Int
  var examples: Int
  /// T
  var positions: Int
  /// δ, [O·b·T, channels], cotangent after cotangent.
  var deltas: Matrix?
  /// a, [b·T, width]; without δ the gradients, [O·b, width].
  var inputs: Matrix

  /// What parts of a network are known by.
  struct Key: Hashable {
    var tensor: Int
    var group: Int
  }

  var key: Key { Key(tensor: weight ?? bias ?? 0, group: group) }
  /// Rows and columns of one gradient.
  var channels: Int { deltas?.columns ?? 1 }
  var width: Int { inputs.columns }

  /// The gradients of some channels, [O·b, channels·width], cotangent after cotangent.
  func gradients(
    of channels: Range<Int>, examples part: Range<Int>, on backend: any Backend
  ) throws -> Matrix {
    guard let deltas else { return inputs }
    let size = channels.count * width
    let result = try backend.matrix(cotangents * part.count, size, inputs.type)
    for o in 0..<cotangents {
      let first = (o * examples + part.lowerBound) * positions
      let delta = Matrix(
        deltas.buffer, offset: deltas.offset + first * deltas.stride + channels.lowerBound,
        rows: positions, columns: channels.count, stride: deltas.stride)
      try backend.run(
        .contraction(
          Contraction(
            delta, inputs.rows((part.lowerBound * positions)..<((part.lowerBound + 1) * positions)),
            into: result.rows((o * part.count)..<(o * part.count + 1))
              .reshaped(rows: channels.count, columns: width), transposeA: true,
            batch: part.count, strideA: positions * deltas.stride,
            strideB: positions * inputs.stride, strideC: size)))
    }
    return result
  }
}

/// Makes `LayerGradient`s of what layers hand over at order 0 and gives them to a closure.
final class LayerGradients: GradientSink {
  private let backend: any Backend
  private let examples: Int
  private let body: (LayerGradient) throws -> Void

  init(
    examples: Int, on backend: any Backend, _ body: @escaping (LayerGradient) throws -> Void
  ) {
    (self.examples, self.backend, self.body) = (examples, backend, body)
  }

  func take(_ gradient: AffineGradient) throws {
    guard let geometry = gradient.geometry, geometry.groups > 1, gradient.weight != nil else {
      return try take(gradient, group: 0)
    }
    var part = gradient
    part.geometry?.groups = 1
    part.bias = nil
    for group in 0..<geometry.groups {
      part.cotangent = try columns(gradient.cotangent, group, of: geometry.groups)
      part.input = try columns(gradient.input, group, of: geometry.groups)
      try take(part, group: group)
    }
    guard gradient.bias != nil else { return }
    part = gradient
    part.weight = nil
    try take(part, group: 0)
  }

  /// A jet's columns of one group.
  private func columns(_ jet: Jet, _ group: Int, of groups: Int) throws -> Jet {
    let width = jet.columns / groups
    var part = jet
    part.matrix = try backend.matrix(jet.matrix.rows, width, jet.type)
    let source = Matrix(
      jet.matrix.buffer, offset: jet.matrix.offset + group * width, rows: jet.matrix.rows,
      columns: width, stride: jet.columns)
    try backend.run(.matrixCopy(MatrixCopy(part.matrix, from: source)))
    return part
  }

  private func take(_ gradient: AffineGradient, group: Int) throws {
    let (cotangent, deltas) = (gradient.cotangent, Self.rows(gradient.cotangent))
    let positions = cotangent.block / examples
    try body(
      LayerGradient(
        weight: gradient.weight, bias: gradient.bias, group: group,
        geometry: gradient.geometry, cotangents: cotangent.directions, examples: examples,
        positions: positions,
        deltas: deltas, inputs: inputs(gradient, rows: cotangent.block)))
  }

  /// All cotangents, one behind the other.
  private static func rows(_ cotangent: Jet) -> Matrix {
    precondition(cotangent.degree == 1 && cotangent.capacity == 1, "of order 0")
    return cotangent.joined[1]
  }

  /// a
  private func inputs(_ gradient: AffineGradient, rows: Int) throws -> Matrix {
    let (type, factors) = (gradient.cotangent.type, gradient.factors)
    var input: Matrix?
    if gradient.weight != nil {
      var x = gradient.input[0]
      if let geometry = gradient.geometry, !geometry.isPointwise {
        x = try backend.matrix(rows, geometry.patchCount, type)
        try backend.run(.unfold(Unfold(x, from: gradient.input[0], geometry)))
      }
      input = x
      if factors.weight != 1 {
        let scaled = try backend.matrix(rows, x.columns, type)
        try backend.run(.linearCombination(LinearCombination(scaled, factors.weight, x)))
        input = scaled
      }
    }
    guard gradient.bias != nil else { return input! }
    let ones = try backend.matrix(rows, 1, type)
    try backend.run(.fill(Fill(ones, value: factors.bias)))
    return try input.map { try joined($0, ones) } ?? ones
  }

  /// Two matrices side by side.
  private func joined(_ a: Matrix, _ b: Matrix) throws -> Matrix {
    let all = try backend.matrix(a.rows, a.columns + b.columns, a.type)
    var first = 0
    for part in [a, b] {
      let target = Matrix(
        all.buffer, offset: first, rows: part.rows, columns: part.columns, stride: all.columns)
      try backend.run(.matrixCopy(MatrixCopy(target, from: part)))
      first += part.columns
    }
    return all
  }

  func take(_ gradient: NormalizationGradient) throws {
    let (cotangent, factor) = (gradient.cotangent, gradient.factor)
    let positions = cotangent.block / examples
    let deltas = Self.rows(cotangent)
    var parts: [Matrix] = []
    if gradient.gain != nil {
      let products = try backend.matrix(deltas.rows, deltas.columns, deltas.type)
      try backend.run(.linearCombination(LinearCombination(products, factor, deltas)))
      let slope = Jet(gradient.value[0], block: cotangent.block, degree: 0, capacity: 0)
      let product = Jet(
        products, block: cotangent.block, degree: 1, capacity: 1,
        directions: cotangent.directions, hasZero: false)
      try backend.run(
        .jetProduct(JetProduct(.adjoint(slope: slope, cotangent: product, degree: 1))))
      parts.append(try sums(products, positions, 1))
    }
    if gradient.bias != nil { parts.append(try sums(deltas, positions, factor)) }
    try body(
      LayerGradient(
        weight: gradient.gain, bias: gradient.bias, cotangents: cotangent.directions,
        examples: examples, positions: positions,
        inputs: parts.count == 2 ? joined(parts[0], parts[1]) : parts[0]))
  }

  /// α times the sums of every `positions` rows.
  private func sums(_ x: Matrix, _ positions: Int, _ alpha: Double) throws -> Matrix {
    let count = x.rows / positions
    let sums = try backend.matrix(count, x.columns, x.type)
    try backend.run(
      .columnSums(
        ColumnSums(
          of: x.rows(0..<positions), into: sums.rows(0..<1), alpha: alpha, batch: count,
          strideX: positions * x.columns, strideSums: x.columns)))
    return sums
  }
}
