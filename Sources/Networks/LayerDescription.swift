import Compute

/// One entry of a network file's "layers".
public indirect enum LayerDescription: Sendable, Equatable {
  case dense(Dense)
  case conv(Convolution)
  case activation(Activation)
  case avgPool(Pool)
  case maxPool(Pool)
  case globalAvgPool
  case flatten
  case layerNorm(LayerNorm)
  case batchNorm(BatchNorm)
  case residual(Residual)
  case dropout(rate: Double)

  public typealias Extent = ConvolutionGeometry.Extent

  /// {"dense": {units, weight_std, bias_std, bias}} and the members of `LayerScales`.
  public struct Dense: Sendable, Equatable {
    /// The base width N.
    public var units: Int
    public var weightStd: Double
    public var biasStd: Double
    public var hasBias: Bool
    public var scales: LayerScales

    public init(
      units: Int, weightStd: Double = 1, biasStd: Double = 0, hasBias: Bool = true,
      scales: LayerScales = LayerScales()
    ) {
      self.units = units
      self.weightStd = weightStd
      self.biasStd = biasStd
      self.hasBias = hasBias
      self.scales = scales
    }
  }

  /// {"conv": {channels, kernel, stride, padding, groups, weight_std, bias_std, bias}} and the members
  /// of `LayerScales`.
  public struct Convolution: Sendable, Equatable {
    /// The base width N.
    public var channels: Int
    public var kernel: Extent
    public var stride: Extent
    public var padding: Padding
    /// Outputs and inputs in so many parts that know nothing of one another.
    public var groups: Int
    public var weightStd: Double
    public var biasStd: Double
    public var hasBias: Bool
    public var scales: LayerScales

    public init(
      channels: Int, kernel: Extent, stride: Extent = Extent(1, 1), padding: Padding = .valid,
      groups: Int = 1, weightStd: Double = 1, biasStd: Double = 0, hasBias: Bool = true,
      scales: LayerScales = LayerScales()
    ) {
      self.groups = groups
      self.channels = channels
      self.kernel = kernel
      self.stride = stride
      self.padding = padding
      self.weightStd = weightStd
      self.biasStd = biasStd
      self.hasBias = hasBias
      self.scales = scales
    }
  }

  /// Zeros around an image.
  public enum Padding: Sendable, Equatable {
    case valid
    /// Output ⌈n/s⌉, the odd row and column at the bottom and right (TensorFlow's).
    case same
    case explicit(top: Int, left: Int, bottom: Int, right: Int)
  }

  /// {"avg_pool": {window, stride}} or {"max_pool": {window, stride, padding}}; the stride is the
  /// window's extent unless it is given. Maxima do not look at the padding.
  public struct Pool: Sendable, Equatable {
    public var window: Extent
    public var stride: Extent
    /// `valid` for averages.
    public var padding: Padding

    public init(window: Extent, stride: Extent? = nil, padding: Padding = .valid) {
      self.window = window
      self.stride = stride ?? window
      self.padding = padding
    }
  }

  /// {"layer_norm": {epsilon, affine, learning_rate, bias_learning_rate}}: over the features, of images over each position's channels.
  public struct LayerNorm: Sendable, Equatable {
    public var epsilon: Double
    /// Whether a trained factor and a trained addend for each feature follow.
    public var isAffine: Bool
    /// Without multipliers.
    public var scales: LayerScales

    public init(
      epsilon: Double = 1e-5, isAffine: Bool = false, scales: LayerScales = LayerScales()
    ) {
      self.epsilon = epsilon
      self.isAffine = isAffine
      self.scales = scales
    }
  }

  /// {"batch_norm": {epsilon, affine, learning_rate, bias_learning_rate}}: with the statistics that are
  /// stored beside the parameters, channel by channel.
  public struct BatchNorm: Sendable, Equatable {
    public var epsilon: Double
    /// Whether a trained factor and a trained addend for each channel follow.
    public var isAffine: Bool
    /// Without multipliers.
    public var scales: LayerScales

    public init(
      epsilon: Double = 1e-5, isAffine: Bool = true, scales: LayerScales = LayerScales()
    ) {
      self.epsilon = epsilon
      self.isAffine = isAffine
      self.scales = scales
    }
  }

  /// {"residual": {main, shortcut, scale}}: shortcut(x) + scale·main(x).
  public struct Residual: Sendable, Equatable {
    public var main: [LayerDescription]
    /// Empty: the identity.
    public var shortcut: [LayerDescription]
    public var scale: Double

    public init(
      main: [LayerDescription], shortcut: [LayerDescription] = [], scale: Double = 1
    ) {
      self.main = main
      self.shortcut = shortcut
      self.scale = scale
    }
  }

  /// The layer's name in network files and messages.
  public var name: String {
    switch self {
    case .dense: "dense"
    case .conv: "conv"
    case .activation(let activation): activation.rawValue
    case .avgPool: "avg_pool"
    case .maxPool: "max_pool"
    case .globalAvgPool: "global_avg_pool"
    case .flatten: "flatten"
    case .layerNorm: "layer_norm"
    case .batchNorm: "batch_norm"
    case .residual: "residual"
    case .dropout: "dropout"
    }
  }

  static let known =
    "dense, conv, avg_pool, global_avg_pool, max_pool, flatten, layer_norm, batch_norm, residual, "
    + "dropout, "
    + Activation.allCases.map(\.rawValue).joined(separator: ", ") + ", silu (swish)"
}
