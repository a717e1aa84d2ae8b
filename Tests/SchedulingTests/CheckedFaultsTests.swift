import Compute
import OpenBLASBackend
import Scheduling
import TestSupport
import Testing

/// Injected faults are found, wherever they are in a run.
@BackendActor @Suite struct CheckedFaultsTests {
  private let cpu: OpenBLASBackend
  private let device: OpenBLASBackend

  init() throws {
    cpu = try OpenBLASBackend(threads: 1)
    device = try OpenBLASBackend(threads: 2)
  }

  /// What a run under checks ends with.
  private func found(
    _ fault: FaultyBackend.Fault, _ level: CheckLevel, seed: UInt64 = 0,
    in body: (any Backend) throws -> Void
  ) throws -> (disagreement: Disagreement?, faulty: FaultyBackend) {
    let faulty = FaultyBackend(device)
    let checked = try CheckedBackend(faulty, against: cpu, level: level, seed: seed)
    faulty.fault = fault
    do {
      try body(checked)
      try checked.finish()
    } catch let error as Disagreement {
      return (error, faulty)
    }
    return (nil, faulty)
  }

  /// Whole operations: one flipped bit, whichever it is, at any operation of a training run.
  @Test(arguments: [0, 1, 2]) func everyFlippedBitIsFound(_ order: Int) throws {
    let run = try SmallRun(order: order, steps: order == 0 ? 1 : 3)
    let counter = FaultyBackend(device)
    let hash = try run.hash(on: counter)
    #expect(try run.hash(on: cpu) == hash)
    var names: Set<String> = []
    for operation in 0..<counter.operations {
      for bit in [0, (7 * operation + 3) % 32] {
        let (disagreement, faulty) = try found(
          .flip(operation: operation, element: 5 * operation + bit, bit: bit), .whole(every: 1)
        ) { _ = try run.hash(on: $0) }
        #expect(faulty.isDone, "operation \(operation)")
        let error = try #require(disagreement, "bit \(bit) of operation \(operation)")
        #expect(error.number == operation + 1)
        #expect(error.wrongCount == 1)
        #expect(error.worst.computedBits ^ error.worst.expectedBits == 1 << UInt64(bit))
        names.insert(error.operation)
      }
    }
    #expect(names.count >= (order == 0 ? 11 : 14), "\(names.sorted())")
  }

  /// The lowest bit of one element, under every other level and chance, changes the run's result
  /// or is found: a check of every third operation finds a third of them.
  @Test func rarerChecksFindTheirShare() throws {
    let run = try SmallRun(order: 1, steps: 1)
    let counter = FaultyBackend(device)
    _ = try run.hash(on: counter)
    var caught = 0
    for operation in 0..<counter.operations {
      let (disagreement, _) = try found(
        .flip(operation: operation, element: 3, bit: 0), .whole(every: 3), seed: 9
      ) { _ = try run.hash(on: $0) }
      if let disagreement {
        caught += 1
        #expect(disagreement.number == operation + 1)
      }
    }
    // One operation of each window of three.
    #expect(caught == (counter.operations + 2) / 3 || caught == counter.operations / 3)
  }

  @Test(arguments: [CheckLevel.elements, .freivalds, .whole(every: 1)])
  func everywhereNaNIsFound(_ level: CheckLevel) throws {
    let run = try SmallRun(order: 2, steps: 1)
    for name in ["contraction", "jet_contraction", "jet_composition", "loss", "optimizer_update"] {
      // Exponent bits of all elements: no number stays what it was.
      let (disagreement, faulty) = try found(.spoil(name: name, every: 1, bit: 30), level) {
        _ = try run.hash(on: $0)
      }
      #expect(faulty.isDone)
      #expect(disagreement?.operation == name)
    }
    let operations = FaultyBackend(device)
    _ = try run.hash(on: operations)
    let (disagreement, _) = try found(
      .nan(operation: operations.operations - 1, element: 2), .whole(every: 1)
    ) { _ = try run.hash(on: $0) }
    #expect(disagreement?.worst.computed.isNaN == true)
  }

  /// A fault that spoils a share of all contractions' elements is found by a sample of them: here
  /// every 20th element's lowest bit, in 400 contractions. It escapes with probability
  /// (19/20)^1600 at most.
  @Test func systematicFaultsAreFoundBySamples() throws {
    let (disagreement, _) = try found(
      .spoil(name: "contraction", every: 20, bit: 0), .elements, seed: 4
    ) { backend in
      let a = try backend.matrix(31, 17, .float32, sample(31 * 17, seed: 1))
      let b = try backend.matrix(17, 23, .float32, sample(17 * 23, seed: 2))
      for _ in 0..<400 {
        try backend.run(.contraction(Contraction(a, b, into: backend.matrix(31, 23, .float32))))
      }
    }
    let error = try #require(disagreement)
    #expect(error.operation == "contraction" && error.judge.hasPrefix("the CPU path"))
    #expect((error.worst.row * 23 + error.worst.column) % 20 == 0)
    #expect(error.worst.operand == "c" && error.worst.bound == 0)
  }

  // MARK: Projections

  /// A wrong element that is off by more than 2τ is found and named; without it nothing is.
  @Test(
    arguments: [
      (1, 1, 1), (7, 5, 3), (64, 65, 33), (3, 70, 1025), (65, 3, 2051), (130, 31, 128),
    ], [false, true])
  func projectionsFindErrorsAboveTheirBound(
    _ shape: (m: Int, n: Int, k: Int), _ transpose: Bool
  ) throws {
    let (m, n, k) = shape
    for beta in [0, -0.5] {
      let values = (a: sample(m * k, seed: 5), b: sample(k * n, seed: 6), c: sample(m * n, seed: 7))
      func multiply(_ backend: any Backend) throws {
        let a = try backend.matrix(transpose ? k : m, transpose ? m : k, .float32, values.a)
        let b = try backend.matrix(transpose ? n : k, transpose ? k : n, .float32, values.b)
        let c = try backend.matrix(m, n, .float32, values.c)
        try backend.run(
          .contraction(
            Contraction(
              a, b, into: c, transposeA: transpose, transposeB: transpose, alpha: 0.75, beta: beta))
        )
      }
      let row = m / 2
      let (column, element) = (n / 3, row * n + n / 3)
      // 2τ_i by its formula.
      let left = norm((0..<k).map { values.a[transpose ? $0 * m + row : row * k + $0] })
      let size =
        0.75 * left * norm(values.b)
        + abs(beta) * norm(Array(values.c[(row * n)..<((row + 1) * n)]))
      let roundings = Double(min(k, 1024) + (k + 1023) / 1024 + 3)
      let threshold = 2 * 8 * roundings.squareRoot() * 0x1p-24 * size
      // The probe for double precision, and what β ≠ 0 saves, go first.
      let place = 1 + (beta == 0 ? 0 : 2)
      let (disagreement, faulty) = try found(
        .add(operation: place, element: element, 1.001 * threshold), .freivalds, in: multiply)
      #expect(faulty.isDone)
      let error = try #require(disagreement, "β = \(beta)")
      #expect((error.worst.row, error.worst.column) == (row, column))
      #expect(error.wrongCount == 1)
      // 1.001 times that, rounded when it is added.
      let added = error.worst.computed - error.worst.expected
      let rounding = 0x1p-23 * abs(error.worst.computed)
      #expect(abs(added - 1.001 * threshold) <= rounding)
      let (nothing, _) = try found(
        .add(operation: place, element: element, 0), .freivalds, in: multiply)
      #expect(nothing == nil)
    }
  }

  /// Every jet contraction of a run: a sign or exponent bit of an element that is not small.
  @Test func projectionsFindErrorsInJets() throws {
    let run = try SmallRun(order: 2, steps: 2)
    let (disagreement, _) = try found(
      .spoil(name: "jet_contraction", every: 7, bit: 29), .freivalds
    ) { _ = try run.hash(on: $0) }
    #expect(disagreement?.operation == "jet_contraction")
    #expect(disagreement?.level == .freivalds)
  }

  /// Rounding errors that all have the same sign, for which the bound's model does not hold:
  /// suspicion costs time, and ends in no alarm.
  @Test func noFalseAlarmOnConstantData() throws {
    let checked = try CheckedBackend(device, against: cpu, level: .freivalds)
    for value in [0.1, 1 / 3.0, 0x1p-140, 3e37, .infinity, .nan] {
      let a = try checked.matrix(9, 1024, .float32, repeatElement(value, count: 9 * 1024))
      let b = try checked.matrix(1024, 33, .float32, repeatElement(0.7, count: 1024 * 33))
      let c = try checked.matrix(9, 33, .float32)
      try checked.run(.contraction(Contraction(a, b, into: c)))
      try checked.finish()
    }
    #expect(checked.checks.projections == 6)
    // At least NaN and infinity.
    #expect(checked.checks.falseTriggers >= 18)
  }
}
