import Compute
import Kernels

extension OpenBLASBackend {
  /// Below this many products of scalars per coefficient a schoolbook sweep's preparations cost more than they save.
  private static let leastProducts = 1 << 20

  /// A jet contraction with one direction, as one sweep over its weights. False where its lowering
  /// is as good: few outputs, little work, several directions.
  ///
  /// - Parameter followers: launches over the output's rows and columns, each of which needs no more
  ///   than what was written at its own row and column.
  func sweep(_ operation: JetContraction, followers: [Launch] = []) throws -> Bool {
    let (input, output) = (operation.input, operation.output)
    guard input.directions == 1, input.block > 0 else { return false }
    if !operation.plan.isInterpolated {
      let width = contraction.instance(isDouble: output.type == .float64).columns
      guard library == nil, output.columns >= 2 * width,
        input.block * input.columns * output.columns >= Self.leastProducts
      else { return false }
    }
    if operation.plan.isInterpolated {
      let parts = try operation.nodeProducts(workspace: allocate)
      for part in parts.preparation { try perform(.blockCombination(part)) }
      sweep(
        operation, parts.products.map { ($0.node, $0.x, $0.values) },
        followers: parts.combination.launches(workspace: allocate) + followers)
    } else {
      sweep(
        operation,
        operation.contractions.map { part in
          let isCenter =
            part.b.buffer === operation.center.buffer && part.b.offset == operation.center.offset
          return (isCenter ? .zero : .infinity, part.a, part.c)
        }, followers: followers)
    }
    return true
  }

  /// Inputs times the weights at a node, for each of some nodes.
  private func sweep(
    _ operation: JetContraction,
    _ products: [(node: JetProductPlan.Node, input: Matrix, output: Matrix)],
    followers: [Launch]
  ) {
    let isDouble = operation.output.type == .float64
    let scale = operation.scale?.pointer
    let block = operation.input.block
    var blocks: [UnsafeRawPointer] = []
    var places: [UnsafeRawPointer: Int] = [:]
    var written: Set<UnsafeMutableRawPointer> = []
    var terms: [HostJetProduct.Term] = []
    for product in products {
      var term = HostJetProduct.Term(
        weights: .center,
        alpha: HostContraction.factor(
          operation.alpha, product.node == .infinity ? scale : nil, isDouble: isDouble), uses: [])
      switch product.node {
      case .zero: break
      case .infinity: term.weights = .displacement
      case .one, .minusOne, .half:
        term.weights = .combined(
          HostContraction.factor(product.node.value, scale, isDouble: isDouble))
      }
      for first in stride(from: 0, to: product.input.rows, by: block) {
        let input = UnsafeRawPointer(product.input.rows(first..<(first + block)).pointer)
        let target = product.output.rows(first..<(first + block)).pointer
        if places[input] == nil {
          places[input] = blocks.count
          blocks.append(input)
        }
        term.uses.append(
          HostJetProduct.Use(
            block: places[input]!, target: target, accumulates: written.contains(target)))
        written.insert(target)
      }
      terms.append(term)
    }

    let weights = [operation.center] + (operation.displacement.map { [$0] } ?? [])
    let makesCopies = HostJetProduct.makesCopies(
      columns: operation.output.columns, threads: threads, contraction.instance(isDouble: isDouble))
    // What no term reads would never be written to its copy.
    let copies = weights.enumerated().map { index, matrix in
      makesCopies && terms.contains { $0.weights.reads(source: index) }
        ? keptPanels.copy(of: matrix, for: operation, contraction) : nil
    }
    var jet = HostJetProduct(
      isDouble: isDouble, blocks: blocks, rows: block, depth: operation.input.columns,
      columns: operation.output.columns, inputStride: operation.input.columns,
      outputStride: operation.output.columns,
      sources: zip(weights, copies).map { panelSource($0, operation, kept: $1) }, terms: terms)
    if !followers.isEmpty {
      let calls = followers.map { (range: $0.range, call: call($0)) }
      jet.finish = { rows, columns in
        for follower in calls {
          var range = follower.range
          (range.begin, range.end) = (rows.lowerBound, rows.upperBound)
          (range.firstColumn, range.columns) = (columns.lowerBound, columns.upperBound)
          follower.call(range)
        }
      }
    }
    timed("jet_contraction") { jet.run(on: contraction) }
    for copy in copies { copy?.isFilled = true }
  }

  /// The weights as panels of what the inputs are multiplied with.
  private func panelSource(
    _ weights: Matrix, _ operation: JetContraction, kept: KeptPanels.Copy?
  ) -> PanelSource {
    let isForward = operation.sense == .forward
    return PanelSource(
      pointer: UnsafeRawPointer(weights.pointer),
      lanes: isForward ? weights.rows : weights.columns,
      laneStride: isForward ? weights.stride : 1, depthStride: isForward ? 1 : weights.stride,
      elementBytes: weights.type.byteCount, kept: kept?.pointer, isFilled: kept?.isFilled ?? false,
      depth: operation.input.columns)
  }
}

extension KeptPanels {
  fileprivate func copy(
    of weights: Matrix, for operation: JetContraction, _ contraction: HostContraction
  ) -> Copy? {
    let instance = contraction.instance(isDouble: weights.type == .float64)
    let panels = (operation.output.columns + instance.columns - 1) / instance.columns
    return copy(
      of: weights, isTransposed: operation.sense == .forward,
      bytes: panels * instance.columns * operation.input.columns * instance.elementBytes)
  }
}
