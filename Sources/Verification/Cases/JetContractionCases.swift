import Compute

extension VerificationCase {
  private struct Propagation {
    var sense = JetContraction.Sense.forward
    var block: Int
    var inputs: Int
    var outputs: Int
    var from: Int
    var to: Int
    var directions = 1
    /// Room for so many coefficients more than there are.
    var spare = 0
    var alpha = 1.0
    var scale: Double?
    var hasDisplacement = true
    /// Of the rows of W0 and of Δ.
    var padding = 0
    var displacementPadding = 0
    var isZeroGiven = false
    var isInterpolated = false

    var label: String {
      (sense == .forward ? "forward" : "adjoint") + " \(block)·\(inputs)→\(outputs)"
        + " degree \(from)→\(to)" + (directions > 1 ? " V=\(directions)" : "")
        + (spare > 0 ? " spare" : "") + (hasDisplacement ? "" : " at order 0")
        + (scale.map { " s=\($0)" } ?? "") + (alpha != 1 ? " α=\(alpha)" : "")
        + (padding + displacementPadding > 0 ? " padded" : "") + (isZeroGiven ? " from 1" : "")
        + (isInterpolated ? " interpolated" : "")
    }

    func prepare(_ bench: Workbench, _ content: Workbench.Content) throws -> Prepared {
      let isForward = sense == .forward
      let x = try bench.jet(
        block: block, columns: isForward ? inputs : outputs, degree: from, capacity: from + spare,
        directions: directions, hasZero: isForward, content)
      let y = try bench.jet(
        block: block, columns: isForward ? outputs : inputs, degree: to, capacity: to + spare,
        directions: directions, hasZero: isForward, isZeroGiven ? content : .unset)
      let center = try bench.matrix(outputs, inputs, content, padding: padding)
      let displacement =
        hasDisplacement
        ? try bench.copies(
          directions, outputs, inputs, content, padding: displacementPadding, gap: 3) : nil
      let factor = try bench.scalar(scale)
      let operation = JetContraction(
        sense, x, center: center, displacement: displacement?.first,
        displacementStride: displacement?.stride ?? 0, into: y, alpha: alpha, scale: factor,
        isZeroGiven: isZeroGiven,
        plan: isInterpolated
          ? .interpolated(sense: sense, inputDegree: from, outputDegree: to) : .schoolbook)
      return Prepared(
        operation: .jetContraction(operation), outputs: y.coefficients((isForward ? 0 : 1)...to))
    }

    func makeCase(_ type: ScalarType, _ oracle: Oracle, _ content: Workbench.Content)
      -> VerificationCase
    {
      VerificationCase(
        isInterpolated ? "jet_contraction_interpolated" : "jet_contraction",
        label + (oracle == .exact ? " integers" : ""), type, oracle: oracle,
        dependsOnFamily: true
      ) { try prepare($0, content) }
    }
  }

  static func jetContractions(quick: Bool) -> [VerificationCase] {
    let all = quick ? quickPropagations : quickPropagations + fullPropagations
    return realTypes.flatMap { type in
      // Quick: one program in float64, because compiling takes longer than running.
      let propagations = all.filter { !quick || type == .float32 || $0.sense == .forward }
      return propagations.map { $0.makeCase(type, .bound, .random(1)) }
        // Thirds of integers are rounded.
        + propagations.filter { !$0.isInterpolated || max($0.from, $0.to) <= 3 }
        .map { $0.makeCase(type, .exact, .integers(5)) }
    }
  }

  private static let quickPropagations = [
    Propagation(block: 3, inputs: 5, outputs: 7, from: 0, to: 0, hasDisplacement: false),
    Propagation(block: 17, inputs: 33, outputs: 65, from: 2, to: 3, spare: 2, scale: 0.5),
    Propagation(block: 2, inputs: 1025, outputs: 3, from: 1, to: 2, alpha: 0.5),
    Propagation(block: 5, inputs: 6, outputs: 7, from: 1, to: 2, directions: 3, scale: 2),
    Propagation(block: 7, inputs: 12, outputs: 9, from: 1, to: 2, scale: 2, isZeroGiven: true),
    Propagation(
      sense: .adjoint, block: 7, inputs: 19, outputs: 9, from: 3, to: 3, spare: 1, scale: 0.25),
    Propagation(sense: .adjoint, block: 3, inputs: 2, outputs: 5, from: 2, to: 2, directions: 2),
    Propagation(
      block: 5, inputs: 17, outputs: 19, from: 4, to: 4, spare: 1, scale: 0.5, isInterpolated: true),
    Propagation(
      sense: .adjoint, block: 3, inputs: 33, outputs: 9, from: 5, to: 4, alpha: 0.5, scale: 2,
      isInterpolated: true),
    Propagation(
      sense: .adjoint, block: 2, inputs: 3, outputs: 5, from: 3, to: 3, padding: 1,
      isInterpolated: true),
  ]

  private static let fullPropagations: [Propagation] = {
    var propagations: [Propagation] = []
    let shapes = [
      (1, 1, 1), (3, 5, 7), (13, 31, 17), (17, 65, 33), (65, 3, 129), (128, 9, 67), (2, 1031, 5),
    ]
    for order in 0...8 {
      for (index, shape) in shapes.enumerated() where (index + order) % 3 == 0 || order == 2 {
        let (scale, spare) = ([nil, 0.5, 4][(order + index) % 3], [0, 1, 3][index % 3])
        let last = order == 0
        for from in Set([max(0, order - 1), order]).sorted() {
          propagations.append(
            Propagation(
              block: shape.0, inputs: shape.1, outputs: shape.2, from: from, to: order,
              spare: spare, alpha: index % 2 == 0 ? 1 : 0.5, scale: last ? nil : scale,
              hasDisplacement: !last, padding: index % 2, displacementPadding: index % 2))
        }
        guard order > 0 else { continue }
        for to in Set([max(1, order - 1), order]).sorted() {
          propagations.append(
            Propagation(
              sense: .adjoint, block: shape.0, inputs: shape.1, outputs: shape.2, from: order,
              to: to, spare: spare, alpha: index % 2 == 0 ? 1 : 0.5, scale: scale,
              padding: index % 2, displacementPadding: index % 2))
        }
      }
    }
    for directions in 2...3 {
      for (from, to) in [(0, 1), (1, 1), (1, 2), (2, 2), (3, 3), (4, 5)] {
        propagations.append(
          Propagation(
            block: 5, inputs: 13, outputs: 67, from: from, to: to, directions: directions,
            spare: from % 2, scale: 0.5))
        propagations.append(
          Propagation(
            sense: .adjoint, block: 5, inputs: 67, outputs: 13, from: to, to: max(1, from),
            directions: directions, spare: from % 2, scale: 0.5))
      }
    }
    for (from, to) in [(0, 1), (1, 1), (2, 3), (4, 4)] {
      for directions in [1, 3] {
        propagations.append(
          Propagation(
            block: 13, inputs: 35, outputs: 67, from: from, to: to, directions: directions,
            spare: to % 2, scale: 0.5, isZeroGiven: true))
      }
    }
    for degree in 2...8 {
      let (block, inputs, outputs) = shapes[degree % shapes.count]
      for (sense, from, to) in [
        (JetContraction.Sense.forward, degree - 1, degree), (.forward, degree, degree),
        (.adjoint, degree, degree), (.adjoint, degree + 1, degree),
      ] where degree > 2 || sense == .forward || from > to {
        var interpolated = Propagation(
          sense: sense, block: block, inputs: inputs, outputs: outputs, from: from, to: to,
          spare: degree % 2, alpha: 0.5, scale: [nil, 0.5, 4][degree % 3], padding: degree % 2,
          displacementPadding: degree % 3, isInterpolated: true)
        propagations.append(interpolated)
        guard sense == .forward, degree % 3 == 2 else { continue }
        interpolated.isZeroGiven = true
        propagations.append(interpolated)
      }
    }
    propagations += [
      // Row strides of W0 and Δ that differ.
      Propagation(block: 5, inputs: 9, outputs: 11, from: 1, to: 2, padding: 2),
      Propagation(sense: .adjoint, block: 5, inputs: 9, outputs: 11, from: 2, to: 2, padding: 2),
      // Cotangents at order 0, of one and of several directions.
      Propagation(
        sense: .adjoint, block: 7, inputs: 9, outputs: 5, from: 1, to: 1, hasDisplacement: false),
      Propagation(
        sense: .adjoint, block: 7, inputs: 9, outputs: 5, from: 1, to: 1, directions: 3,
        hasDisplacement: false),
    ]
    return propagations
  }()
}

extension JetView {
  /// The coefficients of `range` of all directions, coefficient 0 once.
  func coefficients(_ range: ClosedRange<Int>) -> [Matrix] {
    range.flatMap { coefficient in
      (0..<(coefficient == 0 ? 1 : directions)).map { self[coefficient, direction: $0] }
    }
  }
}
