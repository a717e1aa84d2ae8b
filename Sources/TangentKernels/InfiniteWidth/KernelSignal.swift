import Compute
import Networks

/// What a layer's output is when all widths go to infinity.
struct KernelSignal {
  enum Content: Equatable {
    /// Numbers from the user, or means of them.
    case input
    /// Gaussian variables of mean 0, independent between channels, whose covariances at a pair of
    /// positions are those of K.
    case gaussian
    /// Anything else, with the layer that made it so: only its second moments are known, which is
    /// enough for affine layers and for pooling.
    case other(String)
  }

  /// The base width; of vectors that were images their features.
  var channels: Int
  var grid: KernelGrid
  /// Whether a layer that needs images must not come. Positions stay apart until the next dense
  /// layer, because an activation in between sees each one's own variance.
  var isFlat: Bool
  var content: Content
  /// Whether K has zero covariance with everything that does not depend on weights drawn since the
  /// last fork: an affine layer came, and nothing but linear layers and normalization behind it.
  var isFresh = false
  /// Whether no activation came since the last fork or affine layer.
  var isOdd = true

  var extent: ConvolutionGeometry.Extent { .init(grid.height, grid.width) }
}

/// What comes behind a point of a network.
struct KernelNeeds {
  /// A layer that averages over positions: until the last one all pairs of positions are needed.
  var hasPool = false
  /// A layer that needs variances.
  var hasFunction = false
  /// A layer that averages with one behind it that needs variances.
  var hasPoolBeforeFunction = false

  /// - Parameter after: what comes behind the last layer.
  init(_ layers: some BidirectionalCollection<LayerDescription>, after: KernelNeeds) {
    self = after
    for layer in layers.reversed() {
      switch layer {
      case .avgPool, .globalAvgPool, .maxPool:
        hasPool = true
        hasPoolBeforeFunction = hasFunction
      case .activation(.identity): break
      case .activation, .layerNorm: hasFunction = true
      case .residual(let residual):
        let main = KernelNeeds(residual.main, after: self)
        let shortcut = KernelNeeds(residual.shortcut, after: self)
        hasPool = main.hasPool || shortcut.hasPool
        hasFunction = main.hasFunction || shortcut.hasFunction
        hasPoolBeforeFunction = main.hasPoolBeforeFunction || shortcut.hasPoolBeforeFunction
      case .dense, .conv, .flatten, .batchNorm, .dropout: break
      }
    }
  }

  init() {}
}
