import Compute
import Jets
import TestSupport
import Testing

/// Convolutions against loops over example, position, channel and kernel position, written from the
/// formula out[o, y, x] = Σ W[o, c, i, j]·in[c, y·s − top + i, x·s − left + j], with groups
/// in[g·C + c, …] for the outputs o of group g.
@BackendActor @Suite struct ConvolutionTests {
  typealias Extent = ConvolutionGeometry.Extent

  /// Plain, strided, padded, one-sided, pointwise, and those whose patches are views.
  nonisolated static let geometries: [ConvolutionGeometry] = [
    ConvolutionGeometry(
      input: Extent(5, 4), kernel: Extent(3, 3), output: Extent(3, 2), channels: 3),
    ConvolutionGeometry(
      input: Extent(5, 4), kernel: Extent(3, 3), top: 1, left: 1, output: Extent(5, 4),
      channels: 2),
    ConvolutionGeometry(
      input: Extent(6, 5), kernel: Extent(3, 3), stride: Extent(2, 2), top: 0, left: 1,
      output: Extent(3, 3), channels: 2),
    ConvolutionGeometry(
      input: Extent(4, 5), kernel: Extent(2, 3), stride: Extent(3, 2), top: 1, left: 2,
      output: Extent(2, 3), channels: 1),
    ConvolutionGeometry(
      input: Extent(4, 3), kernel: Extent(1, 1), output: Extent(4, 3), channels: 5),
    ConvolutionGeometry(
      input: Extent(4, 5), kernel: Extent(1, 1), stride: Extent(2, 2), output: Extent(2, 3),
      channels: 3),
    // The whole image; half of its lines at a time; all but its last line.
    ConvolutionGeometry(
      input: Extent(3, 2), kernel: Extent(3, 2), output: Extent(1, 1), channels: 4),
    ConvolutionGeometry(
      input: Extent(4, 3), kernel: Extent(2, 3), stride: Extent(2, 1), output: Extent(2, 1),
      channels: 2),
    ConvolutionGeometry(
      input: Extent(4, 3), kernel: Extent(3, 3), stride: Extent(2, 1), output: Extent(1, 1),
      channels: 2),
    ConvolutionGeometry(
      input: Extent(4, 3), kernel: Extent(1, 3), stride: Extent(2, 2), output: Extent(2, 1),
      channels: 2),
    // Groups: some channels each, one each, one position, the whole image.
    ConvolutionGeometry(
      input: Extent(5, 4), kernel: Extent(3, 2), stride: Extent(2, 1), top: 1, left: 1,
      output: Extent(3, 4), channels: 3, groups: 2),
    ConvolutionGeometry(
      input: Extent(5, 4), kernel: Extent(3, 3), top: 1, left: 1, output: Extent(5, 4),
      channels: 1, groups: 4),
    ConvolutionGeometry(
      input: Extent(4, 3), kernel: Extent(1, 1), output: Extent(4, 3), channels: 2, groups: 4),
    ConvolutionGeometry(
      input: Extent(3, 2), kernel: Extent(3, 2), output: Extent(1, 1), channels: 2, groups: 2),
  ]

  /// Every triple (output row, input row, tap) of a convolution over a batch.
  nonisolated private static func forEachTap(
    _ g: ConvolutionGeometry, batch: Int, _ body: (_ out: Int, _ input: Int, _ tap: Int) -> Void
  ) {
    for e in 0..<batch {
      for oy in 0..<g.output.height {
        for ox in 0..<g.output.width {
          for i in 0..<g.kernel.height {
            for j in 0..<g.kernel.width {
              let y = oy * g.stride.height - g.top + i
              let x = ox * g.stride.width - g.left + j
              guard (0..<g.input.height).contains(y), (0..<g.input.width).contains(x) else {
                continue
              }
              body(
                (e * g.output.height + oy) * g.output.width + ox,
                (e * g.input.height + y) * g.input.width + x, i * g.kernel.width + j)
            }
          }
        }
      }
    }
  }

  /// One layer of small integers: weights [outputs, channels, taps], with V displacements, scale 4
  /// and factor ½, so that everything is exact in float32.
  private struct Case {
    let g: ConvolutionGeometry
    let batch = 3
    let outputs = 4
    let directions: Int
    let degree: Int
    let order: Int
    let factor = 0.5
    let scale = 4.0
    let center: [Double]
    let displacements: [[Double]]
    let x: Series
    /// Channels of all groups.
    var width: Int { g.channels * g.groups }

    init(_ g: ConvolutionGeometry, degree: Int, order: Int, directions: Int = 1) {
      self.g = g
      self.degree = degree
      self.order = order
      self.directions = directions
      let (count, width) = (outputs * g.patchCount, g.channels * g.groups)
      func integers(_ seed: Int) -> [Double] {
        (0..<count).map { Double(($0 * 5 + seed * 3 + $0 / 7) % 7 - 3) }
      }
      center = integers(1)
      displacements = (0..<directions).map { integers($0 + 2) }
      x = Series.integers(
        block: batch * g.input.count, columns: width, degree: degree,
        directions: directions, seed: 5)
    }

    func weight(on backend: any Backend, _ type: ScalarType) throws -> TensorJet {
      let all = try backend.matrix(
        directions * outputs, g.patchCount, type, displacements.flatMap { $0 })
      return TensorJet(
        center: try backend.matrix(outputs, g.patchCount, type, center),
        displacement: order == 0 ? nil : all.rows(0..<outputs),
        displacementStride: outputs * g.patchCount,
        scale: order == 0 ? nil : try backend.matrix(1, 1, type, [scale]))
    }

    /// The input's column that output o sees as channel c.
    func channel(_ o: Int, _ c: Int) -> Int { o / (outputs / g.groups) * g.channels + c }

    /// W[o, c, tap]
    func weight(_ values: [Double], _ o: Int, _ c: Int, _ tap: Int) -> Double {
      values[(o * g.channels + c) * g.kernel.count + tap]
    }

    /// The convolution of one coefficient with weights, [rows, outputs].
    func convolved(_ x: [Double], _ weights: [Double]) -> [Double] {
      var z = [Double](repeating: 0, count: batch * g.output.count * outputs)
      ConvolutionTests.forEachTap(g, batch: batch) { out, input, tap in
        for o in 0..<outputs {
          for c in 0..<g.channels {
            z[out * outputs + o] += weight(weights, o, c, tap) * x[input * width + channel(o, c)]
          }
        }
      }
      return z
    }

    /// Its transpose.
    func transposed(_ y: [Double], _ weights: [Double]) -> [Double] {
      var x = [Double](repeating: 0, count: batch * g.input.count * width)
      ConvolutionTests.forEachTap(g, batch: batch) { out, input, tap in
        for o in 0..<outputs {
          for c in 0..<g.channels {
            x[input * width + channel(o, c)] +=
              weight(weights, o, c, tap) * y[out * outputs + o]
          }
        }
      }
      return x
    }

    /// Σ over rows of y and the input it saw, [outputs, channels, taps].
    func gradient(_ y: [Double], _ x: [Double]) -> [Double] {
      var w = [Double](repeating: 0, count: outputs * g.patchCount)
      ConvolutionTests.forEachTap(g, batch: batch) { out, input, tap in
        for o in 0..<outputs {
          for c in 0..<g.channels {
            w[(o * g.channels + c) * g.kernel.count + tap] +=
              y[out * outputs + o] * x[input * width + channel(o, c)]
          }
        }
      }
      return w
    }
  }

  private static func sum(_ a: Double, _ x: [Double], _ b: Double, _ y: [Double]) -> [Double] {
    zip(x, y).map { a * $0 + b * $1 }
  }

  @Test(arguments: BackendUnderTest.allCases, geometries)
  func convolutionIsItsFormula(_ place: BackendUnderTest, _ g: ConvolutionGeometry) throws {
    let backend = try place.backend()
    let usual = backend.workspaceBytes
    defer { backend.workspaceBytes = usual }
    for (degree, order, directions, workspace) in [
      (0, 0, 1, 1), (2, 3, 1, 1 << 20), (2, 2, 1, 1), (1, 3, 3, 1), (0, 1, 2, 1 << 20),
    ] {
      let layer = Case(g, degree: degree, order: order, directions: directions)
      backend.workspaceBytes = workspace
      let algebra = JetAlgebra(backend, order: order)
      let weight = try algebra.kernelPositionsFirst(
        layer.weight(on: backend, .float32), g, directions: directions)
      let x = try layer.x.jet(on: backend, .float32, directions: directions, capacity: degree + 1)
      let jet = try algebra.convolve(x, weight, g, factor: layer.factor, capacity: order + 1)
      #expect(jet.degree == (order == 0 ? degree : min(order, degree + 1)))
      let z = try Series(jet, on: backend)
      for v in 0..<directions {
        for n in 0...jet.degree {
          var expected = layer.convolved(layer.x[n, v], layer.center)
          if n > 0, order > 0 {
            let moved = layer.convolved(layer.x[n - 1, v], layer.displacements[v])
            expected = Self.sum(1, expected, layer.scale, moved)
          }
          #expect(z[n, v] == expected.map { layer.factor * $0 }, "\(g): \(order), \(n), \(v)")
        }
      }
    }
  }

  @Test(arguments: BackendUnderTest.allCases, geometries)
  func adjointAndGradientAreTheirs(_ place: BackendUnderTest, _ g: ConvolutionGeometry) throws {
    let backend = try place.backend()
    let usual = backend.workspaceBytes
    defer { backend.workspaceBytes = usual }
    for (degree, order, directions, workspace) in [
      (0, 0, 1, 1), (2, 3, 1, 1 << 20), (2, 2, 1, 1), (1, 2, 3, 1),
    ] {
      let layer = Case(g, degree: degree, order: order, directions: directions)
      backend.workspaceBytes = workspace
      let algebra = JetAlgebra(backend, order: order)
      let weight = try algebra.kernelPositionsFirst(
        layer.weight(on: backend, .float32), g, directions: directions)
      let x = try layer.x.jet(on: backend, .float32, directions: directions, capacity: degree + 1)
      // Index n is ȳ_n, for order 0 index 1 is ȳ_0.
      let last = order == 0 ? 1 : min(order, degree + 1)
      let y = Series.integers(
        block: layer.batch * g.output.count, columns: layer.outputs, degree: last,
        directions: directions, seed: 8)
      let cotangent = try y.jet(
        on: backend, .float32, directions: directions, hasZero: false)
      let gradient = try backend.matrix(
        directions, layer.outputs * g.patchCount, .float32)
      try algebra.convolutionGradient(
        cotangent, x, g, factor: layer.factor, scale: weight.scale,
        into: gradient.rows(0..<1).slice(at: 0, rows: layer.outputs, columns: g.patchCount),
        stride: gradient.stride)
      let result = try algebra.convolveAdjoint(
        cotangent, weight, g, factor: layer.factor, over: x, reuses: directions == 1)
      let bar = try Series(result, on: backend)
      for v in 0..<directions {
        for n in 1...max(1, degree) {
          var expected = layer.transposed(y[n, v], layer.center)
          if n < last {
            expected = Self.sum(
              1, expected, layer.scale, layer.transposed(y[n + 1, v], layer.displacements[v]))
          }
          #expect(bar[n, v] == expected.map { layer.factor * $0 }, "\(g): \(order), \(n), \(v)")
        }
        let sums = (1...last).map { layer.gradient(y[$0, v], layer.x[$0 - 1, v]) }
        let factor = layer.factor * (order == 0 ? 1 : layer.scale)
        #expect(
          try backend.download(gradient.rows(v..<(v + 1)))
            == sums[0].indices.map { i in factor * sums.reduce(0) { $0 + $1[i] } },
          "\(g): gradient of order \(order), \(v)")
      }
    }
  }

  /// More rows than a chain has: the size of the tiles must not show in any bit.
  @Test(arguments: BackendUnderTest.canonical, [1, 2])
  func workspaceDoesNotChangeBits(_ place: BackendUnderTest, _ groups: Int) throws {
    let backend = try place.backend()
    let usual = backend.workspaceBytes
    defer { backend.workspaceBytes = usual }
    let g = ConvolutionGeometry(
      input: Extent(29, 23), kernel: Extent(3, 3), top: 1, left: 1, output: Extent(29, 23),
      channels: 3, groups: groups)
    let (batch, outputs, width) = (5, 4, 3 * groups)
    func results(_ workspace: Int) throws -> [[UInt64]] {
      backend.workspaceBytes = workspace
      let algebra = JetAlgebra(backend, order: 2)
      let rows = batch * g.output.count
      let x = Jet(
        try backend.matrix(2 * rows, width, .float32, sample(2 * rows * width, seed: 1)),
        block: rows, degree: 1, capacity: 1)
      let cotangent = Jet(
        try backend.matrix(2 * rows, outputs, .float32, sample(2 * rows * outputs, seed: 2)),
        block: rows, degree: 2, capacity: 2, hasZero: false)
      let count = outputs * g.patchCount
      let weight = TensorJet(
        center: try backend.matrix(outputs, g.patchCount, .float32, sample(count, seed: 3)),
        displacement: try backend.matrix(outputs, g.patchCount, .float32, sample(count, seed: 4)))
      let z = try algebra.convolve(x, weight, g, factor: 0.7, capacity: 2)
      let gradient = try backend.matrix(outputs, g.patchCount, .float32)
      try algebra.convolutionGradient(
        cotangent, x, g, factor: 0.7, scale: nil, into: gradient, stride: 0)
      let bar = try algebra.convolveAdjoint(
        cotangent, weight, g, factor: 0.7, over: x, reuses: false)
      return try [z.matrix, gradient, bar.matrix].map { bits(try backend.download($0)) }
    }
    let whole = try results(1 << 30)
    #expect(try results(1) == whole)
    #expect(try results(300_000) == whole)
    // One group of two at a time.
    #expect(try results(500_000) == whole)
  }

  /// And the bits are those of every other backend.
  @Test func backendsAgreeInBits() throws {
    let g = Self.geometries[1]
    let all = try BackendUnderTest.onEach { backend in
      let algebra = JetAlgebra(backend, order: 1)
      let rows = 60 * g.output.count
      let x = Jet(
        try backend.matrix(rows, 2, .float32, sample(rows * 2, seed: 1)), block: rows, degree: 0,
        capacity: 0)
      let weight = TensorJet(
        center: try backend.matrix(5, g.patchCount, .float32, sample(5 * g.patchCount, seed: 3)),
        displacement: try backend.matrix(
          5, g.patchCount, .float32, sample(5 * g.patchCount, seed: 4)))
      let z = try algebra.convolve(x, weight, g, factor: 0.3, capacity: 1)
      return bits(try backend.download(z.matrix))
    }
    for (place, result) in all { #expect(result == all[0].result, "\(place)") }
  }
}
