import Networks
import TestSupport

@testable import Compute

/// A dense network's expansion and gradients with a bound on what float32 may be off: the running
/// error analysis that decides whether a float32 result is right.
///
/// Every number is a `Bounded`: its value in Double, and first-order bounds, in units of
/// u = 2⁻²⁴, of everything that rounding can do to it: the rounding of inputs and parameters to
/// float32 (error |x|), the roundings of each operation, and what all earlier errors become. A
/// contraction over K products adds 2(K+2)·Σ|a||b|, which holds for every order of summation; the
/// elementwise parts use the recurrences of the definition. Coefficients are propagated to the
/// full order by the schoolbook rule, unscaled: scaling by powers of two changes no rounding.
struct BoundedNetwork {
  let network: Network
  let center: [Bounded]
  /// Δ; absent for order 0.
  let displacement: [Bounded]?
  let order: Int

  /// Coefficients of one example: [coefficient][feature].
  typealias Series = [[Bounded]]

  private struct Layer {
    var weight: ParameterTensor
    var bias: ParameterTensor?
    var activation: Activation
    var factors: Parameterization.Factors
    var inputs: Int { weight.shape[1] }
    var outputs: Int { weight.shape[0] }
  }

  private let layers: [Layer]

  /// - Parameter displacement: nil for the network itself.
  init(_ network: Network, center: [Double], displacement: [Double]?, order: Int) {
    func rounded(_ x: [Double]) -> [Bounded] { x.map { Bounded($0, error: abs($0)) } }
    self.network = network
    self.center = rounded(center)
    self.displacement = displacement.map(rounded)
    self.order = order
    var layers: [Layer] = []
    for (index, layer) in network.description.layers.enumerated() {
      switch layer {
      case .dense(let dense):
        let weight = network.parameters.first { $0.name == "layers.\(index).weight" }!
        layers.append(
          Layer(
            weight: weight, bias: network.parameters.first { $0.name == "layers.\(index).bias" },
            activation: .identity,
            factors: network.description.parameterization.factors(
              fanIn: weight.shape[1], behindHidden: !layers.isEmpty, weightStd: dense.weightStd,
              biasStd: dense.biasStd)))
      case .activation(let activation): layers[layers.count - 1].activation = activation
      case .flatten: break
      default: preconditionFailure("\(layer.name) is no layer of a dense network")
      }
    }
    self.layers = layers
  }

  /// factor·Σ a·b with the contraction's bound.
  private static func sum(
    _ products: some Sequence<(Bounded, Bounded)>, factor: Double, count: Int
  ) -> Bounded {
    var (value, error, magnitude) = (0.0, 0.0, 0.0)
    for (a, b) in products {
      value += a.value * b.value
      magnitude += abs(a.value * b.value)
      error += abs(a.value) * b.error + abs(b.value) * a.error
    }
    return Bounded(
      factor * value, error: abs(factor) * (error + 2 * Double(count + 2) * magnitude))
  }

  /// What the pullback of one example needs.
  struct Tape {
    var inputs: [Series] = []
    var slopes: [Series] = []
  }

  /// f_0…f_k at one example.
  func expand(_ x: [Double], tape: inout Tape) -> Series {
    let zero = [Bounded](repeating: Bounded(0), count: x.count)
    var y: Series = [x.map { Bounded($0, error: abs($0)) }]
    while y.count <= order { y.append(zero) }
    tape = Tape()
    for layer in layers {
      tape.inputs.append(y)
      var value: Series = []
      var slope: Series = []
      for o in 0..<layer.outputs {
        var u = (0...order).map { n in preactivation(layer, y, n, o) }
        if let bias = layer.bias {
          let factor = Bounded(layer.factors.bias, error: layer.factors.bias)
          u[0] = u[0] + factor * center[bias.offset + o]
          if let displacement, order > 0 { u[1] = u[1] + factor * displacement[bias.offset + o] }
        }
        let (phi, prime) = layer.activation.series(of: u, degree: order, type: .float32)
        value.append(phi)
        slope.append(prime)
      }
      y = Self.transposed(value, order)
      tape.slopes.append(Self.transposed(slope, order))
    }
    return y
  }

  /// [feature][coefficient] to [coefficient][feature].
  private static func transposed(_ x: [[Bounded]], _ order: Int) -> Series {
    (0...order).map { n in x.map { $0[n] } }
  }

  /// c (W0 y_n + Δ y_{n−1}), row o.
  private func preactivation(_ layer: Layer, _ y: Series, _ n: Int, _ o: Int) -> Bounded {
    let row = layer.weight.offset + o * layer.inputs
    let terms = (0..<layer.inputs).map { (center[row + $0], y[n][$0]) }
    let first = Self.sum(terms, factor: layer.factors.weight, count: layer.inputs)
    guard let displacement, n > 0 else { return first }
    let moved = (0..<layer.inputs).map { (displacement[row + $0], y[n - 1][$0]) }
    return first + Self.sum(moved, factor: layer.factors.weight, count: layer.inputs)
  }

  /// The gradient for every example's tape and cotangents, which are ȳ_1 … ȳ_k (ȳ_0 for order 0).
  func pullback(_ tapes: [Tape], _ cotangents: [Series]) -> [Bounded] {
    var gradient = [Bounded](repeating: Bounded(0), count: center.count)
    var cotangents = cotangents
    let count = max(1, order)
    for (index, layer) in layers.enumerated().reversed() {
      // z̄_i = Σ_{j ≥ i} s_{j−i} ȳ_j
      for (example, tape) in tapes.enumerated() {
        let (s, y) = (tape.slopes[index], cotangents[example])
        cotangents[example] = (0..<count).map { i in
          (0..<layer.outputs).map { o in
            (i..<count).reduce(Bounded(0)) { .fma(s[$1 - i][o], y[$1][o], $0) }
          }
        }
      }
      let terms = count * tapes.count
      for o in 0..<layer.outputs {
        for i in 0..<layer.inputs {
          let products = tapes.indices.flatMap { example in
            (0..<count).map { (cotangents[example][$0][o], tapes[example].inputs[index][$0][i]) }
          }
          gradient[layer.weight.offset + o * layer.inputs + i] = Self.sum(
            products, factor: layer.factors.weight, count: terms)
        }
        if let bias = layer.bias {
          gradient[bias.offset + o] = Self.sum(
            tapes.indices.map { (cotangents[$0][0][o], Bounded(1)) }, factor: layer.factors.bias,
            count: terms)
        }
      }
      for example in tapes.indices where index > 0 {
        let z = cotangents[example]
        cotangents[example] = (0..<count).map { i in
          (0..<layer.inputs).map { column in
            pulled(layer, z, i, column, count)
          }
        }
      }
    }
    return gradient
  }

  /// c (W0ᵀ z̄_i + Δᵀ z̄_{i+1}), entry `column`.
  private func pulled(
    _ layer: Layer, _ z: Series, _ i: Int, _ column: Int, _ count: Int
  ) -> Bounded {
    func place(_ o: Int) -> Int { layer.weight.offset + o * layer.inputs + column }
    let terms = (0..<layer.outputs).map { (center[place($0)], z[i][$0]) }
    let first = Self.sum(terms, factor: layer.factors.weight, count: layer.outputs)
    guard let displacement, i + 1 < count else { return first }
    let moved = (0..<layer.outputs).map { (displacement[place($0)], z[i + 1][$0]) }
    return first + Self.sum(moved, factor: layer.factors.weight, count: layer.outputs)
  }
}
