import Compute

extension VerificationCase {
  private struct Composition {
    var activation: Activation
    var from: Int
    var to: Int
    var slope: Int
    var block = 5
    var columns = 67
    var directions = 1
    var spare = 0
    /// What the bias is multiplied by; nil for no bias.
    var biasFactor: Double?
    var biasHasDisplacement = true
    var scale: Double?
    /// Bounds of coefficient 0 and of the others.
    var range = 3.0

    /// The degrees that a network of order `order` asks for at an input of degree `from`.
    init(_ activation: Activation, from: Int, order: Int, wantsSlope: Bool = true) {
      self.activation = activation
      self.from = from
      to = activation.degree(of: from, order: order)
      slope = wantsSlope ? activation.slopeDegree(of: from, order: max(0, order - 1)) : -1
    }

    var label: String {
      "\(activation.rawValue) \(block)×\(columns) degree \(from)→\(to)"
        + (slope >= 0 ? " slope \(slope)" : "") + (directions > 1 ? " V=\(directions)" : "")
        + (biasFactor.map { " bias·\($0)" } ?? "") + (scale.map { " s=\($0)" } ?? "")
        + (range != 3 ? " to \(range)" : "")
    }

    func prepare(_ bench: Workbench, _ content: Workbench.Content) throws -> Prepared {
      let z = try bench.jet(
        block: block, columns: columns, degree: from, capacity: max(from, slope) + spare,
        directions: directions, content)
      let y = try bench.jet(
        block: block, columns: columns, degree: to, capacity: to + spare, directions: directions,
        .unset)
      var bias: JetComposition.Bias?
      if let biasFactor {
        let displacement =
          from > 0 && biasHasDisplacement
          ? try bench.copies(directions, 1, columns, content, gap: 5) : nil
        bias = JetComposition.Bias(
          center: try bench.matrix(1, columns, content), displacement: displacement?.first,
          displacementStride: displacement?.stride ?? 0, factor: biasFactor,
          scale: displacement == nil
            ? nil : try bench.scalar(scale))
      }
      return Prepared(
        operation: .jetComposition(
          JetComposition(activation, of: z, into: y, slopeDegree: slope, bias: bias)),
        outputs: y.coefficients(0...to) + (slope >= 0 ? z.coefficients(0...slope) : []))
    }

    func makeCase(_ type: ScalarType, _ oracle: Oracle = .bound) -> VerificationCase {
      let isElementary =
        switch activation {
        case .identity, .relu, .leakyReLU, .quadratic, .abs, .sign: false
        default: true
        }
      let content = oracle == .bits ? Workbench.Content.special : .random(range)
      return VerificationCase(
        "jet_composition", label + (oracle == .bits ? " special values" : ""), type,
        oracle: oracle, isElementary: isElementary
      ) { try prepare($0, content) }
    }
  }

  static func jetCompositions(quick: Bool) -> [VerificationCase] {
    Activation.allCases.flatMap { activation in
      quick ? quickCompositions(activation) : fullCompositions(activation)
    }
  }

  /// One program per activation and scalar type.
  private static func quickCompositions(_ activation: Activation) -> [VerificationCase] {
    var composition = Composition(activation, from: 2, order: 3)
    composition.biasFactor = 0.75
    composition.scale = 0.5
    var cases = [composition.makeCase(.float32), composition.makeCase(.float32, .bits)]
    composition.directions = 2
    composition.spare = 1
    cases.append(composition.makeCase(.float32))
    if activation == .gelu || activation == .leakyReLU {
      cases.append(composition.makeCase(.float64))
    }
    if activation == .tanh {
      cases.append(Composition(.tanh, from: 1, order: 9).makeCase(.float64))
    }
    return cases
  }

  /// Degrees that every activation is tried with, as (input degree, order).
  private static let degrees = [
    (0, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (1, 4), (4, 4), (5, 5), (3, 6), (6, 6), (7, 7),
    (2, 8), (8, 8),
  ]

  private static func fullCompositions(_ activation: Activation) -> [VerificationCase] {
    var cases: [VerificationCase] = []
    for (index, (from, order)) in degrees.enumerated() {
      var composition = Composition(activation, from: from, order: order)
      composition.biasFactor = [nil, 1, 0.7][index % 3]
      composition.scale = [nil, 0.5][index % 2]
      composition.spare = [0, 2][(index / 2) % 2]
      cases.append(composition.makeCase(.float32))
      // The same program on other shapes, directions and ranges.
      var other = composition
      (other.block, other.columns, other.directions) =
        [(1, 1, 1), (7, 13, 2), (3, 129, 3)][index % 3]
      other.biasHasDisplacement = index % 2 == 0
      cases.append(other.makeCase(.float32))
      var wide = composition
      wide.range = 12
      cases.append(wide.makeCase(.float32))
      cases.append(composition.makeCase(.float32, .bits))
      if index == 5 {
        // As much as several threads share.
        var large = composition
        (large.block, large.columns) = (130, 131)
        cases.append(large.makeCase(.float32, .bits))
      }
      if [0, 2, 5, 13].contains(index) {
        cases.append(composition.makeCase(.float64))
        cases.append(other.makeCase(.float64))
      }
    }
    // Coefficients beyond those that can be non-zero, of which the slope's are filled up.
    var long = Composition(activation, from: 1, order: 3)
    long.slope = 3
    cases.append(long.makeCase(.float32))
    // The functions and programs for longer series.
    for (from, order) in [(1, 9), (12, 12), (2, 64)] {
      var composition = Composition(activation, from: from, order: order)
      (composition.block, composition.columns, composition.directions) = (2, 19, 2)
      composition.biasFactor = 0.7
      composition.scale = 0.5
      composition.spare = 1
      cases.append(composition.makeCase(.float64))
    }
    for (from, order) in [(0, 0), (3, 3)] {
      var composition = Composition(activation, from: from, order: order, wantsSlope: false)
      composition.biasFactor = 1
      cases.append(composition.makeCase(.float32))
    }
    return cases
  }
}
