import Compute

/// One shape of a tuner: a product whose time counts, and products whose bits count.
struct TuningCase {
  /// An operation on the device, what its result holds before and must hold after it.
  struct Check {
    let operation: Operation
    let result: Matrix
    let start: [Float]
    let expected: [UInt8]
  }

  let kind: ContractionClass
  let label: String
  let timed: Contraction
  var checks: [Check] = []

  /// - Parameters:
  ///   - reference: a back end with the right bits.
  ///   - hasJets: whether jet contractions are kernel functions of their own.
  init(
    _ kind: ContractionClass, _ shape: (m: Int, n: Int, k: Int), on device: OpenCLBackend,
    _ reference: any Backend, hasJets: Bool
  ) throws {
    self.kind = kind
    let suffix = kind.transposesA ? " Aᵀ" : kind.transposesB ? " Bᵀ" : ""
    label = "\(shape.m)×\(shape.n)×\(shape.k)" + suffix
    timed = try Self.product(kind, shape, on: device).contraction
    let known = try Self.product(kind, shape, on: reference)
    try add(
      .contraction(timed), timed.c, .contraction(known.contraction), known.contraction.c, reference)
    // Edges in every direction, two chains, a batch, and a C that is read.
    let awkward = (m: 67, n: 133, k: 1030)
    let mine = try Self.product(kind, awkward, batch: 2, beta: 0.5, on: device)
    let theirs = try Self.product(kind, awkward, batch: 2, beta: 0.5, on: reference)
    try add(
      .contraction(mine.contraction), mine.whole, .contraction(theirs.contraction), theirs.whole,
      reference)
    guard hasJets, kind == .forward || kind == .adjoint else { return }
    let sense = kind == .forward ? JetContraction.Sense.forward : .adjoint
    let jet = try Self.jet(sense, on: device)
    let other = try Self.jet(sense, on: reference)
    try add(
      .jetContraction(jet), jet.output.matrix, .jetContraction(other), other.output.matrix,
      reference)
  }

  private mutating func add(
    _ operation: Operation, _ result: Matrix, _ known: Operation, _ expected: Matrix,
    _ reference: any Backend
  ) throws {
    let start = Self.values(result.count, seed: 9)
    try Self.upload(start, to: expected, on: reference)
    try reference.run(known)
    checks.append(
      Check(
        operation: operation, result: result, start: start,
        expected: try reference.bytes(of: expected)))
  }

  /// Whether every check has the reference's bits.
  func isRight(on device: OpenCLBackend) throws -> Bool {
    for check in checks {
      try Self.upload(check.start, to: check.result, on: device)
      try device.run(check.operation)
      if try device.bytes(of: check.result) != check.expected { return false }
    }
    return true
  }

  // MARK: Operations

  private static func product(
    _ kind: ContractionClass, _ shape: (m: Int, n: Int, k: Int), batch: Int = 1, beta: Double = 0,
    on backend: any Backend
  ) throws -> (contraction: Contraction, whole: Matrix) {
    let (m, n, k) = shape
    func operand(_ rows: Int, _ columns: Int, seed: UInt32) throws -> Matrix {
      let whole = try backend.matrix(batch * rows, columns, .float32)
      try upload(values(whole.count, seed: seed), to: whole, on: backend)
      return whole
    }
    let a = try kind.transposesA ? operand(k, m, seed: 1) : operand(m, k, seed: 1)
    let b = try kind.transposesB ? operand(n, k, seed: 2) : operand(k, n, seed: 2)
    let c = try backend.matrix(batch * m, n, .float32)
    let contraction = Contraction(
      a.rows(0..<a.rows / batch), b.rows(0..<b.rows / batch), into: c.rows(0..<m),
      transposeA: kind.transposesA, transposeB: kind.transposesB, alpha: 1.25, beta: beta,
      batch: batch, strideA: m * k, strideB: k * n, strideC: m * n)
    return (contraction, c)
  }

  /// Degree 2, 70 inputs, 75 outputs, 33 examples.
  private static func jet(
    _ sense: JetContraction.Sense, on backend: any Backend
  ) throws -> JetContraction {
    let isForward = sense == .forward
    func view(_ columns: Int, seed: UInt32) throws -> JetView {
      let matrix = try backend.matrix(33 * (isForward ? 3 : 2), columns, .float32)
      try upload(values(matrix.count, seed: seed), to: matrix, on: backend)
      return JetView(matrix, block: 33, degree: 2, capacity: 2, hasZero: isForward)
    }
    func weights(seed: UInt32) throws -> Matrix {
      let matrix = try backend.matrix(75, 70, .float32)
      try upload(values(matrix.count, seed: seed), to: matrix, on: backend)
      return matrix
    }
    return JetContraction(
      sense, try view(isForward ? 70 : 75, seed: 3), center: try weights(seed: 4),
      displacement: try weights(seed: 5), into: try view(isForward ? 75 : 70, seed: 6), alpha: 1,
      scale: nil)
  }

  /// Numbers in (−1, 1) of 24 bits.
  private static func values(_ count: Int, seed: UInt32) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { target, initialized in
      var state = seed &* 0x9e37_79b9 | 1
      for index in 0..<count {
        // xorshift. Source: Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        target[index] = Float(Int32(bitPattern: state) >> 8) * 0x1p-23
      }
      initialized = count
    }
  }

  private static func upload(
    _ values: [Float], to matrix: Matrix, on backend: any Backend
  ) throws {
    try values.withUnsafeBytes { try backend.upload($0, to: matrix) }
  }
}

extension ContractionClass {
  var transposesA: Bool { self == .gradient }
  var transposesB: Bool { self == .forward || self == .fewRows || self == .fewColumns }
}
