import Compute
import Jets

extension Activation {
  /// What its expansion along a line can meet. Gates are frozen: piecewise linear ones are linear.
  public var analyticity: Analyticity {
    switch self {
    case .identity, .relu, .leakyReLU, .quadratic, .abs, .sign: .polynomial
    case .exp, .erf, .sin, .cos, .gelu, .gaussian: .entire
    case .tanh, .sigmoid, .swish, .geluTanh: .poles
    case .softplus: .branchPoints
    }
  }

  /// Whether the expansion freezes a gate, and so is not that of the function everywhere.
  public var isGated: Bool {
    switch self {
    case .relu, .leakyReLU, .abs, .sign: true
    default: false
    }
  }
}

extension Network {
  /// What t ↦ f(θ0 + tΔ; x) can meet in the complex plane: the worst of its layers. 1/√v of layer
  /// normalization has branch points where the variance vanishes.
  public var analyticity: Analyticity {
    description.layers.map(\.analyticity).max() ?? .polynomial
  }

  /// Whether its expansion freezes choices (relu, leaky_relu, abs, sign, max_pool): it then sums to the network
  /// with those of θ0, not to the network.
  public var hasGates: Bool { description.layers.contains(where: \.isGated) }
}

extension LayerDescription {
  var analyticity: Analyticity {
    switch self {
    case .activation(let activation): activation.analyticity
    case .layerNorm: .branchPoints
    case .residual(let block):
      (block.main + block.shortcut).map(\.analyticity).max() ?? .polynomial
    default: .polynomial
    }
  }

  var isGated: Bool {
    switch self {
    case .activation(let activation): activation.isGated
    case .maxPool: true
    case .residual(let block): (block.main + block.shortcut).contains(where: \.isGated)
    default: false
    }
  }
}
