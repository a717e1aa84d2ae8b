import Compute

extension ProfileMeasurement {
  /// Where launches end, where the CPU path begins to use all its threads, and beyond.
  private static let cells = [1 << 8, 1 << 13, 1 << 14, 1 << 17, 1 << 20]

  func elementwiseSketches() -> [ProfileSketch] {
    [
      ProfileSketch(Self.cells + [1 << 23], unit: Double(3 * type.byteCount)) {
        [self] count, _, _ in
        guard 2 * count <= source.count else { return [] }
        return [
          .linearCombination(
            LinearCombination(
              part(target, count), 1, part(source, count), 1, part(source, count, at: count)))
        ]
      },
      ProfileSketch(Self.cells) { [self] count, _, _ in
        guard count <= source.count else { return [] }
        return [
          .reduction(Reduction(.sumOfSquares, of: part(source, count), into: part(target, 1)))
        ]
      },
      ProfileSketch([16, 128, 2048], [8, 64, 4096]) { [self] rows, columns, _ in
        guard rows * columns <= source.count else { return [] }
        let x = part(source, rows * columns).reshaped(rows: rows, columns: columns)
        return [.columnSums(ColumnSums(of: x, into: part(target, columns)))]
      },
      ProfileSketch(Self.cells, [1, 4]) { [self] in productOperations($0, degree: $1, $2) },
      ProfileSketch([16, 512, 8192], [10, 100]) { [self] in lossOperations($0, $1, $2) },
      ProfileSketch([1 << 8, 1 << 14, 1 << 18]) { [self] count, _, _ in
        guard count <= target.count else { return [] }
        let random = RandomFill(
          part(target, count), .normal, seed: 1, purpose: .parameters, tensor: 0)
        return [.randomFill(random)]
      },
      composition(.relu), composition(.tanh),
    ]
  }

  /// Takes the tables of `elementwiseSketches` from the front.
  static func elementwiseTables(_ tables: inout [ProfileTable]) -> ElementwiseTables {
    func next() -> ProfileTable { tables.removeFirst() }
    return ElementwiseTables(
      stream: next(), reduction: next(), columnSums: next(), product: next(), loss: next(),
      random: next(), gated: next(), smooth: next())
  }

  /// Cells and degree + 1: orders 0, 1 and 4.
  private func composition(_ activation: Activation) -> ProfileSketch {
    ProfileSketch(Self.cells, [1, 2, 5]) { [self] cells, coefficients, _ in
      let degree = coefficients - 1
      let half = target.count / 2
      guard cells * coefficients <= half else { return [] }
      let slope = activation.slopeDegree(of: degree, order: max(0, degree - 1))
      return [
        .jetComposition(
          JetComposition(
            activation, of: jet(target, cells, degree: degree),
            into: jet(target, cells, degree: degree, at: half), slopeDegree: slope, bias: nil))
      ]
    }
  }

  private func productOperations(_ cells: Int, degree: Int, _: Int) -> [Operation] {
    guard cells * degree <= min(source.count, target.count) else { return [] }
    let cotangent = jet(target, cells, degree: degree, hasZero: false)
    let slope = jet(source, cells, degree: degree - 1)
    return [.jetProduct(JetProduct(.adjoint(slope: slope, cotangent: cotangent, degree: degree)))]
  }

  private func lossOperations(_ rows: Int, _ outputs: Int, _: Int) -> [Operation] {
    let count = rows * outputs
    guard 2 * count + 2 * rows <= target.count, 2 * count <= source.count else { return [] }
    func matrix(_ arena: Matrix, at offset: Int) -> Matrix {
      part(arena, count, at: offset).reshaped(rows: rows, columns: outputs)
    }
    let loss = Loss(
      .crossEntropy,
      logits: JetView(matrix(source, at: 0), block: rows, degree: 0, capacity: 0),
      targets: matrix(source, at: count), scale: nil, factor: 1, outputs: matrix(target, at: 0),
      losses: part(target, rows, at: 2 * count),
      correct: part(target, rows, at: 2 * count + rows),
      cotangent: JetView(
        matrix(target, at: count), block: rows, degree: 1, capacity: 1, hasZero: false))
    return [.loss(loss)]
  }

  /// A jet of about as many rows as columns.
  private func jet(
    _ arena: Matrix, _ cells: Int, degree: Int, hasZero: Bool = true, at offset: Int = 0
  ) -> JetView {
    let bits = cells.trailingZeroBitCount
    let (block, columns) = (1 << (bits / 2), cells >> (bits / 2))
    let coefficients = degree + (hasZero ? 1 : 0)
    let elements = part(arena, cells * coefficients, at: offset)
    return JetView(
      elements.reshaped(rows: block * coefficients, columns: columns), block: block,
      degree: degree, capacity: degree, hasZero: hasZero)
  }
}
