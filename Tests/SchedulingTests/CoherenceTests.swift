import Compute
import OpenBLASBackend
import Scheduling
import TestSupport
import Testing

/// Random sequences of operations, uploads and downloads with random placement, against the same
/// sequence on one backend, and against a model that keeps a set of places per element.
@Suite struct CoherenceTests {
  static let count = 60

  @BackendActor @Test(arguments: 1...3)
  func anySequenceGivesWhatOnePlaceGives(accelerators: Int) throws {
    for seed in 0..<40 {
      var random = SeededGenerator(seed: UInt64(seed))
      let places = accelerators + 1
      var picks: [Int] = []
      let scheduler = try scheduler(accelerators: accelerators) { _ in
        picks.append(Int.random(in: 0..<places, using: &random))
        return picks.last!
      }
      let plain = try OpenBLASBackend(threads: 1)
      var model = Model(places: places, buffers: 4)
      var actions = SeededGenerator(seed: UInt64(1000 + seed))
      let own = try (0..<4).map { _ in try scheduler.matrix(1, Self.count, .float32) }
      let other = try (0..<4).map { _ in try plain.matrix(1, Self.count, .float32) }
      for buffer in 0..<4 {
        let values = sample(Self.count, seed: UInt64(buffer))
        try scheduler.upload(values, to: own[buffer])
        try plain.upload(values, to: other[buffer])
        model.write(buffer, 0..<Self.count, at: picks.last!)
      }
      for _ in 0..<80 {
        try step(&actions, scheduler, own, plain, other, &model) { picks.last! }
      }
      for buffer in 0..<4 {
        model.download(buffer, 0..<Self.count)
        #expect(try scheduler.download(own[buffer]) == plain.download(other[buffer]))
      }
      // Nothing was copied that was already there, and nothing twice.
      #expect(scheduler.report.map(\.transferredBytes).reduce(0, +) == 4 * model.copies)
    }
  }

  @BackendActor private func step(
    _ random: inout SeededGenerator, _ a: Scheduler, _ own: [Matrix], _ b: any Backend,
    _ other: [Matrix], _ model: inout Model, _ place: () -> Int
  ) throws {
    func randomRange() -> Range<Int> {
      let first = Int.random(in: 0..<Self.count, using: &random)
      return first..<Int.random(in: (first + 1)...Self.count, using: &random)
    }
    func part(_ matrix: Matrix, _ first: Int, _ count: Int) -> Matrix {
      Matrix(matrix.buffer, offset: first, rows: 1, columns: count)
    }
    let order = [0, 1, 2, 3].shuffled(using: &random)
    let (x, y, out) = (order[0], order[1], order[2])
    switch Int.random(in: 0..<6, using: &random) {
    case 0:
      let (to, from) = (randomRange(), Int.random(in: 0..<Self.count, using: &random))
      let count = min(to.count, Self.count - from)
      for (backend, m) in [(a as any Backend, own), (b, other)] {
        try backend.run(
          .linearCombination(
            LinearCombination(
              part(m[out], to.lowerBound, count), 2, part(m[x], from, count), -0.5,
              part(m[y], from, count))))
      }
      model.read(x, from..<from + count, at: place())
      model.read(y, from..<from + count, at: place())
      model.write(out, to.lowerBound..<to.lowerBound + count, at: place())
    case 1:
      let range = randomRange()
      for (backend, m) in [(a as any Backend, own), (b, other)] {
        try backend.run(
          .optimizerUpdate(
            OptimizerUpdate(
              .sgd, state: part(m[out], range.lowerBound, range.count),
              gradient: part(m[x], range.lowerBound, range.count), learningRate: 0.25)))
      }
      model.read(x, range, at: place())
      model.read(out, range, at: place())
      model.write(out, range, at: place())
    case 2:
      // Rows with gaps between them: what lies in the gaps must survive.
      for (backend, m) in [(a as any Backend, own), (b, other)] {
        let c = Matrix(m[out].buffer, offset: 3, rows: 4, columns: 5, stride: 11)
        let left = Matrix(m[x].buffer, offset: 1, rows: 4, columns: 3)
        let right = Matrix(m[y].buffer, offset: 2, rows: 3, columns: 5)
        try backend.run(.contraction(Contraction(left, right, into: c)))
      }
      model.read(x, 1..<13, at: place())
      model.read(y, 2..<17, at: place())
      model.read(out, 3..<41, at: place())
      model.write(out, 3..<41, at: place())
    case 3:
      let range = randomRange()
      let values = sample(range.count, seed: random.next())
      try a.upload(values, to: part(own[out], range.lowerBound, range.count))
      try b.upload(values, to: part(other[out], range.lowerBound, range.count))
      model.write(out, range, at: place())
    case 4:
      let range = randomRange()
      let mine = try a.download(part(own[x], range.lowerBound, range.count))
      #expect(mine == (try b.download(part(other[x], range.lowerBound, range.count))))
      model.download(x, range)
    default:
      let range = randomRange()
      let started = try a.startDownload(part(own[x], range.lowerBound, range.count))
      model.download(x, range)
      // What comes later does not change what was asked for.
      let expected = try b.bytes(of: part(other[x], range.lowerBound, range.count))
      for (backend, m) in [(a as any Backend, own), (b, other)] {
        try backend.run(.fill(Fill(part(m[x], range.lowerBound, range.count), value: 7)))
      }
      model.write(x, range, at: place())
      #expect(try started.wait() == expected)
    }
  }

  private struct Model {
    /// Where each element of each buffer is current.
    var valid: [[Set<Int>]]
    let places: Int
    /// Elements copied from one place to another.
    var copies = 0

    init(places: Int, buffers: Int) {
      self.places = places
      valid = Array(
        repeating: Array(repeating: [], count: CoherenceTests.count), count: buffers)
    }

    mutating func write(_ buffer: Int, _ range: Range<Int>, at place: Int) {
      for i in range { valid[buffer][i] = [place] }
    }

    mutating func read(_ buffer: Int, _ range: Range<Int>, at place: Int) {
      for i in range where !valid[buffer][i].contains(place) {
        // From one accelerator to another the way leads over the host, which keeps a copy.
        if place != 0, !valid[buffer][i].contains(0) {
          valid[buffer][i].insert(0)
          copies += 1
        }
        valid[buffer][i].insert(place)
        copies += 1
      }
    }

    mutating func download(_ buffer: Int, _ range: Range<Int>) {
      let holder = (0..<places).first { place in
        range.allSatisfy { valid[buffer][$0].contains(place) }
      }
      if holder == nil { read(buffer, range, at: 0) }
    }
  }

  @BackendActor private func scheduler(
    accelerators: Int, _ pick: @escaping (Int) -> Int
  ) throws -> Scheduler {
    Scheduler(
      host: try OpenBLASBackend(threads: 1), hostProfile: nil,
      measureHost: { preconditionFailure("nothing is measured") },
      accelerators: (0..<accelerators).map { index in
        Accelerator(
          name: "accelerator \(index)", profile: nil,
          open: { try OpenBLASBackend(threads: 1) },
          measure: { preconditionFailure("nothing is measured") })
      }, policy: .forced(pick))
  }

  @BackendActor @Test func aStaleCopyIsGivenBack() throws {
    var place = 0
    let scheduler = try scheduler(accelerators: 1) { _ in place }
    let x = try scheduler.matrix(1, 1000, .float32, sample(1000, seed: 1))
    let y = try scheduler.matrix(1, 1000, .float32)
    func double(at other: Int) throws {
      place = other
      try scheduler.run(.linearCombination(LinearCombination(y, 2, x)))
    }
    try double(at: 1)
    let accelerator = try #require(scheduler.parts.last)
    #expect(accelerator.statistics.liveBytes == 8000)
    try double(at: 0)
    // x is current at both, y on the host only.
    #expect(accelerator.statistics.liveBytes == 4000)
    #expect(scheduler.statistics.liveBytes == 8000)
  }
}
