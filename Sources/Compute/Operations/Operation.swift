/// What a backend can do, as values. Each case's type states formula, shapes and definition.
public enum Operation {
  case contraction(Contraction)
  case jetContraction(JetContraction)
  case jetComposition(JetComposition)
  case jetProduct(JetProduct)
  case blockCombination(BlockCombination)
  case rayWeights(RayWeights)
  case pooling(Pooling)
  case layerNorm(LayerNorm)
  case layerAffine(LayerAffine)
  case columnProducts(ColumnProducts)
  case dropout(Dropout)
  case linearCombination(LinearCombination)
  case fill(Fill)
  case reduction(Reduction)
  case columnSums(ColumnSums)
  case gather(Gather)
  case matrixCopy(MatrixCopy)
  case unfold(Unfold)
  case fold(Fold)
  case transposition(Transposition)
  case imageGather(ImageGather)
  case loss(Loss)
  case softmaxCurvature(SoftmaxCurvature)
  case optimizerUpdate(OptimizerUpdate)
  case rowScaling(RowScaling)
  case rowSquares(RowSquares)
  case rowPenalty(RowPenalty)
  case randomFill(RandomFill)
  case directionScale(DirectionScale)
  case gradientClipping(GradientClipping)
  case dualActivation(DualActivation)
  case dualSeries(DualSeries)
  case windowSum(WindowSum)
  case imageGram(ImageGram)
  case extraction(Extraction)
  case projection(Projection)
  case projectionResidual(ProjectionResidual)

  /// The payload.
  public var content: any OperationContent {
    switch self {
    case .contraction(let content): content
    case .jetContraction(let content): content
    case .jetComposition(let content): content
    case .jetProduct(let content): content
    case .blockCombination(let content): content
    case .rayWeights(let content): content
    case .pooling(let content): content
    case .layerNorm(let content): content
    case .layerAffine(let content): content
    case .columnProducts(let content): content
    case .dropout(let content): content
    case .linearCombination(let content): content
    case .fill(let content): content
    case .reduction(let content): content
    case .columnSums(let content): content
    case .gather(let content): content
    case .matrixCopy(let content): content
    case .unfold(let content): content
    case .fold(let content): content
    case .transposition(let content): content
    case .imageGather(let content): content
    case .loss(let content): content
    case .softmaxCurvature(let content): content
    case .optimizerUpdate(let content): content
    case .rowScaling(let content): content
    case .rowSquares(let content): content
    case .rowPenalty(let content): content
    case .randomFill(let content): content
    case .directionScale(let content): content
    case .gradientClipping(let content): content
    case .dualActivation(let content): content
    case .dualSeries(let content): content
    case .windowSum(let content): content
    case .imageGram(let content): content
    case .extraction(let content): content
    case .projection(let content): content
    case .projectionResidual(let content): content
    }
  }

  public var name: String { content.name }
  /// Without the detour over `content`: it is asked before every operation.
  public var cost: Cost {
    switch self {
    case .contraction(let content): content.cost
    case .jetContraction(let content): content.cost
    case .jetComposition(let content): content.cost
    case .jetProduct(let content): content.cost
    case .blockCombination(let content): content.cost
    case .rayWeights(let content): content.cost
    case .pooling(let content): content.cost
    case .layerNorm(let content): content.cost
    case .layerAffine(let content): content.cost
    case .columnProducts(let content): content.cost
    case .dropout(let content): content.cost
    case .linearCombination(let content): content.cost
    case .fill(let content): content.cost
    case .reduction(let content): content.cost
    case .columnSums(let content): content.cost
    case .gather(let content): content.cost
    case .matrixCopy(let content): content.cost
    case .unfold(let content): content.cost
    case .fold(let content): content.cost
    case .transposition(let content): content.cost
    case .imageGather(let content): content.cost
    case .loss(let content): content.cost
    case .softmaxCurvature(let content): content.cost
    case .optimizerUpdate(let content): content.cost
    case .rowScaling(let content): content.cost
    case .rowSquares(let content): content.cost
    case .rowPenalty(let content): content.cost
    case .randomFill(let content): content.cost
    case .directionScale(let content): content.cost
    case .gradientClipping(let content): content.cost
    case .dualActivation(let content): content.cost
    case .dualSeries(let content): content.cost
    case .windowSum(let content): content.cost
    case .imageGram(let content): content.cost
    case .extraction(let content): content.cost
    case .projection(let content): content.cost
    case .projectionResidual(let content): content.cost
    }
  }
  func define() { content.define() }

  /// Shows every matrix with how it is used; `body` may put another buffer's matrix in its place.
  public mutating func visitOperands(_ body: (inout Matrix, Access) throws -> Void) rethrows {
    func visit<Content: OperationContent>(
      _ content: Content, _ wrap: (Content) -> Operation
    ) throws {
      var content = content
      try content.visitOperands(body)
      self = wrap(content)
    }
    switch self {
    case .contraction(let content): try visit(content, Self.contraction)
    case .jetContraction(let content): try visit(content, Self.jetContraction)
    case .jetComposition(let content): try visit(content, Self.jetComposition)
    case .jetProduct(let content): try visit(content, Self.jetProduct)
    case .blockCombination(let content): try visit(content, Self.blockCombination)
    case .rayWeights(let content): try visit(content, Self.rayWeights)
    case .pooling(let content): try visit(content, Self.pooling)
    case .layerNorm(let content): try visit(content, Self.layerNorm)
    case .layerAffine(let content): try visit(content, Self.layerAffine)
    case .columnProducts(let content): try visit(content, Self.columnProducts)
    case .dropout(let content): try visit(content, Self.dropout)
    case .linearCombination(let content): try visit(content, Self.linearCombination)
    case .fill(let content): try visit(content, Self.fill)
    case .reduction(let content): try visit(content, Self.reduction)
    case .columnSums(let content): try visit(content, Self.columnSums)
    case .gather(let content): try visit(content, Self.gather)
    case .matrixCopy(let content): try visit(content, Self.matrixCopy)
    case .unfold(let content): try visit(content, Self.unfold)
    case .fold(let content): try visit(content, Self.fold)
    case .transposition(let content): try visit(content, Self.transposition)
    case .imageGather(let content): try visit(content, Self.imageGather)
    case .loss(let content): try visit(content, Self.loss)
    case .softmaxCurvature(let content): try visit(content, Self.softmaxCurvature)
    case .optimizerUpdate(let content): try visit(content, Self.optimizerUpdate)
    case .rowScaling(let content): try visit(content, Self.rowScaling)
    case .rowSquares(let content): try visit(content, Self.rowSquares)
    case .rowPenalty(let content): try visit(content, Self.rowPenalty)
    case .randomFill(let content): try visit(content, Self.randomFill)
    case .directionScale(let content): try visit(content, Self.directionScale)
    case .gradientClipping(let content): try visit(content, Self.gradientClipping)
    case .dualActivation(let content): try visit(content, Self.dualActivation)
    case .dualSeries(let content): try visit(content, Self.dualSeries)
    case .windowSum(let content): try visit(content, Self.windowSum)
    case .imageGram(let content): try visit(content, Self.imageGram)
    case .extraction(let content): try visit(content, Self.extraction)
    case .projection(let content): try visit(content, Self.projection)
    case .projectionResidual(let content): try visit(content, Self.projectionResidual)
    }
  }
}

/// What every operation states about itself.
public protocol OperationContent {
  /// Its basename in every room of the package.
  var name: String { get }
  var cost: Cost { get }
  /// The definition, on matrices of the reference backend.
  func define()
  /// Shows every matrix with how it is used; `body` may put another buffer's matrix in its place.
  mutating func visitOperands(_ body: (inout Matrix, Access) throws -> Void) rethrows
}

/// An operation made of portable kernel functions only: one lowering for device and host.
public protocol PortableOperation: OperationContent {
  /// The launches, in order; `workspace` gives memory that lives until they are enqueued.
  func launches(workspace: (_ count: Int, ScalarType) throws -> Buffer) throws -> [Launch]
}
