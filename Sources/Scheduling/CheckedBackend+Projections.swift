import Compute

/// A projected contraction whose residual lies in an arena.
struct PendingProjection {
  struct Held {
    var buffer: Buffer
    var elements: Range<Int>
  }

  var number: Int
  /// With its memory: a row above its bound is computed again from it.
  var operation: Operation
  /// C₀, where β ≠ 0: every product's output, one after the other.
  var old: Matrix?
  /// Where residual and tolerances lie, and which of their rows are outputs.
  var residual: Range<Int>
  var tolerance: Range<Int>
  var outputRows: [Int]
  var held: [Held]
}

extension CheckedBackend {
  /// Operands of pending projections may take so many bytes together.
  static let heldLimit = 64 << 20

  func requireDoublePrecision() throws {
    do {
      let x = try wrapped.matrix(1, 1, .float32, [1])
      let vector = try wrapped.matrix(1, 1, .float64, [1])
      let sums = try wrapped.matrix(1, 2, .float64)
      try wrapped.run(
        .projection(
          Projection(x, times: vector, into: sums.element(0), squares: sums.element(1))))
      try wrapped.finish()
    } catch let error as BackendError where error.cause != .memory {
      throw BackendError("--check freivalds does not work on \(name): \(error)", cause: error.cause)
    }
  }

  /// Runs a contraction and projects what it read and wrote.
  func runProjected(_ operation: Operation, _ plan: ProjectionPlan) throws {
    let count = plan.rows
    if !doubles.hasRoom(for: 2 * count) { try resolve() }
    if signs == nil || !signs!.reaches(plan.longest) {
      try resolve()
      signs = try ProjectionSigns(longest: 2 * plan.longest, seed: seed, on: wrapped)
    }
    let places = try doubles.take(2 * count, on: wrapped)
    let middle = places.lowerBound + count
    let residual = doubles.matrix(places.lowerBound..<middle)
    let tolerance = doubles.matrix(middle..<places.upperBound)
    let vector = signs!.vector(plan.columns, seed: seed, number: number)
    func part(_ vector: Matrix, _ first: Int, _ count: Int) -> Matrix {
      Matrix(vector.buffer, offset: vector.offset + first, rows: 1, columns: count)
    }

    let old = try project(oldOutputOf: operation, vector)
    try wrapped.run(operation)
    for region in plan.regions {
      let squares = try wrapped.matrix(
        1, region.rowStride * region.batch + region.matrix.rows, .float64)
      try wrapped.run(
        .projection(
          Projection(
            region.matrix, times: vector,
            into: part(residual, region.first, region.matrix.rows),
            squares: part(squares, 0, region.matrix.rows), batch: region.batch,
            strideX: region.stride, strideSums: region.rowStride)))
    }
    for rows in plan.cleared {
      try wrapped.run(
        .fill(Fill(part(tolerance, rows.lowerBound, rows.count), value: 0)))
    }
    for product in plan.products {
      try subtract(
        product, of: plan, vector, from: part(residual, product.first, product.contraction.m),
        part(tolerance, product.first, product.contraction.m), accumulates: old == nil)
    }
    if let old, case .contraction(let contraction) = operation {
      try wrapped.run(
        .projectionResidual(
          ProjectionResidual(
            part(residual, 0, contraction.m), tolerance: part(tolerance, 0, contraction.m),
            sums: part(old.sums, 0, contraction.m), squares: part(old.squares, 0, contraction.m),
            norm: signs!.ones(1), alpha: contraction.beta, coefficient: plan.coefficient,
            accumulates: true, batch: contraction.batch, strideResidual: contraction.m,
            strideSums: contraction.m)))
    }
    append(operation, plan, old?.copy, places)
    if heldBytes > Self.heldLimit || projections.count >= Self.pendingLimit { try resolve() }
  }

  private func append(
    _ operation: Operation, _ plan: ProjectionPlan, _ old: Matrix?, _ places: Range<Int>
  ) {
    var held: [PendingProjection.Held] = []
    var copy = operation
    copy.visitOperands { matrix, access in
      held.append(.init(buffer: matrix.buffer, elements: access.elements(of: matrix)))
      heldBytes += access.span * matrix.type.byteCount
    }
    statisticsOfChecks.projections += 1
    let middle = places.lowerBound + plan.rows
    projections.append(
      PendingProjection(
        number: number, operation: operation, old: old, residual: places.lowerBound..<middle,
        tolerance: middle..<places.upperBound, outputRows: plan.outputRows, held: held))
  }

  /// C₀ r, ‖c0_i‖², and a copy of C₀, of a contraction that adds to what is there.
  private func project(
    oldOutputOf operation: Operation, _ vector: Matrix
  ) throws -> (sums: Matrix, squares: Matrix, copy: Matrix)? {
    guard case .contraction(let contraction) = operation, contraction.beta != 0 else { return nil }
    let (m, batch) = (contraction.m, contraction.batch)
    let sums = try wrapped.matrix(1, m * batch, .float64)
    let squares = try wrapped.matrix(1, m * batch, .float64)
    try wrapped.run(
      .projection(
        Projection(
          contraction.c, times: vector, into: sums.rows(0..<1).reshaped(rows: 1, columns: m),
          squares: squares.reshaped(rows: 1, columns: m), batch: batch,
          strideX: contraction.strideC, strideSums: m)))
    let span = Access(.read, contraction.c, copies: batch, step: contraction.strideC).span
    let copy = try wrapped.matrix(1, span, contraction.c.type)
    try wrapped.run(
      .extraction(
        Extraction(copy, [Patch(contraction.c, starts: [0], inner: .init(span, step: 1))])))
    return (sums, squares, copy)
  }

  /// d ← d − αA(Br), τ ← τ + c|α|‖a_i‖‖B‖_F.
  private func subtract(
    _ product: ProjectionPlan.Product, of plan: ProjectionPlan, _ vector: Matrix,
    from residual: Matrix, _ tolerance: Matrix, accumulates: Bool
  ) throws {
    let contraction = product.contraction
    let (m, k, batch) = (contraction.m, contraction.k, contraction.batch)
    // One B for all products is projected once.
    let (matrices, strideB) = contraction.strideB == 0 ? (1, 0) : (batch, max(1, k))
    let image = try wrapped.matrix(1, max(1, k * matrices), .float64)
    let squaresB = try wrapped.matrix(1, max(1, k * matrices), .float64)
    let norms = try wrapped.matrix(1, 2 * matrices, .float64)
    let sums = try wrapped.matrix(1, m * batch, .float64)
    let squaresA = try wrapped.matrix(1, m * batch, .float64)
    func first(_ vector: Matrix, _ count: Int) -> Matrix {
      Matrix(vector.buffer, offset: vector.offset, rows: 1, columns: count)
    }
    try wrapped.run(
      .projection(
        Projection(
          contraction.b, transpose: contraction.transposeB, times: vector, into: first(image, k),
          squares: first(squaresB, k), batch: matrices, strideX: contraction.strideB,
          strideSums: strideB)))
    try wrapped.run(
      .projection(
        Projection(
          first(squaresB, k), times: signs!.ones(k), into: first(norms, 1),
          squares: norms.element(matrices), batch: matrices, strideX: strideB, strideSums: 1)))
    try wrapped.run(
      .projection(
        Projection(
          contraction.a, transpose: contraction.transposeA, times: first(image, k),
          into: first(sums, m), squares: first(squaresA, m), batch: batch,
          strideX: contraction.strideA, strideVector: strideB, strideSums: m)))
    try wrapped.run(
      .projectionResidual(
        ProjectionResidual(
          residual, tolerance: tolerance, sums: first(sums, m), squares: first(squaresA, m),
          norm: first(norms, 1), alpha: contraction.alpha, scale: contraction.scale,
          coefficient: plan.coefficient,
          accumulates: accumulates && contraction.beta != 0, batch: batch,
          strideResidual: product.rowStride, strideSums: m, strideNorm: matrices == 1 ? 0 : 1)))
  }

  // MARK: Resolving

  /// Computes again the rows that are above their bound.
  func resolve(_ projection: PendingProjection, _ doubles: [UInt8]) throws {
    func value(_ index: Int) -> Double {
      Double(bitPattern: ScalarType.float64.word(doubles, index))
    }
    var suspects: [(row: Int, ratio: Double)] = []
    for row in projection.outputRows {
      let residual = abs(value(projection.residual.lowerBound + row))
      let tolerance = value(projection.tolerance.lowerBound + row)
      if residual <= tolerance { continue }
      let ratio = residual / tolerance
      suspects.append((row, ratio.isNaN ? .infinity : ratio))
    }
    guard !suspects.isEmpty else { return }
    suspects.sort { $0.ratio > $1.ratio }
    let evidence = try evidence(of: projection)
    for rows in chunks(suspects.map(\.row), of: projection.operation) {
      try judge.examine(evidence.part(rows), asksOracle: false)
    }
    statisticsOfChecks.falseTriggers += suspects.count
  }

  /// What a contraction's operands hold, from where it read and wrote them.
  private func evidence(of projection: PendingProjection) throws -> CheckEvidence {
    let whole = projection.operation.wholeRestriction
    let memory = try whole.operands.map { try self.memory(of: $0.patches[0]) }
    let last = memory.count - 1
    var (before, after) = (memory.map { Optional($0) }, memory.map { _ in [UInt8]?.none })
    before[last] = try projection.old.map { try wrapped.bytes(of: $0) }
    after[last] = memory[last]
    // What was given is still there.
    if case .jetContraction(let product) = projection.operation, product.isZeroGiven {
      before[last] = memory[last]
    }
    return CheckEvidence(
      number: projection.number, operation: projection.operation.withoutMemory,
      restriction: whole.withoutMemory, before: before, after: after)
  }

  /// Restrictions to rows of the residual, the first ones first.
  private func chunks(_ rows: [Int], of operation: Operation) -> [Restriction] {
    let size = 16
    switch operation.withoutMemory {
    case .contraction(let contraction):
      let byProduct = Dictionary(grouping: rows) { $0 / contraction.m }
      return byProduct.sorted { $0.value.count < $1.value.count }.flatMap { index, rows in
        stride(from: 0, to: rows.count, by: size).map { first in
          contraction.restriction(
            rows: rows[first..<min(first + size, rows.count)].map { $0 % contraction.m },
            columns: nil, of: index)
        }
      }
    case .jetContraction(let product):
      let output = product.output
      // A row of the stack to its direction and its row of the batch; coefficient 0 is shared.
      let byDirection = Dictionary(grouping: rows) { row -> Int in
        let higher = row - (output.hasZero ? output.block : 0)
        return higher < 0 ? 0 : higher / (output.block * output.capacity)
      }
      return byDirection.sorted { $0.key < $1.key }.flatMap { direction, rows in
        var seen: Set<Int> = []
        let own = rows.map { $0 % output.block }.filter { seen.insert($0).inserted }
        return stride(from: 0, to: own.count, by: size).map { first in
          product.restriction(
            rows: Array(own[first..<min(first + size, own.count)]), columns: nil,
            direction: direction)
        }
      }
    default: return []
    }
  }
}
