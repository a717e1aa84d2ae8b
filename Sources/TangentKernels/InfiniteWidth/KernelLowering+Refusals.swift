import Compute
import Networks

/// What has no kernel at infinite width, in sentences.
extension KernelLowering {
  /// A sentence with the way out that is always open.
  static func refusal(_ text: String) -> NetworkError {
    NetworkError("\(text), or compute the kernel of the finite network with --width finite")
  }

  /// - Throws: for what holds of the network as a whole.
  static func check(_ description: NetworkDescription, _ kind: KernelKind) throws {
    switch description.parameterization {
    case .standard, .improvedStandard, .ntk: break
    case .taylor:
      throw refusal(
        "the infinitely wide network has no kernel in the parameterization taylor; take standard, "
          + "improved_standard or ntk")
    case .mup(let base):
      throw refusal(
        "the infinitely wide network has no kernel in the parameterization mup; take standard with "
          + "the base width \(base) in every hidden layer, which has the same tangent kernel")
    }
    guard description.initialization == .lecun else {
      throw refusal(
        "the infinitely wide network has no kernel with initialization "
          + "\(description.initialization.rawValue); take lecun with each layer's weight_std")
    }
    guard kind == .ntk || !description.isSymmetric else {
      throw NetworkError(
        "a symmetric network starts at 0, so its outputs have no covariance; take --kind ntk, or "
          + "remove \"symmetric\"")
    }
    // Shapes, in the sentences of networks that are built.
    var finite = description
    finite.parameterization = .standard
    _ = try Network(finite)
  }

  func requireGaussian(_ signal: KernelSignal, _ place: String, _ what: String) throws {
    switch signal.content {
    case .gaussian: break
    case .input:
      throw Self.refusal(
        "\(place) works on the inputs themselves, which are not Gaussian; put a dense layer or a "
          + "convolution in front of it")
    case .other(let maker):
      throw Self.refusal(
        "\(place) works on what \(maker) gives, which is not Gaussian, and \(what) needs that; put a "
          + "dense layer or a convolution between them")
    }
  }

  func requireNormalization(
    _ norm: LayerDescription.LayerNorm, _ signal: KernelSignal, _ place: String
  ) throws {
    guard !norm.isAffine || kind == .nngp else {
      throw Self.refusal(
        "\(place) trains its gain and bias, whose share of the tangent kernel is not known; set its "
          + "\"affine\" to false, take --kind nngp")
    }
    try requireGaussian(signal, place, "a normalization")
  }
}

extension KernelFunction {
  /// - Parameter degree: of series; nil for the activation's own.
  init(_ activation: Activation, degree: Int?) {
    func series(_ activation: SeriesActivation) -> KernelFunction {
      .series(activation, degree: degree ?? activation.standardDegree)
    }
    self =
      switch activation {
      case .identity: .closed(.identity)
      case .relu: .closed(.relu)
      case .leakyReLU: .closed(.leakyReLU)
      case .erf: .closed(.erf)
      case .gelu: .closed(.gelu)
      case .sin: .closed(.sin)
      case .cos: .closed(.cos)
      case .exp: .closed(.exp)
      case .quadratic: .closed(.quadratic)
      case .abs: .closed(.absolute)
      case .sign: .closed(.sign)
      case .gaussian: .closed(.gaussian)
      case .tanh: series(.tanh)
      case .sigmoid: series(.sigmoid)
      case .softplus: series(.softplus)
      case .swish: series(.swish)
      case .geluTanh: series(.geluTanh)
      }
  }
}
