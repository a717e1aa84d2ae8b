import Compute
import Jets

/// Hands what gradients are made of on to another sink, each tensor's times a number of its own.
package struct ScaledGradients: GradientSink {
  /// r_t
  let scales: [Double]
  let sink: any GradientSink

  package init(_ scales: [Double], _ sink: any GradientSink) {
    self.scales = scales
    self.sink = sink
  }

  package func take(_ gradient: AffineGradient) throws {
    var scaled = gradient
    if let weight = gradient.weight { scaled.factors.weight *= scales[weight] }
    if let bias = gradient.bias { scaled.factors.bias *= scales[bias] }
    try sink.take(scaled)
  }

  package func take(_ gradient: NormalizationGradient) throws {
    if let gain = gradient.gain {
      var scaled = gradient
      scaled.bias = nil
      scaled.factor *= scales[gain]
      try sink.take(scaled)
    }
    if let bias = gradient.bias {
      var scaled = gradient
      scaled.gain = nil
      scaled.factor *= scales[bias]
      try sink.take(scaled)
    }
  }
}
