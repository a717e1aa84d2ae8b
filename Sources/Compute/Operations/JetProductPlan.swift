/// How the product of a jet with the weights W0 + t·Δ′, Δ′ = sΔ, is computed: coefficient by
/// coefficient (schoolbook), or by evaluation at few nodes and interpolation.
///
/// A block of n coefficients p_0…p_{n−1}, 2 ≤ n ≤ 4, times W0 + tΔ′ has n+1 coefficients q_0…q_n,
/// and its values at n+1 nodes determine them (Toom, 1963; Cook, 1966):
///
///     E_u = Σ_j u^j p_j,  E_∞ = p_{n−1}        G_u = W0 + uΔ′,  G_∞ = Δ′
///     P_u = E_u G_uᵀ                            q = T P
///
/// so n+1 products of matrices take the place of 2n. Nodes: 0, 1, ∞ for n = 2, also −1 for n = 3
/// and ½ for n = 4, always in the order 0, 1, −1, ½, ∞. T has dyadic elements and, for n = 4, two
/// rows to be divided by 3:
///
///     n = 2:  q_1 = −P_0 + P_1 − P_∞
///     n = 3:  q_1 = ½P_1 − ½P_−1 − P_∞              q_2 = −P_0 + ½P_1 + ½P_−1
///     n = 4:  q_1 = (−6P_0 − 3/2 P_1 − ½P_−1 + 8P_½ + 3/2 P_∞)/3
///             q_2 = −P_0 + ½P_1 + ½P_−1 − P_∞
///             q_3 = (6P_0 + 3P_1 − P_−1 − 8P_½ − 3/2 P_∞)/3
///
/// and q_0 = P_0, q_n = P_∞. Longer series are cut into blocks: one over more nodes loses an order of
/// magnitude of precision at n = 7.
///
/// - **Forward**, z of degree D from x of degree D−1 or D: x_0…x_{D−1} in ⌈D/4⌉ blocks of sizes as
///   equal as can be, larger first. A coefficient in which two blocks meet is the sum of the later
///   one's P_0 and the earlier one's P_∞. If x has degree D, W0 x_D is one more block, of one node.
/// - **Adjoint**, x̄ of the same degree d as ȳ: the same with the reversed series ȳ_d…ȳ_2 and the rest
///   W0 ȳ_1, which gives x̄_d…x̄_1.
/// - **Adjoint**, ȳ of degree d+1: n outputs x̄_i = ȳ_i W0 + ȳ_{i+1} Δ′ are the transposed product
///   (Winograd's F(n, 2), 1980): node inputs Tᵀȳ, the same G_u, outputs by the transposed evaluation.
///   Blocks of outputs share nothing.
///
/// In float32 the errors of a network's coefficients and gradients stay below twice the schoolbook's to
/// order 8 (0.8 to 1.8 times, tanh and ReLU, 5 layers). Of a single product of coefficients of equal
/// size they are 1.3 to 1.5 times the schoolbook's with blocks of 2 and 3, and 2.5 times with blocks of
/// 4, where 8P_½/3 weighs most; those are kept because they save a product at orders 4, 5, 7 and 8, and
/// because in networks coefficients differ in size and the errors of many products come together.
///
/// Every row of a table is one multiplication and fmas in ascending order of its sources, zeros
/// skipped, then the division if there is one. The plan is a pure function of degrees and shapes, so
/// that it is the same on every device.
public struct JetProductPlan: Sendable, Equatable, CustomStringConvertible {
  public enum Node: Int, Sendable, CaseIterable {
    case zero, one, minusOne, half, infinity

    /// u; of ∞ that of the displacement in W0·0 + uΔ′.
    public var value: Double { [0, 1, -1, 0.5, 1][rawValue] }
  }

  /// One matrix product: values of a block at a node.
  public struct Product: Sendable, Equatable {
    public var node: Node
    /// E_u of the input's coefficients, by their numbers.
    public var input: BlockCombination.Row
  }

  /// What the tables belong to.
  public let sense: JetContraction.Sense
  public let inputDegree: Int
  public let outputDegree: Int
  /// Grouped by node in the order of `Node`, within a node by block. Empty: schoolbook.
  public let products: [Product]
  /// The output's coefficients, from 0 (forward) or 1 (adjoint) on, of the products.
  public let outputs: [BlockCombination.Row]

  public static let schoolbook = JetProductPlan(.forward, 0, 0, products: [], outputs: [])

  public var isInterpolated: Bool { !products.isEmpty }

  /// Products of a coefficient's size.
  public var productCount: Int {
    isInterpolated
      ? products.count
      : Self.schoolbookCount(sense: sense, inputDegree: inputDegree, outputDegree: outputDegree)
  }

  /// Products of a coefficient's size that the schoolbook takes.
  public static func schoolbookCount(
    sense: JetContraction.Sense, inputDegree: Int, outputDegree: Int
  ) -> Int {
    switch sense {
    case .forward: min(inputDegree, outputDegree) + 1 + outputDegree
    case .adjoint:
      min(inputDegree, outputDegree) + max(0, min(outputDegree, inputDegree - 1))
    }
  }

  public var description: String {
    guard isInterpolated else { return "schoolbook" }
    let all = Self.schoolbookCount(
      sense: sense, inputDegree: inputDegree, outputDegree: outputDegree)
    return "interpolated, \(products.count) products of \(all)"
  }

  /// The products at a node, as a range of `products`.
  public func range(of node: Node) -> Range<Int> {
    guard let first = products.firstIndex(where: { $0.node == node }) else { return 0..<0 }
    let count = products[first...].prefix { $0.node == node }.count
    return first..<(first + count)
  }

  /// Nodes at which weights W0 + uΔ′ have to be made.
  public var innerNodes: [Node] { [.one, .minusOne, .half].filter { !range(of: $0).isEmpty } }

  // MARK: Choice

  /// Smaller layers are not worth the further passes over inputs, weights and outputs: fewer
  /// weights, or fewer of them per input or output.
  public static let leastWeights = 1 << 19
  public static let leastWidth = 128
  /// Rows of a batch below which making W0 + uΔ′ costs more than the products saved. It counts for
  /// a whole run, not for each product, so that no example's bits depend on how many others are
  /// with it (see `JetAlgebra.products`).
  public static let leastBatch = 32

  /// The plan for a dense layer with `inputs` inputs and `outputs` outputs.
  public static func choose(
    sense: JetContraction.Sense, inputDegree: Int, outputDegree: Int, inputs: Int, outputs: Int,
    directions: Int
  ) -> JetProductPlan {
    guard directions == 1, min(inputs, outputs) >= leastWidth, inputs * outputs >= leastWeights
    else { return .schoolbook }
    return interpolated(sense: sense, inputDegree: inputDegree, outputDegree: outputDegree)
  }

  /// The interpolated plan whatever the widths; schoolbook where it saves no product.
  public static func interpolated(
    sense: JetContraction.Sense, inputDegree: Int, outputDegree: Int
  ) -> JetProductPlan {
    if max(inputDegree, outputDegree) <= tabulated {
      let columns = tabulated + 1
      return tables[((sense == .forward ? 0 : columns) + inputDegree) * columns + outputDegree]
    }
    return make(sense, inputDegree, outputDegree)
  }

  private static let tabulated = 8
  private static let tables: [JetProductPlan] = {
    var tables: [JetProductPlan] = []
    for sense in [JetContraction.Sense.forward, .adjoint] {
      for inputDegree in 0...tabulated {
        for outputDegree in 0...tabulated {
          tables.append(make(sense, inputDegree, outputDegree))
        }
      }
    }
    return tables
  }()
}

// MARK: - Tables

extension JetProductPlan {
  private init(
    _ sense: JetContraction.Sense, _ inputDegree: Int, _ outputDegree: Int, products: [Product],
    outputs: [BlockCombination.Row]
  ) {
    self.sense = sense
    self.inputDegree = inputDegree
    self.outputDegree = outputDegree
    self.products = products
    self.outputs = outputs
  }

  /// The largest block.
  private static let largestBlock = 4

  private static func make(
    _ sense: JetContraction.Sense, _ inputDegree: Int, _ outputDegree: Int
  ) -> JetProductPlan {
    switch sense {
    case .forward where inputDegree == outputDegree:
      convolution(sense, inputDegree, outputDegree, length: outputDegree, hasRest: true) { $0 }
    case .forward where inputDegree == outputDegree - 1:
      convolution(sense, inputDegree, outputDegree, length: outputDegree, hasRest: false) { $0 }
    case .adjoint where inputDegree == outputDegree:
      convolution(sense, inputDegree, outputDegree, length: outputDegree - 1, hasRest: true) {
        outputDegree - $0
      }
    case .adjoint where inputDegree == outputDegree + 1:
      transposed(inputDegree, outputDegree)
    default: .schoolbook
    }
  }

  /// Sizes as equal as can be, larger first.
  private static func blocks(of length: Int) -> [Int] {
    guard length > 0 else { return [] }
    let count = (length + largestBlock - 1) / largestBlock
    return (0..<count).map { (length + count - 1 - $0) / count }
  }

  private static func nodes(_ n: Int) -> [Node] {
    switch n {
    case 2: [.zero, .one, .infinity]
    case 3: [.zero, .one, .minusOne, .infinity]
    default: Node.allCases
    }
  }

  /// u^j of every node, j = 0…n−1; rows in the order of `nodes(n)`.
  private static func evaluation(_ n: Int) -> [[Double]] {
    nodes(n).map { node in
      (0..<n).map { j in
        switch node {
        case .zero: j == 0 ? 1 : 0
        case .one: 1
        case .minusOne: j % 2 == 0 ? 1 : -1
        case .half: [1, 0.5, 0.25, 0.125][j]
        case .infinity: j == n - 1 ? 1 : 0
        }
      }
    }
  }

  /// 3·T for n = 4, else T: row i gives q_i (times the divisor) of the nodes' values.
  private static func interpolation(_ n: Int) -> [[Double]] {
    switch n {
    case 2: [[1, 0, 0], [-1, 1, -1], [0, 0, 1]]
    case 3: [[1, 0, 0, 0], [0, 0.5, -0.5, -1], [-1, 0.5, 0.5, 0], [0, 0, 0, 1]]
    default:
      [
        [3, 0, 0, 0, 0], [-6, -1.5, -0.5, 8, 1.5], [-3, 1.5, 1.5, 0, -3], [6, 3, -1, -8, -1.5],
        [0, 0, 0, 0, 3],
      ]
    }
  }

  private static func divisor(_ n: Int) -> Double { n == 4 ? 3 : 1 }

  /// Drafts in the products' order, and for each draft its place in it.
  private static func grouped(_ drafts: [Product]) -> ([Product], [Int]) {
    var (products, places) = ([Product](), [Int](repeating: 0, count: drafts.count))
    for node in Node.allCases {
      for (index, draft) in drafts.enumerated() where draft.node == node {
        places[index] = products.count
        products.append(draft)
      }
    }
    return (products, places)
  }

  /// - Parameter coefficient: of the input or output, for a place of the series.
  private static func convolution(
    _ sense: JetContraction.Sense, _ inputDegree: Int, _ outputDegree: Int, length: Int,
    hasRest: Bool, _ coefficient: (Int) -> Int
  ) -> JetProductPlan {
    guard length >= 2 else { return .schoolbook }
    var drafts: [Product] = []
    // By place of the product series: factors of drafts, and their divisor.
    var sums = [[(source: Int, factor: Double)]](repeating: [], count: length + 1)
    var divisors = [Double](repeating: 1, count: length + 1)
    var first = 0
    for n in blocks(of: length) {
      let begin = drafts.count
      for (node, powers) in zip(nodes(n), evaluation(n)) {
        let terms = powers.enumerated().map { (coefficient(first + $0.offset), $0.element) }
        drafts.append(Product(node: node, input: BlockCombination.Row(terms, divisor: 1)))
      }
      for (i, row) in interpolation(n).enumerated() {
        let isEnd = i == 0 || i == n
        let scale = isEnd || n == 4 && i == 2 ? divisor(n) : 1
        if !isEnd { divisors[first + i] = divisor(n) / scale }
        for (u, factor) in row.enumerated() where factor != 0 {
          sums[first + i].append((begin + u, factor / scale))
        }
      }
      first += n
    }
    if hasRest {
      sums[length].append((drafts.count, 1))
      let rest = BlockCombination.Row([(coefficient(length), 1)], divisor: 1)
      drafts.append(Product(node: .zero, input: rest))
    }
    let (products, places) = grouped(drafts)
    var outputs = zip(sums, divisors).map { sum, divisor in
      BlockCombination.Row(sum.map { (places[$0.source], $0.factor) }, divisor: divisor)
    }
    if sense == .adjoint { outputs.reverse() }
    return JetProductPlan(
      sense, inputDegree, outputDegree, products: products, outputs: outputs)
  }

  private static func transposed(_ inputDegree: Int, _ outputDegree: Int) -> JetProductPlan {
    guard outputDegree >= 2 else { return .schoolbook }
    var drafts: [Product] = []
    var sums: [[(source: Int, factor: Double)]] = []
    for n in blocks(of: outputDegree) {
      let (begin, first, table) = (drafts.count, sums.count + 1, interpolation(n))
      for (u, node) in nodes(n).enumerated() {
        var terms: [(Int, Double)] = []
        for i in 0...n { terms.append((first + i, table[i][u])) }
        // A division only where the quotients are not dyadic.
        let isExact = terms.allSatisfy {
          ($0.1 / divisor(n) * 8).rounded() == $0.1 / divisor(n) * 8
        }
        let scale = isExact ? divisor(n) : 1
        drafts.append(
          Product(
            node: node,
            input: BlockCombination.Row(
              terms.map { ($0.0, $0.1 / scale) }, divisor: divisor(n) / scale)))
      }
      let powers = evaluation(n)
      for j in 0..<n {
        sums.append(powers.indices.map { (begin + $0, powers[$0][j]) })
      }
    }
    let (products, places) = grouped(drafts)
    let outputs = sums.map { sum in
      BlockCombination.Row(sum.map { (places[$0.source], $0.factor) }, divisor: 1)
    }
    return JetProductPlan(
      .adjoint, inputDegree, outputDegree, products: products, outputs: outputs)
  }
}
