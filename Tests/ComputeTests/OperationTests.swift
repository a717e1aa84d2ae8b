import Compute
import TestSupport
import Testing

/// Every operation on every backend: float32 within the definition's bound, with the same bits.
@BackendActor @Suite struct OperationTests {
  private func run(
    _ operation: OperationCase, _ type: ScalarType, on backend: any Backend
  ) throws -> [Matrix] {
    let (operation, outputs) = try operation.make(backend, type)
    try backend.run(operation)
    return outputs
  }

  @Test(arguments: OperationCase.all)
  func singlePrecision(_ operation: OperationCase) throws {
    let reference = ReferenceBackend()
    let bounds = try run(operation, .float32, on: reference).flatMap { reference.bounded($0) }
    let results = try BackendUnderTest.onEach { backend in
      try run(operation, .float32, on: backend).flatMap { try backend.download($0) }
    }
    for other in results.dropFirst() {
      #expect(bits(other.result) == bits(results[0].result), "\(other.backend)")
    }
    for (index, (value, bound)) in zip(results[0].result, bounds).enumerated() {
      let allowed = bound.error * 0x1p-24 * 1.001 + 0x1p-149
      #expect(abs(value - bound.value) <= allowed, "element \(index)")
    }
  }

  /// A second run on the same operands gives the same bits.
  @Test(arguments: [BackendUnderTest.openblas2, .openclHost, .openclDevice])
  func repeatedRuns(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    for operation in OperationCase.all where operation.name.contains("×") {
      let runs = try (0..<2).map { _ in
        try run(operation, .float32, on: backend).flatMap { try backend.download($0) }
      }
      #expect(bits(runs[0]) == bits(runs[1]), "\(operation)")
    }
  }

  /// Integers have exact sums in every order and type.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func integerContractionsAreExact(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let (m, n, k) = (9, 35, 1030)
    let a = (0..<(m * k)).map { Double($0 * 7 % 15 - 7) }
    let b = (0..<(k * n)).map { Double($0 * 11 % 13 - 6) }
    let c = try backend.matrix(m, n, type)
    try backend.run(
      .contraction(
        Contraction(
          backend.matrix(m, k, type, a), backend.matrix(k, n, type, b), into: c)))
    let expected = (0..<(m * n)).map { index in
      (0..<k).reduce(0.0) { $0 + a[index / n * k + $1] * b[$1 * n + index % n] }
    }
    #expect(try backend.download(c) == expected)
  }

  /// β = 0 never reads C, and the depth is never padded: NaN and −0 show it.
  @Test(arguments: BackendUnderTest.canonical)
  func contractionEdges(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let c = try backend.matrix(2, 2, .float32, [.nan, .nan, .nan, .nan])
    let a = try backend.matrix(2, 1, .float32, [-0.0, .infinity])
    let b = try backend.matrix(1, 2, .float32, [1, 2])
    try backend.run(.contraction(Contraction(a, b, into: c)))
    // fma(−0, 1, +0) = +0.
    #expect(bits(try backend.download(c)) == bits([0, 0, .infinity, .infinity]))
    let empty = try backend.matrix(2, 0, .float32)
    let none = try backend.matrix(0, 2, .float32)
    try backend.run(.contraction(Contraction(empty, none, into: c, beta: 2)))
    #expect(bits(try backend.download(c)) == bits([0, 0, .infinity, .infinity]))
    try backend.run(.contraction(Contraction(empty, none, into: c)))
    #expect(bits(try backend.download(c)) == bits([0, 0, 0, 0]))
  }

  /// relu passes NaN on; its value and slope at ±0 are 0.
  @Test(arguments: BackendUnderTest.canonical)
  func reluEdges(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let z = JetView(
      try backend.matrix(1, 4, .float32, [.nan, 0, -0.0, 3]), block: 1, degree: 0, capacity: 0)
    let y = JetView(try backend.matrix(1, 4, .float32), block: 1, degree: 0, capacity: 0)
    try backend.run(
      .jetComposition(JetComposition(.relu, of: z, into: y, slopeDegree: 0, bias: nil)))
    let values = try backend.download(y.matrix)
    #expect(values[0].isNaN && values[1...] == [0, 0, 3])
    #expect(try backend.download(z.matrix)[1...] == [0, 0, 1])
  }
}
