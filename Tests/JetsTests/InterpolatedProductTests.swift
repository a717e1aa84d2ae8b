import Compute
import Jets
import TestSupport
import Testing

/// Interpolated products of jets with moving weights, forced on layers of every size.
@BackendActor @Suite struct InterpolatedProductTests {
  /// A product's sense and the degrees of what it reads and writes.
  struct Form: Sendable, CustomStringConvertible {
    var sense: JetContraction.Sense
    var from, to: Int
    var description: String { "\(sense) \(from)→\(to)" }

    var plan: JetProductPlan {
      .interpolated(sense: sense, inputDegree: from, outputDegree: to)
    }

    /// Both saturations of both senses, wherever products are saved.
    nonisolated static func all(_ degrees: ClosedRange<Int>) -> [Form] {
      degrees.flatMap { d in
        [
          Form(sense: .forward, from: d - 1, to: d), Form(sense: .forward, from: d, to: d),
          Form(sense: .adjoint, from: d + 1, to: d),
        ] + (d > 2 ? [Form(sense: .adjoint, from: d, to: d)] : [])
      }
    }
  }

  /// A product's operands as numbers.
  private struct Problem {
    var form: Form
    var block = 3
    var inputs = 5
    var outputs = 7
    /// Coefficients of the input by their number, [block, columns] each.
    var x: [[Double]]
    var center: [Double]
    var displacement: [Double]
    var alpha = 0.5
    var scale = 4.0

    var isForward: Bool { form.sense == .forward }
    /// Columns of the input.
    var columns: Int { isForward ? inputs : outputs }
    var width: Int { isForward ? outputs : inputs }
    var first: Int { isForward ? 0 : 1 }

    init(_ form: Form, block: Int = 3, inputs: Int = 5, outputs: Int = 7, seed: UInt64 = 1) {
      self.form = form
      (self.block, self.inputs, self.outputs) = (block, inputs, outputs)
      let columns = form.sense == .forward ? inputs : outputs
      x = (0...form.from).map { sample(block * columns, seed: seed + UInt64($0) * 7) }
      center = sample(inputs * outputs, seed: seed + 100)
      displacement = sample(inputs * outputs, seed: seed + 101)
    }

    /// Sums of a W's products with a coefficient.
    func apply(_ weights: [Double], _ x: [Double], _ alpha: Double) -> [Double] {
      (0..<block).flatMap { row in
        (0..<width).map { j in
          alpha
            * (0..<columns).reduce(0.0) { sum, l in
              let w = isForward ? weights[j * inputs + l] : weights[l * inputs + j]
              return sum + x[row * columns + l] * w
            }
        }
      }
    }

    /// The coefficients of the output, in Double.
    var expected: [[Double]] {
      (first...form.to).map { i in
        var sum = [Double](repeating: 0, count: block * width)
        if i <= form.from { sum = apply(center, x[i], alpha) }
        let moved = isForward ? i - 1 : i + 1
        guard moved >= 0, moved <= form.from else { return sum }
        return zip(sum, apply(displacement, x[moved], alpha * scale)).map { $0 + $1 }
      }
    }

    /// Runs it and gives the coefficients; what lies behind them must stay as it is.
    func run(
      _ plan: JetProductPlan, _ type: ScalarType, on backend: any Backend,
      rows: Range<Int>? = nil
    ) throws -> [[Double]] {
      let rows = rows ?? 0..<block
      let count = rows.count
      func jet(_ columns: Int, _ degree: Int) throws -> JetView {
        JetView(
          try backend.matrix(
            count * (degree + 2), columns, type,
            [Double](repeating: -7, count: count * (degree + 2) * columns)),
          block: count, degree: degree, capacity: degree + (isForward ? 1 : 2),
          hasZero: isForward)
      }
      let input = try jet(columns, form.from)
      for i in first...form.from {
        try backend.upload(
          x[i][(rows.lowerBound * columns)..<(rows.upperBound * columns)], to: input[i])
      }
      let output = try jet(width, form.to)
      try backend.run(
        .jetContraction(
          JetContraction(
            form.sense, input, center: backend.matrix(outputs, inputs, type, center),
            displacement: backend.matrix(outputs, inputs, type, displacement), into: output,
            alpha: alpha, scale: backend.matrix(1, 1, type, [scale]), plan: plan)))
      let rest = output.matrix.rows - (form.to + 1 - first) * count
      let untouched = try backend.download(
        output.matrix.rows((output.matrix.rows - rest)..<output.matrix.rows))
      #expect(untouched.allSatisfy { $0 == -7 }, "\(form)")
      return try (first...form.to).map { try backend.download(output[$0]) }
    }
  }

  // MARK: Values

  /// Multiples of 24, of which no power of two and no third is rounded: equal to the definition on
  /// every backend.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func multiplesOf24AreExact(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for form in Form.all(2...8) + (type == .float64 ? Form.all(13...13) : []) {
      var problem = Problem(form)
      func integers(_ count: Int, _ seed: Int) -> [Double] {
        (0..<count).map { Double(($0 * 31 + seed * 17 + $0 * $0 % 5) % 7 - 3) }
      }
      problem.x = problem.x.indices.map { i in integers(problem.x[i].count, i).map { 24 * $0 } }
      problem.center = integers(35, 20)
      problem.displacement = integers(35, 21)
      #expect(form.plan.isInterpolated, "\(form)")
      #expect(
        try problem.run(form.plan, type, on: backend) == problem.expected, "\(form)")
    }
  }

  /// The same bits on every backend, and close to the definition: one past tiles, chains and strips.
  @Test(arguments: [(1, 1, 1), (3, 67, 17), (33, 3, 130), (2, 1030, 5)])
  func backendsAgree(_ block: Int, _ inputs: Int, _ outputs: Int) throws {
    for form in Form.all(inputs > 1000 ? 4...4 : 2...5) {
      let problem = Problem(form, block: block, inputs: inputs, outputs: outputs)
      let results = try BackendUnderTest.onEach {
        try problem.run(form.plan, .float32, on: $0).map { bits($0) }
      }
      for other in results.dropFirst() {
        #expect(other.result == results[0].result, "\(form), \(other.backend)")
      }
      let exact = try problem.run(
        form.plan, .float64, on: BackendUnderTest.openblas1.backend())
      #expect(
        relativeError(exact.flatMap { $0 }, problem.expected.flatMap { $0 }) < 1e-14, "\(form)")
    }
  }

  /// An example's bits do not depend on the others of its batch.
  @Test(arguments: BackendUnderTest.canonical)
  func rowsAreInvariant(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    for form in Form.all(4...5) {
      let problem = Problem(form, block: 37, inputs: 19, outputs: 21)
      let all = try problem.run(form.plan, .float32, on: backend)
      for rows in [3..<4, 20..<37] {
        let part = try problem.run(form.plan, .float32, on: backend, rows: rows)
        for (whole, own) in zip(all, part) {
          let range = (rows.lowerBound * problem.width)..<(rows.upperBound * problem.width)
          #expect(bits(Array(whole[range])) == bits(own), "\(form)")
        }
      }
    }
  }

  /// Σ_{i≥1} ⟨ȳ_i, y_i⟩ = Σ_{i≥1} ⟨x̄_i, x_i⟩ + αs⟨ȳ_1, Δx_0⟩.
  @Test(arguments: [(1, 2), (3, 4), (2, 2), (4, 4), (7, 8), (8, 8)])
  func adjointIdentity(_ degree: Int, _ outputDegree: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let forward = Problem(Form(sense: .forward, from: degree, to: outputDegree))
    let adjoint = Problem(Form(sense: .adjoint, from: outputDegree, to: degree), seed: 50)
    var pulled = adjoint
    (pulled.center, pulled.displacement) = (forward.center, forward.displacement)
    let y = try forward.run(forward.form.plan, .float64, on: backend)
    let bar = try pulled.run(pulled.form.plan, .float64, on: backend)
    var left = 0.0
    for i in 1...outputDegree { left += inner(pulled.x[i], y[i]) }
    var right = inner(
      pulled.x[1], forward.apply(forward.displacement, forward.x[0], forward.alpha * 4))
    for i in 1...degree { right += inner(bar[i - 1], forward.x[i]) }
    #expect(abs(left - right) <= 1e-13 * (abs(left) + 100))
  }

  /// Errors of a single product in float32, as norms over all coefficients, for coefficients of equal
  /// size and a direction of the weights' size: at most twice the schoolbook's with blocks of 2 and 3.
  /// With blocks of 4 the model of independent errors, √(Σ_u T_iu² ‖E_u‖² ‖G_u‖²), has 2.53.
  @Test(arguments: Form.all(2...8)) func errorsOfSingleProducts(_ form: Form) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    var problem = Problem(form, block: 8, inputs: 300, outputs: 260)
    problem.scale = 1
    let exact = try problem.run(.schoolbook, .float64, on: backend).flatMap { $0 }
    func error(_ plan: JetProductPlan) throws -> Double {
      relativeError(try problem.run(plan, .float32, on: backend).flatMap { $0 }, exact)
    }
    let (own, schoolbook) = (try error(form.plan), try error(.schoolbook))
    let hasHalf = form.plan.innerNodes.contains(.half)
    #expect(own <= (hasHalf ? 2.6 : 2) * schoolbook, "\(own / schoolbook)")
    #expect(schoolbook > 1e-8)
  }

  // MARK: Plans

  /// A layer's forward product, adjoint and gradient: 3k+3 products for k ≤ 4, then 3k+4 and 3k+5.
  @Test func productsOfALayer() {
    for k in 2...8 {
      let forward = Form(sense: .forward, from: k, to: k).plan
      let adjoint = Form(sense: .adjoint, from: k, to: k).plan
      func count(_ plan: JetProductPlan, _ sense: JetContraction.Sense) -> Int {
        plan.isInterpolated
          ? plan.productCount
          : JetProductPlan.schoolbookCount(sense: sense, inputDegree: k, outputDegree: k)
      }
      let all = count(forward, .forward) + count(adjoint, .adjoint) + k
      #expect(all == 3 * k + (k <= 4 ? 3 : k == 5 ? 4 : 5), "order \(k)")
      let schoolbook = [JetContraction.Sense.forward, .adjoint].reduce(k) {
        $0 + JetProductPlan.schoolbookCount(sense: $1, inputDegree: k, outputDegree: k)
      }
      #expect(schoolbook == 5 * k)
    }
  }

  /// One direction, orders from 2 on and wide layers; never a product more.
  @Test func whatIsChosen() {
    func choice(_ form: Form, _ inputs: Int, _ outputs: Int, _ directions: Int = 1) -> Bool {
      JetProductPlan.choose(
        sense: form.sense, inputDegree: form.from, outputDegree: form.to, inputs: inputs,
        outputs: outputs, directions: directions
      ).isInterpolated
    }
    let cubic = Form(sense: .forward, from: 3, to: 3)
    #expect(choice(cubic, 1024, 512) && choice(cubic, 4096, 128))
    #expect(
      !choice(cubic, 1023, 512) && !choice(cubic, 1 << 20, 127) && !choice(cubic, 10, 1 << 20))
    #expect(!choice(cubic, 1024, 512, 2))
    for d in 0...8 {
      for (sense, from) in [(JetContraction.Sense.forward, d), (.adjoint, d), (.adjoint, d + 1)] {
        let plan = Form(sense: sense, from: from, to: d).plan
        guard plan.isInterpolated else { continue }
        let schoolbook = JetProductPlan.schoolbookCount(
          sense: sense, inputDegree: from, outputDegree: d)
        #expect(plan.productCount < schoolbook, "\(sense) \(from)→\(d)")
      }
    }
    #expect(!choice(Form(sense: .forward, from: 0, to: 1), 2048, 2048))
    #expect(!choice(Form(sense: .forward, from: 1, to: 1), 2048, 2048))
    #expect(!choice(Form(sense: .adjoint, from: 2, to: 2), 2048, 2048))
    #expect(!choice(Form(sense: .forward, from: 4, to: 3), 2048, 2048))
  }

  /// The cost that placing and plans count is that of the parts.
  @Test func costIsThatOfTheParts() throws {
    let backend = NullBackend()
    for form in Form.all(2...8) {
      let isForward = form.sense == .forward
      func jet(_ columns: Int, _ degree: Int) throws -> JetView {
        JetView(
          try backend.matrix(6 * (degree + 1), columns, .float32), block: 6, degree: degree,
          capacity: degree, hasZero: isForward)
      }
      let operation = JetContraction(
        form.sense, try jet(isForward ? 40 : 30, form.from),
        center: try backend.matrix(30, 40, .float32),
        displacement: try backend.matrix(30, 40, .float32),
        into: try jet(isForward ? 30 : 40, form.to), alpha: 1, scale: nil, plan: form.plan)
      let parts = operation.lowered(workspace: backend.allocate)
      let cost = parts.reduce(Cost()) { $0 + $1.cost }
      #expect(operation.cost == cost, "\(form)")
      let contractions = parts.reduce(0.0) { sum, part in
        if case .contraction(let own) = part { sum + own.cost.flops } else { sum }
      }
      #expect(contractions == operation.contractionFlops, "\(form)")
      #expect(contractions == Double(2 * 6 * 30 * 40 * form.plan.productCount))
    }
  }
}
