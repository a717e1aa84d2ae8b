import Compute
import Networks

/// The kernels of a network whose hidden layers are infinitely wide: K (NNGP), the covariance of its
/// outputs at the start, and Θ (NTK), the tangent kernel that stays as it is in training.
///
/// Chains of dense layers, activations and flatten, in the parameterizations `standard`,
/// `improved_standard` and `ntk` (Sohl-Dickstein et al., arXiv 2001.07301). The input has
/// K = x xᵀ/d, Θ = 0, and with N a layer's base fan-in, m and m_b its multipliers:
///
///     dense:               K ← m²σw² K + m_b²σb²
///     dense, standard:     Θ ← m²(N·K + σw² Θ) + m_b²   (m_b² only with a bias; K from before)
///     dense, ntk:          Θ ← m²σw² (K + Θ) + m_b²σb²
///     activation:          K ← T, Θ ← T′·Θ              (`DualActivation`)
///
/// In `standard` the finite base widths N weigh the layers against one another, as in the limit of
/// arXiv 2001.07301, so Θ depends on them. Factors on learning rates are no part of Θ.
public struct InfiniteWidthKernel: Sendable {
  private enum Step {
    /// K ← k·K + k₀, Θ ← t·Θ + s·K + t₀.
    case affine(k: Double, k0: Double, t: Double, s: Double, t0: Double)
    case activation(DualActivation)
  }

  private var steps: [Step] = []
  let inputCount: Int

  /// Kernels between two sets of examples, [n1, n2], row-major.
  public struct Values: Sendable, Equatable {
    public var nngp: [Double]
    public var ntk: [Double]
  }

  /// - Throws: `NetworkError` for a layer or a parameterization whose kernel is not known.
  public init(_ description: NetworkDescription) throws {
    inputCount = description.input.reduce(1, *)
    let isTangent: Bool
    switch description.parameterization {
    case .standard, .improvedStandard: isTangent = false
    case .ntk: isTangent = true
    case .taylor, .mup:
      throw NetworkError(
        "the infinitely wide network has no kernel in the parameterization "
          + "\(description.parameterization.name); take standard, improved_standard or ntk")
    }
    guard description.initialization == .lecun else {
      throw NetworkError(
        "the infinitely wide network has no kernel with initialization "
          + "\(description.initialization.rawValue); take lecun")
    }
    var fanIn = inputCount
    for (index, layer) in description.layers.enumerated() {
      switch layer {
      case .dense(let dense):
        steps.append(Self.step(dense, fanIn: fanIn, isTangent: isTangent))
        fanIn = dense.units
      case .activation(let activation): steps.append(.activation(DualActivation(activation)))
      case .flatten: break
      default:
        throw NetworkError(
          "layer \(index) (\(layer.name)) has no kernel at infinite width here; known are dense, "
            + "flatten and activations")
      }
    }
  }

  private static func step(
    _ dense: LayerDescription.Dense, fanIn: Int, isTangent: Bool
  ) -> Step {
    let m = dense.scales.multiplier * dense.scales.multiplier
    let mb = dense.hasBias ? dense.scales.biasMultiplier * dense.scales.biasMultiplier : 0
    let (weight, bias) = (
      m * dense.weightStd * dense.weightStd, mb * dense.biasStd * dense.biasStd
    )
    return isTangent
      ? .affine(k: weight, k0: bias, t: weight, s: weight, t0: bias)
      : .affine(k: weight, k0: bias, t: weight, s: m * Double(fanIn), t0: mb)
  }

  /// K and Θ between the rows of `x1` and `x2`, both [n, inputs].
  public func callAsFunction(_ x1: [Double], _ x2: [Double]) -> Values {
    precondition(x1.count % inputCount == 0 && x2.count % inputCount == 0, "rows of inputs")
    let (n1, n2) = (x1.count / inputCount, x2.count / inputCount)
    let (a, b) = (variances(x1), variances(x2))
    var nngp = [Double](repeating: 0, count: n1 * n2)
    var ntk = nngp
    x1.withUnsafeBufferPointer { x1 in
      x2.withUnsafeBufferPointer { x2 in
        for i in 0..<n1 {
          for j in 0..<n2 {
            let (k, theta) = pair(Self.dot(x1, i, x2, j, inputCount), a[i], b[j])
            nngp[i * n2 + j] = k
            ntk[i * n2 + j] = theta
          }
        }
      }
    }
    return Values(nngp: nngp, ntk: ntk)
  }

  /// The same between the rows of `x`, half of which are mirrored.
  public func callAsFunction(_ x: [Double]) -> Values {
    precondition(x.count % inputCount == 0, "rows of inputs")
    let n = x.count / inputCount
    let a = variances(x)
    var nngp = [Double](repeating: 0, count: n * n)
    var ntk = nngp
    x.withUnsafeBufferPointer { x in
      for i in 0..<n {
        for j in 0...i {
          let (k, theta) = pair(Self.dot(x, i, x, j, inputCount), a[i], a[j])
          (nngp[i * n + j], nngp[j * n + i]) = (k, k)
          (ntk[i * n + j], ntk[j * n + i]) = (theta, theta)
        }
      }
    }
    return Values(nngp: nngp, ntk: ntk)
  }

  /// xᵀx′/d
  private static func dot(
    _ x: UnsafeBufferPointer<Double>, _ i: Int, _ y: UnsafeBufferPointer<Double>, _ j: Int,
    _ count: Int
  ) -> Double {
    var sum = 0.0
    for column in 0..<count { sum += x[i * count + column] * y[j * count + column] }
    return sum / Double(count)
  }

  /// The variances of every example's pre-activations, in front of each activation.
  private func variances(_ x: [Double]) -> [[Double]] {
    x.withUnsafeBufferPointer { x in
      (0..<x.count / inputCount).map { row in
        var k = Self.dot(x, row, x, row, inputCount)
        var found: [Double] = []
        for step in steps {
          switch step {
          case .affine(let factor, let addend, _, _, _): k = factor * k + addend
          case .activation(let dual):
            found.append(k)
            k = dual.dual(k, k, k).value
          }
        }
        return found
      }
    }
  }

  private func pair(_ c: Double, _ a: [Double], _ b: [Double]) -> (k: Double, theta: Double) {
    var (k, theta, depth) = (c, 0.0, 0)
    for step in steps {
      switch step {
      case .affine(let factor, let addend, let t, let s, let t0):
        theta = t * theta + s * k + t0
        k = factor * k + addend
      case .activation(let dual):
        let (value, slope) = dual.dual(k, a[depth], b[depth])
        theta *= slope
        k = value
        depth += 1
      }
    }
    return (k, theta)
  }
}
