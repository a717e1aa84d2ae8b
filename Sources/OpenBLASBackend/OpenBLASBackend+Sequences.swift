import Compute
import Kernels

// What is computed together, while it is in the caches.

extension OpenBLASBackend {
  func perform(sequence: [Operation]) throws {
    if sequence.count == 2 {
      var isDone = false
      switch (sequence[0], sequence[1]) {
      case (.contraction(let product), .optimizerUpdate(let update)):
        isDone = descend(product, update)
      case (.jetContraction(let product), .jetComposition(let composition)):
        isDone = try compose(product, composition)
      default: break
      }
      if isDone {
        if keptPanels.isInUse { for operation in sequence { noteChanges(operation) } }
        return
      }
    }
    for operation in sequence { try perform(operation) }
  }

  /// A gradient's contraction that changes the state instead of being written.
  private func descend(_ product: Contraction, _ update: OptimizerUpdate) -> Bool {
    guard library == nil, case .sgd = update.rule, update.signs == nil, update.clip == nil,
      update.decay == nil, update.noise == nil, update.parameters == nil, update.squares == nil,
      product.batch == 1,
      product.beta == 0, product.k > 0, product.c.isContiguous,
      product.c.buffer === update.gradient.buffer, product.c.offset == update.gradient.offset,
      product.c.count == update.gradient.count, update.state.buffer !== product.c.buffer
    else { return false }
    let isDouble = product.c.type == .float64
    let descent = HostContraction.Descent(
      state: update.state.pointer, row: product.n, column: 1,
      rate: isDouble ? -update.learningRate : Double(Float(-update.learningRate)))
    timed("contraction_sgd") {
      contraction.run(
        product.parameters, isDouble: isDouble, a: product.a.pointer, b: product.b.pointer,
        c: product.c.pointer, scale: product.scale?.pointer, descent: descent)
    }
    return true
  }

  /// A jet's contraction and the activation behind it.
  private func compose(_ product: JetContraction, _ composition: JetComposition) throws -> Bool {
    let (z, input) = (product.output, composition.input)
    guard product.sense == .forward, z.directions == 1, z.matrix.buffer === input.matrix.buffer,
      z.matrix.offset == input.matrix.offset, z.block == input.block, z.degree == input.degree
    else { return false }
    return try sweep(product, followers: composition.launches(workspace: allocate))
  }
}
