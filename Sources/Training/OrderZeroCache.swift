import Compute
import Jets
import Networks

/// The tables of `CenterProducts` for a whole training set, beside its resident examples.
///
/// They belong to one center. When it moves they are no longer valid, and they are filled again
/// only where that pays: an expansion that is known to last must have `OrderZeroLayout.epochs`
/// epochs before it, and one whose end looks decide must have lasted for an epoch already (so that
/// filling never costs more than what was paid without it).
public final class OrderZeroCache {
  public let layout: OrderZeroLayout
  private let model: Model
  private let examples: ResidentExamples
  private let settings: TrainingSettings
  private var tables: [Int: Matrix] = [:]
  /// Re-expansions before the center that the tables belong to; nil: they hold nothing.
  private var filledAfter: Int?

  /// Examples of one pushforward that fills.
  private static let batchSize = 512

  /// Nil where nothing is kept. Takes no memory yet.
  public init?(
    _ model: Model, _ settings: TrainingSettings, _ examples: ResidentExamples,
    layout: OrderZeroLayout
  ) {
    guard !layout.layers.isEmpty else { return nil }
    self.model = model
    self.settings = settings
    self.examples = examples
    self.layout = layout
  }

  /// The center has been replaced.
  func invalidate() { filledAfter = nil }

  /// What is known of a batch at `step`; nil while that is nothing.
  ///
  /// - Parameter rows: int32, the batch's examples.
  func products(
    _ rows: Matrix, step: Int, _ expansion: ExpansionState
  ) throws -> CenterProducts? {
    if filledAfter != expansion.count {
      guard pays(step, expansion) else { return nil }
      try fill(expansion)
    }
    return CenterProducts(tables, .gathered(rows: rows))
  }

  private func pays(_ step: Int, _ expansion: ExpansionState) -> Bool {
    let epoch = (examples.count + settings.batchSize - 1) / settings.batchSize
    let least = layout.epochs * epoch
    if let steps = expansion.remaining(from: step, of: settings.steps) { return steps >= least }
    return step - expansion.last >= epoch && settings.steps - step >= least
  }

  /// Computes the tables for the model's center, in one pass of order 0 over the examples.
  ///
  /// - Parameter batches: fewer, for a plan.
  func fill(_ expansion: ExpansionState, batches: Int = .max) throws {
    let backend = model.backend
    for weight in layout.layers where tables[weight.index] == nil {
      tables[weight.index] = try backend.matrix(examples.count, weight.outputs, model.type)
    }
    let all = (examples.count + Self.batchSize - 1) / Self.batchSize
    let algebra = JetAlgebra(backend, order: 0)
    for index in 0..<min(all, batches) {
      let first = index * Self.batchSize
      let range = first..<min(examples.count, first + Self.batchSize)
      _ = try model.network.pushforward(
        examples.evaluationInputs(range, on: backend), ParameterJet(center: model.center),
        algebra: algebra, centerProducts: CenterProducts(tables, .recorded(range)))
    }
    filledAfter = expansion.count
  }
}

extension TrainingStep {
  /// Keeps the coefficients 0 of all of `examples`, filled at once, however long the expansion lasts;
  /// false where there are none to keep.
  public func keepOrderZero(of examples: ResidentExamples) throws -> Bool {
    var limits = OrderZeroLayout.Limits(bytes: .max)
    limits.epochs = 0
    let layout = OrderZeroLayout(
      model.network, settings, examples: examples.count, isAugmented: examples.isAugmented,
      within: limits)
    orderZeroCache = OrderZeroCache(model, settings, examples, layout: layout)
    try orderZeroCache?.fill(expansion)
    return orderZeroCache != nil
  }
}
