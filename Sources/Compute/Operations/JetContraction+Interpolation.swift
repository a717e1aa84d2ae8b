// Interpolated products as a sequence of other operations, and their definition.

extension JetContraction {
  /// The operations that compute this one, in order, with the bits that every backend gives.
  ///
  /// Schoolbook: `fills`, then `contractions`. Interpolated: the node inputs of all blocks, one
  /// contraction for each node, with the weights of one node at a time in one matrix, and the
  /// combination of the products. A y_0 that is given is the first product at node 0.
  ///
  /// - Parameter workspace: gives memory that lives until the operations are enqueued.
  public func lowered(
    workspace: (_ count: Int, ScalarType) throws -> Buffer
  ) rethrows -> [Operation] {
    guard plan.isInterpolated, let displacement else {
      return fills.map { .fill($0) } + contractions.map { .contraction($0) }
    }
    let frame = try nodeProducts(workspace: workspace)
    var operations = frame.preparation.map { Operation.blockCombination($0) }
    let inner =
      plan.innerNodes.isEmpty
      ? nil
      : Matrix(
        try workspace(center.count, center.type), rows: center.rows, columns: center.columns)
    for (node, x, values) in frame.products {
      var weights = node == .zero ? center : displacement
      if let inner, plan.innerNodes.contains(node) {
        weights = inner
        operations.append(
          .rayWeights(
            RayWeights(
              inner, center: center, displacement: displacement, at: node.value, scale: scale)))
      }
      var contraction = product(x, weights, into: values)
      if node == .infinity { contraction.scale = scale }
      operations.append(.contraction(contraction))
    }
    operations.append(.blockCombination(frame.combination))
    return operations
  }

  /// What an interpolated product consists of, whoever makes the weights of the nodes.
  public struct NodeProducts {
    /// A coefficient 0 that is given, as a value.
    public var given: BlockCombination?
    /// Of node inputs, and of the products.
    public var evaluation: BlockCombination
    public var combination: BlockCombination
    /// values = x G_uᵀ, in the order of the plan; a node that has no product is not there.
    public var products: [(node: JetProductPlan.Node, x: Matrix, values: Matrix)]

    /// What goes before the products.
    public var preparation: [BlockCombination] { (given.map { [$0] } ?? []) + [evaluation] }
  }

  public func nodeProducts(
    workspace: (_ count: Int, ScalarType) throws -> Buffer
  ) rethrows -> NodeProducts {
    func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
      Matrix(try workspace(max(1, rows * columns), output.type), rows: rows, columns: columns)
    }
    let block = input.block
    let first = sense == .forward ? 0 : 1
    let given = isZeroGiven ? 1 : 0
    // A coefficient that is alone at its node is read where it lies.
    var inputs: [JetProductPlan.Node: Matrix] = [:]
    var places: [(node: JetProductPlan.Node, row: Int, count: Int)] = []
    var rows: [BlockCombination.Row] = []
    for node in JetProductPlan.Node.allCases {
      let products = plan.products[computed(at: node)]
      if products.count == 1, let copied = products.first?.input.copied {
        inputs[node] = input[copied]
      } else if !products.isEmpty {
        places.append((node, rows.count, products.count))
        for product in products { rows.append(product.input.shifted(by: -first)) }
      }
    }
    let values = try matrix(plan.products.count * block, output.columns)
    let evaluated = try matrix(rows.count * block, input.columns)
    for place in places {
      inputs[place.node] = evaluated.rows(
        (place.row * block)..<((place.row + place.count) * block))
    }
    var result = NodeProducts(
      given: isZeroGiven
        ? BlockCombination(
          values.rows(0..<block), of: output[0], block: block,
          rows: [BlockCombination.Row([(0, 1)], divisor: 1)]) : nil,
      evaluation: BlockCombination(
        evaluated, of: input[first...plan.inputDegree], block: block, rows: rows),
      combination: BlockCombination(
        output[(first + given)...plan.outputDegree], of: values, block: block,
        rows: Array(plan.outputs.dropFirst(given))),
      products: [])
    for node in JetProductPlan.Node.allCases {
      guard let x = inputs[node] else { continue }
      let range = computed(at: node)
      result.products.append(
        (node, x, values.rows((range.lowerBound * block)..<(range.upperBound * block))))
    }
    return result
  }

  /// The products at a node that are made: all but P_0 of the first block where that is given.
  public func computed(at node: JetProductPlan.Node) -> Range<Int> {
    let range = plan.range(of: node)
    return isZeroGiven && node == .zero ? range.dropFirst() : range
  }

  /// The cost of `lowered`, without making it.
  var interpolatedCost: Cost {
    let size = Double(output.type.byteCount)
    let (weights, block) = (Double(center.count), Double(input.block))
    let (n, k) = (Double(output.columns), Double(input.columns))
    func combination(_ rows: [BlockCombination.Row], _ columns: Double) -> Cost {
      var (flops, sources) = (0.0, Set<Int>())
      for row in rows {
        flops += row.flops
        for term in row.terms { sources.insert(term.source) }
      }
      let cells = block * columns
      return Cost(flops: flops * cells, bytes: Double(sources.count + rows.count) * cells * size)
    }
    var rows: [BlockCombination.Row] = []
    var cost = combination(Array(plan.outputs.dropFirst(isZeroGiven ? 1 : 0)), n)
    if isZeroGiven { cost = cost + combination([BlockCombination.Row([(0, 1)], divisor: 1)], n) }
    for node in JetProductPlan.Node.allCases {
      let range = computed(at: node)
      if range.isEmpty { continue }
      let m = block * Double(range.count)
      cost = cost + Cost(flops: 2 * m * n * k, bytes: size * (m * k + weights + m * n))
      if range.count > 1 || plan.products[range.lowerBound].input.copied == nil {
        for index in range { rows.append(plan.products[index].input) }
      }
      if plan.innerNodes.contains(node) {
        cost = cost + Cost(flops: 2 * weights, bytes: 3 * weights * size)
      }
    }
    return cost + combination(rows, k)
  }

  /// Flops of the contractions alone.
  public var contractionFlops: Double {
    guard plan.isInterpolated else {
      return contractions.reduce(0) { $0 + $1.cost.flops }
    }
    let products = plan.products.count - (isZeroGiven ? 1 : 0)
    return 2 * Double(products * input.block) * Double(output.columns)
      * Double(input.columns)
  }

  // MARK: Definition

  /// The interpolated product with the bounds of all of its parts together: node inputs and node
  /// weights reach the products with their own roundings.
  func defineInterpolated() {
    guard let displacement else { return }
    let (block, inputs, outputs) = (input.block, input.columns, output.columns)
    var values: [[Bounded]] = []
    var weights: [Bounded] = []
    var present: JetProductPlan.Node?
    for (index, product) in plan.products.enumerated() {
      if isZeroGiven, index == 0 {
        var own: [Bounded] = []
        for i in 0..<block {
          for j in 0..<outputs { own.append(output[0].exact(i, j)) }
        }
        values.append(own)
        continue
      }
      let node = product.node
      if node != present {
        weights = nodeWeights(node, displacement)
        present = node
      }
      let alpha = abs(self.alpha * (node == .infinity ? scale?[0, 0].value ?? 1 : 1))
      let sign = self.alpha * (node == .infinity ? scale?[0, 0].value ?? 1 : 1) < 0 ? -1.0 : 1
      var own: [Bounded] = []
      own.reserveCapacity(block * outputs)
      for i in 0..<block {
        let x = (0..<inputs).map { column in
          product.input.value { input[$0].exact(i, column) }
        }
        for j in 0..<outputs {
          var (sum, error, underflow, magnitude) = (0.0, 0.0, 0.0, 0.0)
          for l in 0..<inputs {
            let w = weights[j * inputs + l]
            sum += x[l].value * w.value
            magnitude += abs(x[l].value * w.value)
            error += abs(x[l].value) * w.error + abs(w.value) * x[l].error
            underflow += abs(x[l].value) * w.underflow + abs(w.value) * x[l].underflow
          }
          own.append(
            Bounded(
              sign * alpha * sum, error: alpha * (error + 2 * Double(inputs + 2) * magnitude),
              underflow: alpha * underflow))
        }
      }
      values.append(own)
    }
    let first = sense == .forward ? 0 : 1
    for (index, row) in plan.outputs.enumerated() where index > 0 || !isZeroGiven {
      let target = output[first + index]
      for i in 0..<block {
        for j in 0..<outputs { target[i, j] = row.value { values[$0][i * outputs + j] } }
      }
    }
  }

  /// G_u of the definition, [outputs, inputs] of the product.
  private func nodeWeights(_ node: JetProductPlan.Node, _ displacement: Matrix) -> [Bounded] {
    let step = RayWeights.step(node.value, scale)
    var weights: [Bounded] = []
    weights.reserveCapacity(center.count)
    for j in 0..<output.columns {
      for l in 0..<input.columns {
        let (row, column) = sense == .forward ? (j, l) : (l, j)
        switch node {
        case .zero: weights.append(center.exact(row, column))
        case .infinity: weights.append(displacement.exact(row, column))
        default:
          weights.append(
            .fma(step, displacement.exact(row, column), center.exact(row, column)))
        }
      }
    }
    return weights
  }
}
