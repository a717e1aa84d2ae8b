import Compute
import Glibc
import Testing

@testable import Scheduling

@Suite struct DeviceProfileTests {
  private let backend = NullBackend()

  private func matrix(_ rows: Int, _ columns: Int, _ type: ScalarType = .float32) -> Matrix {
    Matrix(backend.allocate(rows * columns, type), rows: rows, columns: columns)
  }

  private func jet(
    _ block: Int, _ columns: Int, degree: Int, directions: Int = 1, hasZero: Bool = true
  ) -> JetView {
    let degree = max(degree, hasZero ? 0 : 1)
    let rows = block * ((hasZero ? 1 : 0) + directions * degree)
    return JetView(
      matrix(rows, columns), block: block, degree: degree, capacity: degree,
      directions: directions, hasZero: hasZero)
  }

  /// No tables: rates only.
  private let rates = DeviceProfile(
    launch: 1e-5, opening: 0, transferLatency: 2e-5, uploadRate: 1e9, downloadRate: 2e9,
    memoryRate: 1e10, elementwiseRate: 1e11, contractionRate: 1e12)

  /// Tables in which each form, extent and kind counts differently. Time grows faster than the work,
  /// so that no part of it is constant.
  private var tables: DeviceProfile {
    func cube(_ a: Double, _ b: Double, _ c: Double, _ first: Double) -> ProfileTable {
      let knots = [3.0, 7, 11]
      let values = knots.flatMap { x in
        knots.flatMap { y in knots.map { first + a * x + b * y + c * $0 } }
      }
      return ProfileTable(x: knots, y: knots, z: knots, values: values)
    }
    func curve(_ first: Double) -> ProfileTable {
      ProfileTable(
        x: [8, 20], y: [0, 2], values: [first, first + 0.5, first + 8, first + 9])
    }
    var profile = rates
    profile.contractions = ContractionTables(
      plain: cube(1.1, 1.2, 0.9, -38), transposedB: cube(1.2, 1, 1.1, -38.5),
      transposedA: cube(1.3, 0.9, 1, -37))
    profile.elementwise = ElementwiseTables(
      stream: curve(-20), reduction: curve(-19.5), columnSums: curve(-19.25),
      product: curve(-18.5), loss: curve(-18), random: curve(-17), gated: curve(-16),
      smooth: curve(-15))
    return profile
  }

  @Test func ratesAreARoofline() {
    let product = Contraction(matrix(64, 100), matrix(100, 50), into: matrix(64, 50))
    #expect(abs(rates.seconds(.contraction(product)) - (1e-5 + 640_000 / 1e12)) < 1e-15)
    let sum = LinearCombination(matrix(1, 1 << 20), 1, matrix(1, 1 << 20), 1, matrix(1, 1 << 20))
    let bytes = 12.0 * Double(1 << 20)
    #expect(abs(rates.seconds(.linearCombination(sum)) - (1e-5 + bytes / 1e10)) < 1e-12)
    #expect(abs(rates.uploadSeconds(1_000_000, pieces: 3) - (6e-5 + 1e-3)) < 1e-12)
    #expect(abs(rates.downloadSeconds(1_000_000, pieces: 3) - (6e-5 + 5e-4)) < 1e-12)
    var quick = rates
    quick.uploadLatency = 1e-6
    #expect(abs(quick.uploadSeconds(1_000_000, pieces: 3) - (3e-6 + 1e-3)) < 1e-12)
  }

  @Test func formsHaveTheirOwnTables() {
    let (a, b) = (matrix(32, 64), matrix(64, 128))
    let (turnedA, turnedB) = (matrix(64, 32), matrix(128, 64))
    let c = matrix(32, 128)
    let cases: [(Contraction, Double)] = [
      (Contraction(a, b, into: c), -38 + 5.5 + 8.4 + 5.4),
      (Contraction(a, turnedB, into: c, transposeB: true), -38.5 + 6 + 7 + 6.6),
      (Contraction(turnedA, b, into: c, transposeA: true), -37 + 6.5 + 6.3 + 6),
      (
        Contraction(turnedA, turnedB, into: c, transposeA: true, transposeB: true),
        -37 + 6.5 + 6.3 + 6
      ),
    ]
    for (contraction, expected) in cases {
      #expect(abs(tables.seconds(.contraction(contraction)) / exp2(expected) - 1) < 1e-12)
    }
  }

  /// A batch counts as rows; float64 as more depth; nothing beats the highest rate.
  @Test func contractionsScale() {
    let single = Contraction(matrix(64, 64), matrix(64, 64), into: matrix(64, 64))
    var batch = Contraction(
      Matrix(backend.allocate(1 << 14, .float32), rows: 16, columns: 64), matrix(64, 64),
      into: Matrix(backend.allocate(1 << 14, .float32), rows: 16, columns: 64))
    (batch.batch, batch.strideA, batch.strideC) = (4, 1 << 10, 1 << 10)
    #expect(tables.seconds(.contraction(batch)) == tables.seconds(.contraction(single)))
    let double = Contraction(
      matrix(64, 64, .float64), matrix(64, 64, .float64), into: matrix(64, 64, .float64))
    let ratio = tables.seconds(.contraction(double)) / tables.seconds(.contraction(single))
    #expect(abs(ratio - exp2(0.9)) < 1e-12)
    var capped = tables
    capped.contractionRate = 1e6
    let flops = 2.0 * 64 * 64 * 64
    #expect(capped.seconds(.contraction(single)) == flops / 1e6)
    let empty = Contraction(matrix(0, 4), matrix(4, 4), into: matrix(0, 4))
    #expect(tables.seconds(.contraction(empty)) == tables.launch)
  }

  /// Jet contractions cost what their definition's contractions and fills cost.
  @Test(arguments: [JetContraction.Sense.forward, .adjoint])
  func jetsCostWhatTheirContractionsDo(_ sense: JetContraction.Sense) {
    let profile = tables
    var cases = 0
    for directions in [1, 3] {
      for inputDegree in 0...4 {
        for outputDegree in 0...inputDegree + 1 {
          for displaced in [false, true] {
            let adjoint = sense == .adjoint
            if adjoint && (inputDegree == 0 || outputDegree == 0) { continue }
            if !displaced && outputDegree > max(inputDegree, 1) { continue }
            if !displaced && !adjoint && outputDegree > inputDegree { continue }
            let weights = adjoint ? matrix(40, 24) : matrix(24, 40)
            var product = JetContraction(
              sense,
              jet(16, 40, degree: inputDegree, directions: directions, hasZero: !adjoint),
              center: weights, displacement: displaced ? weights : nil,
              into: jet(16, 24, degree: outputDegree, directions: directions, hasZero: !adjoint),
              alpha: 1, scale: nil)
            for isZeroGiven in [false, true] {
              if isZeroGiven && (adjoint || !displaced || outputDegree == 0) { continue }
              product.isZeroGiven = isZeroGiven
              var expected = product.contractions.reduce(0) {
                $0 + profile.seconds(.contraction($1))
              }
              for fill in product.fills {
                expected += profile.launch + fill.cost.bytes / profile.memoryRate
              }
              let seconds = profile.seconds(.jetContraction(product))
              #expect(abs(seconds / expected - 1) < 1e-12, "\(product)")
              // The rows times the other extents are the flops that the operation states.
              let flops = 2 * 40 * 24 * Double(JetTerms(product).rows)
              #expect(flops == product.cost.flops)
              cases += 1
            }
          }
        }
      }
    }
    #expect(cases > 40)
  }

  @Test func fusedJetsAreOneLaunch() {
    var profile = rates
    profile.fusesJets = true
    let weights = matrix(24, 40)
    let product = JetContraction(
      .forward, jet(16, 40, degree: 3), center: weights, displacement: weights,
      into: jet(16, 24, degree: 3), alpha: 1, scale: nil)
    let flops = product.cost.flops
    #expect(abs(profile.seconds(.jetContraction(product)) - (1e-5 + flops / 1e12)) < 1e-15)
    #expect(abs(rates.seconds(.jetContraction(product)) - (2e-5 + flops / 1e12)) < 1e-15)
  }

  @Test func everyOperationHasItsTable() {
    let (row, one) = (matrix(1, 256), matrix(1, 1))
    let profile = tables
    func seconds(_ operation: Compute.Operation) -> Double { log2(profile.seconds(operation)) }
    #expect(seconds(.reduction(Reduction(.sum, of: row, into: one))) == -19.5)
    #expect(seconds(.columnSums(ColumnSums(of: matrix(256, 1), into: one))) == -19.25)
    #expect(seconds(.columnSums(ColumnSums(of: matrix(256, 4), into: matrix(1, 4)))) == -18.75)
    // A sum of products counts as a sum of twice as many rows.
    #expect(
      seconds(
        .columnProducts(
          ColumnProducts(
            jet(128, 4, degree: 1, hasZero: false), jet(128, 4, degree: 0),
            into: matrix(1, 4)))) == -18.75)
    #expect(seconds(.fill(Fill(matrix(1, 64), value: 0))) == -20)
    #expect(
      seconds(.dropout(Dropout(row, probability: 0.5, seed: 1, layer: 0, step: 0)))
        == -17)
    let pooling = Pooling(
      .average, .forward,
      PoolingWindow(image: .init(2, 2), window: .init(2, 2), stride: .init(2, 2)),
      jet(4, 3, degree: 0), into: jet(1, 3, degree: 0))
    #expect(seconds(.pooling(pooling)) == seconds(.fill(Fill(matrix(1, 15), value: 0))))
    #expect(
      seconds(.randomFill(RandomFill(row, .normal, seed: 1, purpose: .parameters, tensor: 0)))
        == -17)
    #expect(
      seconds(
        .directionScale(
          DirectionScale(one, centerSquares: one, displacementSquares: one, order: 2))) == -20)
    func composition(_ activation: Activation, _ block: Int, degree: Int) -> Compute.Operation {
      .jetComposition(
        JetComposition(
          activation, of: jet(block, 16, degree: degree), into: jet(block, 16, degree: degree),
          slopeDegree: 0, bias: nil))
    }
    #expect(seconds(composition(.relu, 16, degree: 0)) == -16)
    #expect(seconds(composition(.relu, 16, degree: 3)) == -15.5)
    #expect(seconds(composition(.tanh, 16, degree: 0)) == -15)
    // A longer function takes longer, but no longer to launch.
    #expect(seconds(composition(.gelu, 1, degree: 0)) == -15)
    #expect(
      seconds(composition(.gelu, 1 << 10, degree: 0))
        > seconds(composition(.tanh, 1 << 10, degree: 0))
    )
    let (slope, cotangent) = (jet(16, 16, degree: 0), jet(16, 16, degree: 1, hasZero: false))
    #expect(
      seconds(
        .jetProduct(JetProduct(.adjoint(slope: slope, cotangent: cotangent, degree: 1)))) == -18.5)
  }

  @Test func plansAddUp() throws {
    let plan = ProfiledPlan(rates)
    let product = Contraction(matrix(64, 100), matrix(100, 50), into: matrix(64, 50))
    try plan.run(.contraction(product))
    try plan.run(.contraction(product))
    try plan.run(.fill(Fill(matrix(1, 64), value: 0)))
    let one = rates.seconds(.contraction(product))
    let fill = rates.seconds(.fill(Fill(matrix(1, 64), value: 0)))
    #expect(abs(plan.seconds - (2 * one + fill)) < 1e-15)
    #expect(plan.secondsByName["contraction"] == 2 * one)
  }
}
