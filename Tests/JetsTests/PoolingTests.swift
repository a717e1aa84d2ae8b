import Compute
import Jets
import TestSupport
import Testing

/// Pooling of jets on small integers, whose sums are exact: all backends must give the numbers
/// themselves. The expected ones come from loops over windows that read (forward) and scatter
/// (adjoint).
@BackendActor @Suite struct PoolingTests {
  struct Geometry: Sendable, CustomTestStringConvertible {
    var image: (Int, Int)
    var window: (Int, Int)
    var stride: (Int, Int)
    /// ⌊(H − h)/s⌋ + 1, counted by hand.
    var pooled: (Int, Int)

    var testDescription: String { "\(image), \(window), \(stride)" }
    var poolingWindow: PoolingWindow {
      PoolingWindow(
        image: .init(image.0, image.1), window: .init(window.0, window.1),
        stride: .init(stride.0, stride.1))
    }

    /// (window, position, number in the window), windows and then positions ascending.
    var pairs: [(window: Int, position: Int, tap: Int)] {
      var pairs: [(Int, Int, Int)] = []
      for i in 0..<pooled.0 {
        for j in 0..<pooled.1 {
          for dy in 0..<window.0 {
            for dx in 0..<window.1 {
              let position = (i * stride.0 + dy) * image.1 + j * stride.1 + dx
              pairs.append((i * pooled.1 + j, position, dy * window.1 + dx))
            }
          }
        }
      }
      return pairs
    }
  }

  /// Side by side, overlapping, with gaps, not reaching the end, 1×1, the whole image of more than
  /// 1024 positions. Windows of 2ⁿ positions, so that means are exact.
  nonisolated static let geometries = [
    Geometry(image: (6, 4), window: (2, 2), stride: (2, 2), pooled: (3, 2)),
    Geometry(image: (5, 7), window: (2, 4), stride: (1, 1), pooled: (4, 4)),
    Geometry(image: (7, 8), window: (2, 1), stride: (3, 3), pooled: (2, 3)),
    Geometry(image: (5, 5), window: (2, 2), stride: (2, 3), pooled: (2, 2)),
    Geometry(image: (1, 1), window: (1, 1), stride: (1, 1), pooled: (1, 1)),
    Geometry(image: (32, 64), window: (32, 64), stride: (1, 1), pooled: (1, 1)),
  ]

  private let examples = 2
  private let channels = 3

  private func series(
    _ positions: Int, degree: Int, directions: Int, seed: Int
  ) -> Series {
    .integers(
      block: examples * positions, columns: channels, degree: degree, directions: directions,
      seed: seed)
  }

  /// A window's numbers of one coefficient, in order.
  private func taps(
    _ geometry: Geometry, _ x: [Double], _ example: Int, _ window: Int, _ channel: Int
  ) -> [Double] {
    let positions = geometry.image.0 * geometry.image.1
    return geometry.pairs.filter { $0.window == window }.map {
      x[(example * positions + $0.position) * channels + channel]
    }
  }

  private func eachCell(_ windows: Int, _ body: (Int, Int, Int, Int) -> Void) {
    for example in 0..<examples {
      for window in 0..<windows {
        for channel in 0..<channels {
          body(example, window, channel, (example * windows + window) * channels + channel)
        }
      }
    }
  }

  @Test(arguments: BackendUnderTest.allCases, geometries)
  func poolsEveryCoefficient(_ place: BackendUnderTest, _ geometry: Geometry) throws {
    let backend = try place.backend()
    let (positions, windows) = (
      geometry.image.0 * geometry.image.1, geometry.pooled.0 * geometry.pooled.1
    )
    for (degree, directions, type) in [
      (0, 1, ScalarType.float32), (2, 1, .float64), (2, 3, .float32),
    ] {
      let algebra = JetAlgebra(backend, order: 2)
      let x = series(positions, degree: degree, directions: directions, seed: 1)
      let jet = try x.jet(on: backend, type, directions: directions, capacity: degree + 1)
      let mean = try Series(algebra.averagePool(jet, geometry.poolingWindow), on: backend)
      let pooled = try algebra.maxPool(jet, geometry.poolingWindow, withChoice: true)
      let largest = try Series(pooled.value, on: backend)
      let choice = try backend.download(#require(pooled.choice))
      #expect(mean.block == examples * windows && mean.degree == degree)
      eachCell(windows) { example, window, channel, cell in
        let zero = taps(geometry, x[0, 0], example, window, channel)
        // The first of equals.
        let tap = zero.indices.first { index in zero.allSatisfy { $0 <= zero[index] } }!
        #expect(choice[cell] == Double(tap))
        for v in 0..<directions {
          for n in 0...degree {
            let own = taps(geometry, x[n, v], example, window, channel)
            #expect(mean[n, v][cell] == own.reduce(0, +) / Double(own.count))
            #expect(largest[n, v][cell] == own[tap])
          }
        }
      }
    }
  }

  /// x̄ by scattering, which is also the adjoint identity: ⟨ȳ_i, pool(x)_i⟩ = ⟨x̄_i, x_i⟩, exactly.
  @Test(arguments: BackendUnderTest.allCases, geometries)
  func adjointsScatter(_ place: BackendUnderTest, _ geometry: Geometry) throws {
    let backend = try place.backend()
    let (positions, windows) = (
      geometry.image.0 * geometry.image.1, geometry.pooled.0 * geometry.pooled.1
    )
    for (degree, directions, type) in [
      (1, 1, ScalarType.float32), (3, 1, .float32), (2, 3, .float64),
    ] {
      let algebra = JetAlgebra(backend, order: 3)
      let x = series(positions, degree: degree, directions: directions, seed: 2)
      let y = series(windows, degree: degree, directions: directions, seed: 3)
      let jet = try x.jet(on: backend, type, directions: directions)
      let cotangent = try y.jet(
        on: backend, type, directions: directions, capacity: degree + 1, hasZero: false)
      let pooled = try algebra.maxPool(jet, geometry.poolingWindow, withChoice: true)
      let values = try Series(pooled.value, on: backend)
      let means = try Series(algebra.averagePool(jet, geometry.poolingWindow), on: backend)
      let choice = try #require(pooled.choice)
      let chosen = try backend.download(choice)
      let ofMean = try Series(
        algebra.averagePoolAdjoint(cotangent, geometry.poolingWindow), on: backend)
      // Over the memory of what was pooled.
      let ofMax = try Series(
        algebra.maxPoolAdjoint(cotangent, geometry.poolingWindow, choice: choice, over: jet),
        on: backend)
      let taps = Double(geometry.window.0 * geometry.window.1)
      for v in 0..<directions {
        for i in 1...degree {
          var mean = [Double](repeating: 0, count: examples * positions * channels)
          var largest = mean
          for example in 0..<examples {
            for (window, position, tap) in geometry.pairs {
              for channel in 0..<channels {
                let from = (example * windows + window) * channels + channel
                let to = (example * positions + position) * channels + channel
                mean[to] += y[i, v][from] / taps
                if chosen[from] == Double(tap) { largest[to] += y[i, v][from] }
              }
            }
          }
          #expect(ofMean[i, v] == mean, "coefficient \(i), direction \(v)")
          #expect(ofMax[i, v] == largest, "coefficient \(i), direction \(v)")
          #expect(inner(y[i, v], means[i, v]) == inner(ofMean[i, v], x[i, v]))
          #expect(inner(y[i, v], values[i, v]) == inner(ofMax[i, v], x[i, v]))
        }
      }
    }
  }

  /// A mean over 6 positions: one product with 1/6, which has a rounding of its own.
  @Test(arguments: BackendUnderTest.canonical, [ScalarType.float32, .float64])
  func meansOfSixAreRoundedTwice(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let window = PoolingWindow(
      image: .init(4, 6), window: .init(2, 3), stride: .init(2, 3))
    let x = Series.integers(block: 24, columns: 5, degree: 1, directions: 1, seed: 4)
    let y = try Series(
      JetAlgebra(backend, order: 1).averagePool(
        x.jet(on: backend, type, directions: 1), window), on: backend)
    for n in 0...1 {
      for (cell, value) in y[n, 0].enumerated() {
        let (window, channel) = cell.quotientAndRemainder(dividingBy: 5)
        let first = window / 2 * 12 + window % 2 * 3
        let sum = [0, 1, 2, 6, 7, 8].reduce(0.0) { $0 + x[n, 0][(first + $1) * 5 + channel] }
        #expect(abs(value - sum / 6) <= 2.001 * type.unitRoundoff * abs(sum / 6))
      }
    }
  }

  /// The first NaN before everything, the first of equals, zeros of both signs equal.
  @Test(arguments: BackendUnderTest.allCases)
  func tiesAndNaN(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let rows: [([Double], Int)] = [
      ([1, 3, 3, 2], 1), ([.nan, 5, 6, 7], 0), ([1, .nan, .nan, 9], 1), ([-0.0, 0, -1, 0], 0),
      ([-.infinity, -.infinity, -.infinity, -.infinity], 0), ([1, 2, .infinity, .nan], 3),
      ([-2, -1, -3, -1], 1), ([0, 0, 0, .infinity], 3),
    ]
    // One example per row, a higher coefficient that tells positions apart.
    let matrix = try backend.matrix(
      2 * 4 * rows.count, 1, .float32,
      rows.flatMap(\.0) + (0..<(4 * rows.count)).map { Double($0 + 1) })
    let x = Jet(matrix, block: 4 * rows.count, degree: 1, capacity: 1)
    let pooled = try JetAlgebra(backend, order: 1).maxPool(
      x, PoolingWindow(whole: .init(2, 2)), withChoice: true)
    let expected = rows.map(\.1)
    #expect(try backend.download(#require(pooled.choice)) == expected.map(Double.init))
    #expect(
      try backend.download(pooled.value[1])
        == expected.enumerated().map { Double(4 * $0 + $1 + 1) })
    #expect(
      bits(try backend.download(pooled.value[0])) == bits(rows.map { $0.0[$0.1] }))
  }
}
