import Compute
import Jets

/// φ(c_w·x(t) W(t)ᵀ + c_b·b(t)): a dense layer or a convolution with the activation behind it.
struct AffineLayer: Layer {
  /// Index of the weight; its bias, if there is one, is the next tensor.
  var weight: Int
  var hasBias: Bool
  var factors: Parameterization.Factors
  /// Nil for a dense layer.
  var geometry: ConvolutionGeometry?
  var activation = Activation.identity

  var tensors: Range<Int> { weight..<(weight + (hasBias ? 2 : 1)) }

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let algebra = pass.algebra
    var tensor = pass.tensor(weight)
    let degree = tensor.displacement == nil ? 0 : min(algebra.order, x.jet.degree + 1)
    let capacity = pass.keepsTape ? algebra.slopeDegree(activation, of: degree) : degree
    let z: Jet
    var product: JetContraction?
    if let geometry {
      tensor = try algebra.kernelPositionsFirst(
        tensor, geometry, directions: pass.parameters.directions)
      z = try algebra.convolve(
        x.jet, tensor, geometry, factor: factors.weight, capacity: capacity)
    } else {
      (z, product) = try contraction(x.jet, tensor, capacity: capacity, pass)
    }
    let bias = hasBias ? pass.tensor(weight + 1) : nil
    let composed = try algebra.compose(
      activation, z,
      bias: bias.map {
        JetComposition.Bias(
          center: $0.center, displacement: $0.displacement,
          displacementStride: $0.displacementStride, factor: factors.bias, scale: $0.scale)
      }, withSlope: pass.keepsTape && activation != .identity, behind: product)
    let output = Signal(jet: composed.value, isOwned: true)
    guard pass.keepsTape else { return (output, nil) }
    let (slope, zDegree) = (composed.slope, z.degree)
    return (
      output,
      { cotangent, isWanted, pass in
        let cotangent = try composeAdjoint(cotangent, slope, zDegree, pass)
        let goesOn = isWanted && pass.reaches(x.jet)
        // The input's cotangent is made of the parameters as they were on the way forward.
        var early: Signal?
        if goesOn, pass.sink.changesParameters, pass.wantsAny(tensors) {
          let kept = Signal(jet: x.jet, isOwned: false)
          early = Signal(jet: try adjoint(cotangent, tensor, over: kept, pass), isOwned: true)
        }
        if pass.wantsAny(tensors) {
          try pass.sink.take(
            AffineGradient(
              weight: pass.wanted(weight), bias: hasBias ? pass.wanted(weight + 1) : nil,
              factors: factors, geometry: geometry, cotangent: cotangent, input: x.jet))
        }
        guard goesOn else { return nil }
        if let early { return early }
        return Signal(jet: try adjoint(cotangent, tensor, over: x, pass), isOwned: true)
      }
    )
  }

  /// z = c_w·x(t) W(t)ᵀ of a dense layer, and what makes it, if it is still to run. Its coefficient 0
  /// comes from, or stays in, the pass's table of center products, where there is one.
  private func contraction(
    _ x: Jet, _ tensor: TensorJet, capacity: Int, _ pass: ForwardPass
  ) throws -> (Jet, JetContraction?) {
    let algebra = pass.algebra
    guard let products = pass.centerProducts, let table = products.tables[weight] else {
      let product = try algebra.contraction(
        x, tensor, factor: factors.weight, capacity: capacity)
      return (product.output, product)
    }
    switch products.use {
    case .recorded(let examples):
      precondition(
        algebra.order == 0 && !pass.keepsTape, "recorded at order 0, where z is left alone")
      let z = try algebra.contract(
        x, tensor, factor: factors.weight, capacity: 0, into: table.rows(examples))
      return (z, nil)
    case .gathered(let rows):
      precondition(algebra.order > 0, "an expansion's center")
      let product = try algebra.contraction(
        x, tensor, factor: factors.weight, capacity: capacity
      ) {
        try algebra.backend.run(.gather(Gather($0, from: table, rows: rows)))
      }
      return (product.output, product)
    }
  }

  private func composeAdjoint(
    _ cotangent: Signal, _ slope: Jet?, _ degree: Int, _ pass: BackwardPass
  ) throws -> Jet {
    guard let slope else { return cotangent.truncated(to: degree).jet }
    return try ActivationLayer.pull(cotangent, slope: slope, degree: degree, pass)
  }

  private func adjoint(
    _ cotangent: Jet, _ tensor: TensorJet, over x: Signal, _ pass: BackwardPass
  ) throws -> Jet {
    guard let geometry else {
      return try pass.algebra.contractAdjoint(
        cotangent, tensor, factor: factors.weight, over: x.jet, reuses: x.isOwned)
    }
    return try pass.algebra.convolveAdjoint(
      cotangent, tensor, geometry, factor: factors.weight, over: x.jet, reuses: x.isOwned)
  }
}
