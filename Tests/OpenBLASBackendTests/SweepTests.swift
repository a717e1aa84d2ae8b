import Compute
import Testing

@testable import OpenBLASBackend

/// Jet contractions in one sweep over the weights against the plain contractions that define them,
/// bit for bit: plans, degrees, awkward shapes, instruction sets, threads, scalar types.
@Suite struct SweepTests {
  /// One jet contraction: its degrees, and the sizes of its matrices.
  struct Case: CustomStringConvertible {
    var sense = JetContraction.Sense.forward
    var inputDegree, outputDegree: Int
    var block, inputs, outputs: Int
    var isInterpolated = false
    var type = ScalarType.float32

    var description: String {
      "\(sense) \(inputDegree)→\(outputDegree), \(block)×\(inputs)→\(outputs), \(type)"
        + (isInterpolated ? ", interpolated" : "")
    }

    /// Random operands on a back end.
    func operation(on backend: any Backend) throws -> JetContraction {
      func random(_ rows: Int, _ columns: Int, _ seed: Int) throws -> Matrix {
        try backend.normalMatrix(rows, columns, type, deviation: 0.5, seed: seed)
      }
      let isForward = sense == .forward
      let (rows, columns) = isForward ? (outputs, inputs) : (inputs, outputs)
      func jet(_ degree: Int, _ columns: Int, _ seed: Int) throws -> JetView {
        JetView(
          try random(block * (degree + (isForward ? 1 : 0)), columns, seed), block: block,
          degree: degree, capacity: degree, hasZero: isForward)
      }
      let isExpanded = outputDegree > 0 && !(sense == .adjoint && inputDegree == 1)
      return JetContraction(
        sense, try jet(inputDegree, inputs, 1), center: try random(rows, columns, 2),
        displacement: isExpanded ? try random(rows, columns, 3) : nil,
        into: try jet(outputDegree, outputs, 4), alpha: 0.75,
        scale: isExpanded ? try backend.matrix(1, 1, type, [4]) : nil,
        plan: isInterpolated
          ? .interpolated(sense: sense, inputDegree: inputDegree, outputDegree: outputDegree)
          : .schoolbook)
    }
  }

  static let cases: [Case] = {
    var cases = [
      Case(inputDegree: 0, outputDegree: 0, block: 37, inputs: 301, outputs: 130),
      Case(inputDegree: 0, outputDegree: 1, block: 37, inputs: 1100, outputs: 131),
      Case(inputDegree: 1, outputDegree: 2, block: 5, inputs: 2049, outputs: 167),
      Case(inputDegree: 3, outputDegree: 3, block: 13, inputs: 1030, outputs: 96),
      Case(sense: .adjoint, inputDegree: 1, outputDegree: 1, block: 64, inputs: 99, outputs: 200),
      Case(
        sense: .adjoint, inputDegree: 3, outputDegree: 2, block: 12, inputs: 1025, outputs: 160),
      Case(sense: .adjoint, inputDegree: 4, outputDegree: 4, block: 9, inputs: 1200, outputs: 128),
    ]
    for index in cases.indices.dropFirst(2) {
      var interpolated = cases[index]
      interpolated.isInterpolated = true
      if interpolated.sense == .forward || interpolated.inputDegree > 1 {
        cases.append(interpolated)
      }
    }
    var wide = cases[3]
    wide.type = .float64
    cases.append(wide)
    wide.isInterpolated = true
    cases.append(wide)
    return cases
  }()

  private static func backends() throws -> [(name: String, backend: OpenBLASBackend)] {
    // The portable instance is slow on x86: the C library's fma.
    let sets = HostContraction.instructionSets.filter { $0 != "portable" } + []
    return try (sets.isEmpty ? ["portable"] : sets).flatMap { set in
      try [1, 2, 3].map {
        ("\(set), \($0) threads", try OpenBLASBackend(threads: $0, instructionSet: set))
      }
    }
  }

  private func words(_ matrix: Matrix, _ backend: any Backend) throws -> [UInt8] {
    try backend.bytes(of: matrix)
  }

  @Test(arguments: cases)
  func sweepsHaveTheBitsOfPlainContractions(_ shape: Case) throws {
    for (name, backend) in try Self.backends() {
      let operation = try shape.operation(on: backend)
      for part in try operation.lowered(workspace: backend.allocate) { try backend.run(part) }
      let expected = try words(operation.output.matrix, backend)
      // The second time the weights are packed into copies, the third time these are read.
      for time in 1...3 {
        try backend.run(.fill(Fill(operation.output.matrix.flat, value: .nan)))
        #expect(try backend.sweep(operation), "\(shape) is swept")
        #expect(
          try words(operation.output.matrix, backend) == expected, "\(shape), \(name), use \(time)")
      }
    }
  }

  /// Copies belong to the content that they were made of.
  @Test func keptCopiesFollowTheWeights() throws {
    let backend = try OpenBLASBackend(threads: 2)
    let shape = Case(inputDegree: 1, outputDegree: 1, block: 33, inputs: 300, outputs: 140)
    let operation = try shape.operation(on: backend)
    for _ in 1...3 { try backend.run(.jetContraction(operation)) }
    #expect(backend.keptPanels.bytes > 0)
    let changes: [(String, () throws -> Void)] = [
      (
        "an operation",
        {
          try backend.run(
            .linearCombination(LinearCombination(operation.center, -2, operation.center)))
        }
      ),
      (
        "an upload",
        {
          let count = operation.displacement!.count
          try backend.upload(
            (0..<count).map { Double($0 % 7) - 3 }, to: operation.displacement!)
        }
      ),
    ]
    for (name, change) in changes {
      try change()
      for part in try operation.lowered(workspace: backend.allocate) { try backend.run(part) }
      let expected = try words(operation.output.matrix, backend)
      for _ in 1...3 {
        try backend.run(.fill(Fill(operation.output.matrix.flat, value: .nan)))
        try backend.run(.jetContraction(operation))
        #expect(try words(operation.output.matrix, backend) == expected, "after \(name)")
      }
    }
  }

  /// A product that is given its coefficient 0 reads Δ alone: no copy of W0 may pass for one
  /// afterwards. The same of Δ, which the way back at order 1 does not read.
  @Test func weightsThatAreNotReadHaveNoCopy() throws {
    let backend = try OpenBLASBackend(threads: 2)
    for (sense, degrees) in [(JetContraction.Sense.forward, (0, 1)), (.adjoint, (1, 1))] {
      let shape = Case(
        sense: sense, inputDegree: degrees.0, outputDegree: degrees.1, block: 40, inputs: 256,
        outputs: 140)
      var whole = try shape.operation(on: backend)
      if sense == .adjoint {
        whole = try Case(
          sense: sense, inputDegree: 2, outputDegree: 2, block: 40, inputs: 256, outputs: 140
        ).operation(on: backend)
      }
      for part in try whole.lowered(workspace: backend.allocate) { try backend.run(part) }
      let expected = try words(whole.output.matrix, backend)
      var partial = whole
      if sense == .forward {
        partial.isZeroGiven = true
      } else {
        (partial.input.degree, partial.output.degree) = (1, 1)
      }
      for _ in 1...3 { #expect(try backend.sweep(partial)) }
      try backend.run(.fill(Fill(whole.output.matrix.flat, value: .nan)))
      #expect(try backend.sweep(whole))
      #expect(try words(whole.output.matrix, backend) == expected, "\(sense)")
    }
  }

  /// Copies go with the buffer, and stay below the limit.
  @Test func keptCopiesAreBounded() throws {
    let kept = KeptPanels(limit: 1000)
    let memory = try HostMemory()
    do {
      let buffer = try HostBuffer(count: 100, type: .float32, memory: memory)
      let matrix = Matrix(buffer, offset: 0, rows: 10, columns: 10)
      func copy(_ bytes: Int, _ isTransposed: Bool) -> KeptPanels.Copy? {
        kept.copy(of: matrix, isTransposed: isTransposed, bytes: bytes)
      }
      #expect(copy(600, true) == nil, "once is not worth it")
      #expect(copy(600, true) != nil)
      #expect(kept.bytes == 600)
      #expect(copy(600, false) == nil)
      #expect(copy(600, false) == nil, "no room")
      buffer.version += 1
      #expect(copy(600, true) == nil, "changed")
      #expect(kept.bytes == 0)
    }
    #expect(kept.bytes == 0)
  }

  /// A gradient's contraction that changes the state at once, and a composition behind a contraction.
  @Test(arguments: [ScalarType.float32, .float64])
  func sequencesHaveTheBitsOfTheirParts(_ type: ScalarType) throws {
    for (name, backend) in try Self.backends() {
      func random(_ rows: Int, _ columns: Int, _ seed: Int) throws -> Matrix {
        try backend.normalMatrix(rows, columns, type, deviation: 1, seed: seed)
      }
      // One chain and several, whole panels and partial ones, few outputs (which are exchanged).
      for (outputs, inputs, rows) in [(70, 131, 40), (10, 65, 33), (96, 64, 2100), (3, 5, 1)] {
        let (cotangent, x) = (try random(rows, outputs, 1), try random(rows, inputs, 2))
        let gradient = try backend.matrix(outputs, inputs, type)
        let state = try random(outputs, inputs, 3)
        let product = Operation.contraction(
          Contraction(cotangent, x, into: gradient, transposeA: true, alpha: 0.3))
        let update = Operation.optimizerUpdate(
          OptimizerUpdate(
            .sgd, state: state.flat, gradient: gradient.flat, learningRate: 0.1))
        try backend.run(product)
        try backend.run(update)
        let expected = try words(state, backend)
        let start = try random(outputs, inputs, 3)
        try backend.run(.linearCombination(LinearCombination(state.flat, 1, start.flat)))
        try backend.run(sequence: [product, update])
        #expect(
          try words(state, backend) == expected, "\(outputs)×\(inputs)×\(rows), \(name)")
        #expect(backend.statistics.launches["contraction_sgd"] ?? 0 > 0)
      }

      for isInterpolated in [false, true] {
        var shape = Case(inputDegree: 3, outputDegree: 3, block: 21, inputs: 1030, outputs: 170)
        (shape.isInterpolated, shape.type) = (isInterpolated, type)
        let operation = try shape.operation(on: backend)
        let value = JetView(
          try backend.matrix(4 * 21, 170, type), block: 21, degree: 3, capacity: 3)
        let bias = JetComposition.Bias(
          center: try random(1, 170, 5), displacement: try random(1, 170, 6),
          displacementStride: 0, factor: 0.5, scale: operation.scale)
        let composition = JetComposition(
          .tanh, of: operation.output, into: value, slopeDegree: 2, bias: bias)
        try backend.run(.jetContraction(operation))
        try backend.run(.jetComposition(composition))
        let expected = try [operation.output.matrix, value.matrix].map { try words($0, backend) }
        try backend.run(
          sequence: [.jetContraction(operation), .jetComposition(composition)])
        let found = try [operation.output.matrix, value.matrix].map { try words($0, backend) }
        #expect(found == expected, "composition, \(name), interpolated: \(isInterpolated)")
      }
    }
  }
}

extension Backend {
  /// Normal numbers of this standard deviation.
  fileprivate func normalMatrix(
    _ rows: Int, _ columns: Int, _ type: ScalarType, deviation: Double, seed: Int
  ) throws -> Matrix {
    let matrix = try self.matrix(rows, columns, type)
    try run(
      .randomFill(
        RandomFill(
          matrix.flat, .normal, factor: deviation, seed: 5, purpose: .parameters, tensor: seed)))
    return matrix
  }
}
