import Compute
import Networks

/// Whether a layer has a kernel at infinite width.
public enum KernelSupport: Sendable, Equatable {
  case closedForm
  /// By a series of Hermite coefficients, with an error bound.
  case series
  /// With the sentence that says why and what to do.
  case refused(String)

  /// Lowers a network with the layer between two affine ones.
  init(_ layer: LayerDescription, _ kind: KernelKind) {
    let description = NetworkDescription(
      input: [2, 4, 4],
      layers: [.conv(.init(channels: 8, kernel: .init(1, 1))), layer, .dense(.init(units: 1))])
    do {
      self = try InfiniteWidthKernel(description, kind).hasSeries ? .series : .closedForm
    } catch let error as NetworkError {
      self = .refused(error.description)
    } catch {
      self = .refused("\(error)")
    }
  }
}

extension InfiniteWidthKernel {
  /// Whether a layer behind an affine one has a kernel of this kind, as found by trying.
  public static func support(of layer: LayerDescription, _ kind: KernelKind) -> KernelSupport {
    KernelSupport(layer, kind)
  }

  /// One of each layer that is no activation; residual with erf and a convolution.
  public static let layerExamples: [(name: String, layer: LayerDescription)] = [
    ("dense", .dense(.init(units: 8))),
    ("conv", .conv(.init(channels: 8, kernel: .init(3, 3), padding: .same))),
    (
      "conv with groups",
      .conv(.init(channels: 8, kernel: .init(3, 3), padding: .same, groups: 4))
    ),
    ("avg_pool", .avgPool(.init(window: .init(2, 2)))), ("global_avg_pool", .globalAvgPool),
    ("max_pool", .maxPool(.init(window: .init(2, 2)))), ("flatten", .flatten),
    ("layer_norm", .layerNorm(.init())),
    ("layer_norm with affine", .layerNorm(.init(isAffine: true))),
    ("batch_norm", .batchNorm(.init())),
    (
      "residual",
      .residual(.init(main: [.activation(.erf), .conv(.init(channels: 8, kernel: .init(1, 1)))]))
    ),
    ("dropout", .dropout(rate: 0.1)),
  ]
}
