import Compute
import Glibc
import Networks

/// K and Θ of a small network at infinite width by plain loops over all pairs of examples and of
/// positions: the recurrences as they are written down, and nothing shared with the package.
struct PlainKernel {
  let count: Int
  var channels: Int
  var height: Int
  var width: Int
  var isFlat: Bool
  /// [i, j, p, q]
  var k: [Double]
  var t: [Double]
  let isTangent: Bool

  var positions: Int { height * width }
  func at(_ i: Int, _ j: Int, _ p: Int, _ q: Int) -> Int {
    ((i * count + j) * positions + p) * positions + q
  }

  /// - Parameter x: [examples, features], channels first.
  init(_ description: NetworkDescription, _ x: [Double]) {
    let input = description.input
    let features = input.reduce(1, *)
    count = x.count / features
    isTangent = description.parameterization == .ntk
    (channels, height, width) = input.count == 3 ? (input[0], input[1], input[2]) : (features, 1, 1)
    isFlat = input.count == 1
    k = []
    let (count, channels, area) = (count, channels, height * width)
    for i in 0..<count {
      for j in 0..<count {
        for p in 0..<area {
          for q in 0..<area {
            var sum = 0.0
            for c in 0..<channels {
              sum += x[i * features + c * area + p] * x[j * features + c * area + q]
            }
            k.append(sum / Double(channels))
          }
        }
      }
    }
    t = k.map { _ in 0 }
    for layer in description.layers { apply(layer) }
    // Outputs of all positions count alike.
    flatten()
  }

  private mutating func apply(_ layer: LayerDescription) {
    switch layer {
    case .dense(let dense):
      flatten()
      affine(dense.weightStd, dense.biasStd, dense.hasBias, fanIn: channels)
      channels = dense.units
    case .conv(let conv): convolve(conv)
    case .activation(let activation):
      elementwise { c, a, b in plainDual(activation, c, a, b) }
    case .avgPool(let pool):
      pool2(pool.window.height, pool.window.width, pool.stride.height, pool.stride.width)
    case .globalAvgPool: pool2(height, width, 1, 1)
    case .flatten: isFlat = true
    case .layerNorm(let norm):
      if isFlat { flatten() }
      elementwise { c, a, b in
        let root = ((a + norm.epsilon) * (b + norm.epsilon)).squareRoot()
        return (c / root, 1 / root)
      }
    case .residual(let residual):
      var main = self
      for layer in residual.main { main.apply(layer) }
      for layer in residual.shortcut { apply(layer) }
      let square = residual.scale * residual.scale
      for index in k.indices {
        k[index] += square * main.k[index]
        t[index] += square * main.t[index]
      }
    case .dropout(let rate): precondition(rate == 0, "no kernel")
    case .maxPool, .batchNorm: fatalError("no kernel")
    }
  }

  private mutating func affine(_ w: Double, _ b: Double, _ hasBias: Bool, fanIn: Int) {
    for index in k.indices {
      let bias = hasBias ? b * b : 0
      let next = w * w * k[index] + bias
      t[index] =
        isTangent
        ? next + w * w * t[index]
        : Double(fanIn) * k[index] + w * w * t[index] + (hasBias ? 1 : 0)
      k[index] = next
    }
  }

  private mutating func flatten() {
    let area = positions
    func mean(_ x: [Double]) -> [Double] {
      (0..<count * count).map { pair in
        (0..<area).reduce(0) { $0 + x[(pair * area + $1) * area + $1] } / Double(area)
      }
    }
    (k, t) = (mean(k), mean(t))
    channels *= area
    (height, width, isFlat) = (1, 1, true)
  }

  private mutating func elementwise(_ dual: (Double, Double, Double) -> (Double, Double)) {
    let old = k
    for i in 0..<count {
      for j in 0..<count {
        for p in 0..<positions {
          for q in 0..<positions {
            let index = at(i, j, p, q)
            let (value, slope) = dual(old[index], old[at(i, i, p, p)], old[at(j, j, q, q)])
            k[index] = value
            t[index] *= slope
          }
        }
      }
    }
  }

  /// Every output pair by a sum over places of the input, given by a list for each output position.
  private mutating func gather(
    _ newHeight: Int, _ newWidth: Int,
    _ sum: (_ y: Int, _ x: Int, _ v: Int, _ u: Int, (_ p: Int, _ q: Int) -> Double) -> Double
  ) {
    func moved(_ x: [Double]) -> [Double] {
      var result: [Double] = []
      for i in 0..<count {
        for j in 0..<count {
          for p in 0..<newHeight * newWidth {
            for q in 0..<newHeight * newWidth {
              result.append(
                sum(p / newWidth, p % newWidth, q / newWidth, q % newWidth) { x[at(i, j, $0, $1)] })
            }
          }
        }
      }
      return result
    }
    (k, t) = (moved(k), moved(t))
    (height, width) = (newHeight, newWidth)
  }

  private mutating func pool2(_ h: Int, _ w: Int, _ sy: Int, _ sx: Int) {
    let (old, area) = (width, Double(h * w))
    gather((height - h) / sy + 1, (width - w) / sx + 1) { y, x, v, u, value in
      var sum = 0.0
      for a in 0..<h * w {
        for b in 0..<h * w {
          sum += value(
            (y * sy + a / w) * old + x * sx + a % w, (v * sy + b / w) * old + u * sx + b % w)
        }
      }
      return sum / (area * area)
    }
  }

  private mutating func convolve(_ conv: LayerDescription.Convolution) {
    func along(_ n: Int, _ f: Int, _ s: Int, _ before: Int, _ behind: Int) -> (Int, Int) {
      switch conv.padding {
      case .valid: return ((n - f) / s + 1, 0)
      case .same:
        let out = Int((Double(n) / Double(s)).rounded(.up))
        return (out, max(0, (out - 1) * s + f - n) / 2)
      case .explicit: return ((n + before + behind - f) / s + 1, before)
      }
    }
    var (top, left, bottom, right) = (0, 0, 0, 0)
    if case .explicit(let a, let b, let c, let d) = conv.padding {
      (top, left, bottom, right) = (a, b, c, d)
    }
    let (f, s) = (conv.kernel, conv.stride)
    let (rows, up) = along(height, f.height, s.height, top, bottom)
    let (columns, aside) = along(width, f.width, s.width, left, right)
    let (h, w) = (height, width)
    gather(rows, columns) { y, x, v, u, value in
      var sum = 0.0
      for dy in 0..<f.height {
        for dx in 0..<f.width {
          let (py, px) = (y * s.height + dy - up, x * s.width + dx - aside)
          let (qy, qx) = (v * s.height + dy - up, u * s.width + dx - aside)
          guard (0..<h).contains(py), (0..<w).contains(px), (0..<h).contains(qy),
            (0..<w).contains(qx)
          else { continue }
          sum += value(py * w + px, qy * w + qx)
        }
      }
      return sum / Double(f.height * f.width)
    }
    affine(conv.weightStd, conv.biasStd, conv.hasBias, fanIn: channels * f.height * f.width)
    channels = conv.channels
  }
}

/// T and T′: arc-cosine and arc-sine forms, everything smooth by a sum over a fine grid of two normal
/// numbers.
func plainDual(
  _ activation: Activation, _ c: Double, _ a: Double, _ b: Double
) -> (Double, Double) {
  let root = (a * b).squareRoot()
  let angle = acos(max(-1, min(1, c / root)))
  let relu = (
    root / (2 * .pi) * (sin(angle) + (.pi - angle) * cos(angle)), (.pi - angle) / (2 * .pi)
  )
  switch activation {
  case .identity: return (c, 1)
  case .relu: return relu
  case .leakyReLU:
    // αz + (1 − α)·relu(z), E[u·relu(v)] = c/2.
    let (alpha, rest) = (0.01, 0.99)
    return (
      alpha * alpha * c + alpha * rest * c + rest * rest * relu.0,
      alpha * alpha + alpha * rest + rest * rest * relu.1
    )
  case .erf:
    let square = (1 + 2 * a) * (1 + 2 * b)
    return (
      2 / .pi * asin(2 * c / square.squareRoot()), 4 / .pi / (square - 4 * c * c).squareRoot()
    )
  default: return gridDual(activation, c, a, b)
  }
}

/// E[φ(u)φ(v)] and E[φ′(u)φ′(v)] by the trapezoidal rule in two dimensions, step 1/10 on [−9, 9].
func gridDual(
  _ activation: Activation, _ c: Double, _ a: Double, _ b: Double, step: Double = 0.1
) -> (Double, Double) {
  let along = c / a.squareRoot()
  let across = max(0, b - along * along).squareRoot()
  let most = Int(9 / step)
  var (value, slope) = (0.0, 0.0)
  for i in -most...most {
    let x = Double(i) * step
    let (phi, derivative) = plainActivation(activation, a.squareRoot() * x)
    for j in -most...most {
      let y = Double(j) * step
      let weight = exp(-(x * x + y * y) / 2) * step * step / (2 * .pi)
      let (other, otherDerivative) = plainActivation(activation, along * x + across * y)
      value += weight * phi * other
      slope += weight * derivative * otherDerivative
    }
  }
  return (value, slope)
}

/// φ(x) and φ′(x) of smooth activations.
func plainActivation(_ activation: Activation, _ x: Double) -> (Double, Double) {
  let s = 1 / (1 + exp(-x))
  switch activation.rawValue {
  case "identity": return (x, 1)
  case "tanh": return (tanh(x), 1 - tanh(x) * tanh(x))
  case "sigmoid": return (s, s * (1 - s))
  case "softplus": return (max(x, 0) + log1p(exp(-abs(x))), s)
  case "swish": return (x * s, s + x * s * (1 - s))
  case "gelu_tanh":
    let c = (2 / Double.pi).squareRoot()
    let t = tanh(c * (x + 0.044715 * x * x * x))
    return (
      0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
    )
  case "exp": return (exp(x), exp(x))
  case "erf": return (erf(x), 2 / Double.pi.squareRoot() * exp(-x * x))
  case "sin": return (sin(x), cos(x))
  case "cos": return (cos(x), -sin(x))
  case "gelu":
    let share = 0.5 * (1 + erf(x / 2.0.squareRoot()))
    return (x * share, share + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
  case "quadratic": return (x * x, 2 * x)
  case "gaussian": return (exp(-x * x), -2 * x * exp(-x * x))
  default: fatalError("not smooth: \(activation)")
  }
}
