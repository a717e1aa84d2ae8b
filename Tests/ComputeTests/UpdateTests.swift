import Compute
import OpenCLBackend
import TestSupport
import Testing

/// An update in one pass has the bits of the same done in passes of their own: plain loops over Float,
/// every product, sum and fma rounded once.
@BackendActor @Suite struct UpdateTests {
  /// What a step asks for besides the rule.
  struct Extras: Sendable {
    var clip: Float?
    var decay: Float?
    var decoupled: Float?
    var hasCenter = false
    var hasNoise = false

    static let all = [
      Extras(), Extras(clip: 0.3), Extras(decay: 0.01, hasCenter: true),
      Extras(clip: 0.7, decay: 0.01), Extras(clip: 0.7, decoupled: -0.003, hasCenter: true),
      Extras(clip: 0.3, decay: 0.02, hasCenter: true, hasNoise: true),
    ]
  }

  private struct Vectors {
    var state: [Float]
    var first: [Float]
    var second: [Float]
    let gradient: [Float]
    let center: [Float]
    let noise: [Float]
    var parameters: [Float] = []
    var squares: Float = 0

    init(_ count: Int) {
      func vector(_ seed: UInt64) -> [Float] { sample(count, seed: seed).map { Float($0) } }
      (state, first, second) = (vector(1), vector(2), vector(3).map { $0 * $0 })
      (gradient, center, noise) = (vector(4), vector(5), vector(6))
    }
  }

  private static let rate: Float = -0.1
  /// Takes elements of a sum as GPUs do.
  private static let gpuParts = Result {
    try OpenCLBackend(deviceIndex: 0, family: .device, buildOptions: ["-DUPDATE_PART=8"])
  }

  /// The definition of each pass.
  private func passes(_ v: inout Vectors, rule: Int, _ extras: Extras) {
    var g = v.gradient
    if let clip = extras.clip { g = g.map { $0 * clip } }
    func theta(_ i: Int) -> Float { extras.hasCenter ? v.center[i] + v.state[i] : v.state[i] }
    if let decay = extras.decay {
      for i in g.indices { g[i] = g[i].addingProduct(decay, theta(i)) }
    }
    if let rate = extras.decoupled {
      for i in g.indices {
        let u = rate * theta(i)
        v.state[i] += u
      }
    }
    if extras.hasNoise { for i in g.indices { g[i] = v.noise[i] + g[i] } }
    for i in g.indices {
      switch rule {
      case 0: break
      case 1:
        v.first[i] = g[i].addingProduct(0.9, v.first[i])
        g[i] = v.first[i]
      default:
        let (g1, g2) = (Float(1 - 0.9) * g[i], Float(1 - 0.999) * g[i])
        v.first[i] = g1.addingProduct(0.9, v.first[i])
        let g3 = g2 * g[i]
        v.second[i] = g3.addingProduct(0.999, v.second[i])
        let corrected = v.second[i] / Float(1 - 0.999 * 0.999 * 0.999)
        let denominator = corrected.squareRoot() + 1e-8
        g[i] = v.first[i] / Float(1 - 0.9 * 0.9 * 0.9) / denominator
      }
      let u = Self.rate * g[i]
      v.state[i] += u
    }
    v.parameters = v.state.indices.map { v.center[$0] + v.state[$0] }
    v.squares = Self.squares(v.state)
  }

  /// The canonical order: blocks of 65,536, in a block lane i mod 64 ascending, then a fixed tree; the
  /// sums of blocks alike.
  private static func squares(_ x: [Float]) -> Float {
    func reduced(_ x: [Float], _ term: (Float, Float) -> Float) -> [Float] {
      stride(from: 0, to: x.count, by: 65_536).map { block in
        var lanes = [Float](repeating: 0, count: 64)
        for i in block..<min(x.count, block + 65_536) {
          lanes[i % 64] = term(lanes[i % 64], x[i])
        }
        var half = 32
        while half > 0 {
          for lane in 0..<half { lanes[lane] += lanes[lane + half] }
          half /= 2
        }
        return lanes[0]
      }
    }
    var sums = reduced(x) { $0.addingProduct($1, $1) }
    while sums.count > 1 { sums = reduced(sums) { $0 + $1 } }
    return sums[0]
  }

  private func expect(_ count: Int, rule: Int, _ extras: Extras, squares: Bool) throws {
    let start = Vectors(count)
    var expected = start
    passes(&expected, rule: rule, extras)
    func run(_ backend: any Backend) throws -> Vectors {
      // Two words before and behind each vector, which stay.
      func vector(_ values: [Float]) throws -> Matrix {
        let padded = [7, 7] + values + [7, 7]
        let matrix = try backend.matrix(1, padded.count, .float32)
        try backend.upload(padded, to: matrix)
        return matrix.slice(at: 2, rows: 1, columns: values.count)
      }
      func whole(_ matrix: Matrix) throws -> [Float] {
        let all = try backend.elements(
          of: Matrix(matrix.buffer, rows: 1, columns: matrix.count + 4), as: Float.self)
        #expect(all.prefix(2) == [7, 7] && all.suffix(2) == [7, 7], "a write outside")
        return Array(all.dropFirst(2).dropLast(2))
      }
      var v = start
      let (state, first, second) = (
        try vector(v.state), try vector(v.first), try vector(v.second)
      )
      let gradient = try vector(v.gradient)
      let rules: [OptimizerUpdate.Rule] = [
        .sgd, .momentum(velocity: first, 0.9),
        .adam(first: first, second: second, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 3),
      ]
      var update = OptimizerUpdate(
        rules[rule], state: state, gradient: gradient, learningRate: 0.1,
        clip: try extras.clip.map { try vector([$0]) })
      if extras.hasCenter {
        update.center = try vector(v.center)
        update.parameters = try vector(v.parameters.isEmpty ? v.state : v.parameters)
      }
      if extras.hasNoise { update.noise = try vector(v.noise) }
      if let decay = extras.decay { update.decay = .gradient(Double(decay)) }
      if let rate = extras.decoupled { update.decay = .state(rate: Double(rate)) }
      if squares { update.squares = try vector([0]) }
      try backend.run(.optimizerUpdate(update))
      #expect(try whole(gradient) == v.gradient, "the gradient is only read")
      (v.state, v.first, v.second) = (try whole(state), try whole(first), try whole(second))
      v.parameters = try update.parameters.map(whole) ?? expected.parameters
      v.squares = try update.squares.map { try whole($0)[0] } ?? expected.squares
      return v
    }
    var all = try BackendUnderTest.onEach(run).map { ("\($0.backend)", $0.result) }
    if squares { all.append(("parts of eight", try run(Self.gpuParts.get()))) }
    for (place, found) in all {
      let label = "\(place), rule \(rule), \(extras)"
      #expect(found.state.map(\.bitPattern) == expected.state.map(\.bitPattern), "\(label)")
      #expect(found.first.map(\.bitPattern) == expected.first.map(\.bitPattern), "\(label)")
      #expect(found.second.map(\.bitPattern) == expected.second.map(\.bitPattern), "\(label)")
      #expect(found.parameters == expected.parameters, "\(label)")
      #expect(found.squares.bitPattern == expected.squares.bitPattern, "\(label)")
    }
  }

  @Test(arguments: 0..<3) func onePassHasTheBitsOfMany(_ rule: Int) throws {
    for (index, extras) in Extras.all.enumerated() {
      try expect(777, rule: rule, extras, squares: index % 2 == 0)
    }
    try expect(1, rule: rule, Extras.all[5], squares: true)
  }

  /// Whole blocks, one element more, and three blocks with a part.
  @Test(arguments: [65_536, 65_537, 140_001]) func normsHaveTheOrderOfReductions(_ count: Int)
    throws
  {
    try expect(count, rule: 1, Extras(decay: 0.01, hasCenter: true), squares: true)
  }
}
