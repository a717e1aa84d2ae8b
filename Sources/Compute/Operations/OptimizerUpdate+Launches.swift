import Kernels

extension OptimizerUpdate {
  /// Elements of a launch row where nothing else asks for a length.
  private static let row = 4096

  private func encoded() -> UpdateParameters {
    let type = state.type
    var parameters = UpdateParameters()
    parameters.count = state.count
    parameters.rate = type.encode(-learningRate)
    switch rule {
    case .sgd: break
    case .momentum(_, let momentum):
      parameters.rule = 1
      parameters.beta1 = type.encode(momentum)
    case .adam(_, _, let beta1, let beta2, let epsilon, let step):
      parameters.rule = 2
      parameters.beta1 = type.encode(beta1)
      parameters.beta2 = type.encode(beta2)
      parameters.complement1 = type.encode(1 - beta1)
      parameters.complement2 = type.encode(1 - beta2)
      parameters.correction1 = type.encode(1 - HostMath.power(beta1, step))
      parameters.correction2 = type.encode(1 - HostMath.power(beta2, step))
      parameters.epsilon = type.encode(epsilon)
    }
    switch decay {
    case nil: break
    case .gradient(let decay):
      parameters.decays = 1
      parameters.decay = type.encode(decay)
    case .state(let rate):
      parameters.decays = 2
      parameters.decay = type.encode(rate)
    }
    parameters.hasClip = clip == nil ? 0 : 1
    parameters.hasNoise = noise == nil ? 0 : 1
    parameters.hasCenter = center == nil || decay == nil && self.parameters == nil ? 0 : 1
    parameters.hasParameters = self.parameters == nil ? 0 : 1
    parameters.hasSigns = signs == nil ? 0 : 1
    parameters.hasSquares = squares == nil ? 0 : 1
    return parameters
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let type = state.type
    var parameters = encoded()
    parameters.block = max(1, signs == nil ? min(Self.row, state.count) : columns)
    let reduction = squares.map { Reduction(.sumOfSquares, of: state, into: $0) }
    let partial = try reduction?.firstPartial(workspace)
    if partial != nil { parameters.block = Int(MACLAURIN_REDUCTION_BLOCK) }
    // What is absent is not touched.
    let (first, second): (Matrix?, Matrix?) =
      switch rule {
      case .sgd: (nil, nil)
      case .momentum(let velocity, _): (velocity, nil)
      case .adam(let first, let second, _, _, _, _): (first, second)
      }
    let arguments = [
      state, first ?? state, second ?? state, self.parameters ?? state, partial ?? state, gradient,
      center ?? gradient, clip ?? gradient, noise ?? gradient, signs?.now ?? gradient,
      signs?.next ?? gradient,
    ]
    let rows = (state.count + parameters.block - 1) / parameters.block
    let launch = Launch(
      "update", source: "optimizer_update",
      defines: [
        ("RULE", parameters.rule), ("SIGNS", parameters.hasSigns),
        ("SUM", parameters.hasParameters), ("SQUARES", parameters.hasSquares),
      ], type: type,
      .grid(
        rows: rows,
        columns: partial == nil ? parameters.block : Int(MACLAURIN_REDUCTION_LANES)),
      arguments, parameters, work: state.count)
    guard let reduction, let partial else { return [launch] }
    return try [launch] + reduction.launches(from: partial, workspace: workspace)
  }
}
