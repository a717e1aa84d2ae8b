/// What a backend can do, as values. Each case's type states formula, shapes and definition.
public enum Operation {
  case contraction(Contraction)
  case jetContraction(JetContraction)
  case jetComposition(JetComposition)
  case jetProduct(JetProduct)
  case linearCombination(LinearCombination)
  case fill(Fill)
  case reduction(Reduction)
  case columnSums(ColumnSums)
  case gather(Gather)
  case loss(Loss)
  case regularization(Regularization)
  case optimizerUpdate(OptimizerUpdate)
  case randomFill(RandomFill)
  case directionScale(DirectionScale)
  case gradientClipping(GradientClipping)

  /// The payload.
  public var content: any OperationContent {
    switch self {
    case .contraction(let content): content
    case .jetContraction(let content): content
    case .jetComposition(let content): content
    case .jetProduct(let content): content
    case .linearCombination(let content): content
    case .fill(let content): content
    case .reduction(let content): content
    case .columnSums(let content): content
    case .gather(let content): content
    case .loss(let content): content
    case .regularization(let content): content
    case .optimizerUpdate(let content): content
    case .randomFill(let content): content
    case .directionScale(let content): content
    case .gradientClipping(let content): content
    }
  }

  public var name: String { content.name }
  public var cost: Cost { content.cost }
  func define() { content.define() }
}

/// What every operation states about itself.
public protocol OperationContent {
  /// Its basename in every room of the package.
  var name: String { get }
  var cost: Cost { get }
  /// The definition, on matrices of the reference backend.
  func define()
}

/// An operation made of portable kernel functions only: one lowering for device and host.
public protocol PortableOperation: OperationContent {
  /// The launches, in order; `workspace` gives memory that lives until they are enqueued.
  func launches(workspace: (_ count: Int, ScalarType) throws -> Buffer) throws -> [Launch]
}
