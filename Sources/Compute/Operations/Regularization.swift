import Kernels

/// g ← clip·g + λθ in place, θ = fl(center + state); or, decoupled, state ← state − ηλθ.
public struct Regularization: PortableOperation {
  public enum Target {
    /// The gradient; `clip` is a 1×1 factor.
    case gradient(Matrix, clip: Matrix?, decay: Double)
    /// The state itself, by `rate` = −ηλ.
    case state(rate: Double)
  }

  public var target: Target
  public var state: Matrix
  public var center: Matrix?

  public init(_ target: Target, state: Matrix, center: Matrix?) {
    self.target = target
    self.state = state
    self.center = center
  }

  public var name: String { "regularization" }
  public var cost: Cost {
    Cost(flops: 4 * Double(state.count), bytes: 4 * Double(state.count * state.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&center, .read, body)
    switch target {
    case .gradient(var gradient, var clip, let decay):
      try visit(&state, .read, body)
      try visit(&clip, .read, body)
      try visit(&gradient, .readWrite, body)
      target = .gradient(gradient, clip: clip, decay: decay)
    case .state:
      try visit(&state, .readWrite, body)
    }
  }

  public func define() {
    let type = state.type
    for i in 0..<state.count {
      var parameter = state.flat.exact(0, i)
      if let center { parameter = center.flat.exact(0, i) + parameter }
      switch target {
      case .gradient(let gradient, let clip, let decay):
        let scaled = gradient.flat.exact(0, i) * Bounded(clip?[0, 0].value ?? 1)
        gradient.flat[0, i] = .fma(Bounded(type.round(decay)), parameter, scaled)
      case .state(let rate):
        state.flat[0, i] = state.flat.exact(0, i) + Bounded(type.round(rate)) * parameter
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    var parameters = RegularizeParameters(factor: 0, hasClip: 0, hasCenter: center == nil ? 0 : 1)
    switch target {
    case .gradient(let gradient, let clip, let decay):
      parameters.factor = state.type.encode(decay)
      parameters.hasClip = clip == nil ? 0 : 1
      return [
        Launch(
          "regularize", source: "optimizer_update", type: state.type, .items(state.count),
          [gradient, state, center ?? state, clip ?? state], parameters)
      ]
    case .state(let rate):
      parameters.factor = state.type.encode(rate)
      return [
        Launch(
          "decay_state", source: "optimizer_update", type: state.type, .items(state.count),
          [state, center ?? state], parameters)
      ]
    }
  }
}
