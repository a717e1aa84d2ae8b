import Compute
import Glibc
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Activations without a closed form, against sums over two-dimensional grids that know only φ and φ′.
@BackendActor @Suite struct HermiteSeriesTests {
  private static let covariances = [
    (0.3, 1.0, 1.0), (-0.7, 0.9, 0.6), (0.0, 1.3, 0.2), (1.1, 1.2, 1.1), (0.5, 0.5, 0.5),
    (1.5, 4.0, 2.0), (-3.9, 4.0, 4.0),
  ]

  private func sum(_ a: [Double], _ b: [Double], _ rho: Double) -> Double {
    zip(a, b).reversed().reduce(0) { $0 * rho + $1.0 * $1.1 }
  }

  /// At the standard degree T is exact to 3·10⁻¹⁰ up to variance 4, T′ to 10⁻⁸. At every degree the
  /// bounds hold, and are reached on the diagonal.
  @Test(arguments: SeriesActivation.allCases)
  func sums(_ series: SeriesActivation) throws {
    let activation = try #require(Activation(rawValue: series.rawValue))
    for (c, a, b) in Self.covariances {
      let rho = c / (a * b).squareRoot()
      let (value, slope) = gridDual(activation, c, a, b)
      for degree in [1, 2, 5, 12, 33, series.standardDegree] {
        let (first, second) = (
          HermiteSeries(series, variance: a, degree: degree),
          HermiteSeries(series, variance: b, degree: degree)
        )
        let errors = (
          abs(sum(first.values, second.values, rho) - value),
          abs(sum(first.slopes, second.slopes, rho) - slope)
        )
        let bounds = (
          (first.valueTail * second.valueTail).squareRoot(),
          (first.slopeTail * second.slopeTail).squareRoot()
        )
        // The grid's own error is below 10⁻¹³.
        let place = "\(degree) at \(c), \(a), \(b)"
        #expect(errors.0 <= bounds.0 + 1e-12, "\(errors.0) \(bounds.0), \(place)")
        #expect(errors.1 <= bounds.1 + 1e-12, "\(errors.1) \(bounds.1), \(place)")
        if c == a, a == b {
          #expect(abs(errors.0 - bounds.0) < 1e-12 && abs(errors.1 - bounds.1) < 1e-12, "\(place)")
        }
        if degree == series.standardDegree {
          #expect(bounds.0 < 3e-10 && bounds.1 < 2e-8, "\(bounds), \(place)")
        }
      }
    }
  }

  /// From variance 0, where φ is linear, to variances where φ is nearly a step or a ramp.
  @Test(arguments: SeriesActivation.allCases)
  func extremeVariances(_ series: SeriesActivation) throws {
    let activation = try #require(Activation(rawValue: series.rawValue))
    let (value, slope) = plainActivation(activation, 0)
    for variance in [0, -1e-9, 1e-30, 1e-12] {
      let found = HermiteSeries(series, variance: variance, degree: 20)
      #expect(abs(found.values[0] - value) < 1e-12 && abs(found.slopes[0] - slope) < 1e-9)
      let root = max(0, variance).squareRoot()
      #expect(abs(found.values[1] - slope * root) <= 1e-9 * root)
      #expect(found.values[2...].allSatisfy { abs($0) <= 1e-6 * root })
      #expect(found.slopes[1...].allSatisfy { abs($0) <= 1e-6 })
      #expect(found.valueTail < 1e-14 && found.slopeTail < 1e-9)
    }
    // E[φ²] of a step, and of a ramp.
    for variance in [1e4, 1e6, 1e8] {
      let found = HermiteSeries(series, variance: variance, degree: 64)
      #expect(found.values.allSatisfy(\.isFinite) && found.slopes.allSatisfy(\.isFinite))
      let square = found.valueTail + found.values.reduce(0) { $0 + $1 * $1 }
      let limit = [.tanh: 1, .sigmoid: 0.5][series] ?? variance / 2
      #expect(abs(square / limit - 1) < 0.02, "\(square) for \(limit)")
    }
  }

  /// What a whole kernel says of its error is no less than the error.
  @Test(arguments: [Activation.tanh, .swish, .geluTanh], [3, 9, 20])
  func wholeKernels(_ activation: Activation, _ degree: Int) throws {
    func kernel(_ degree: Int?) throws -> InfiniteWidthKernel.Values {
      let network = NetworkDescription(
        input: [3], parameterization: .ntk,
        layers: [
          .dense(.init(units: 1, weightStd: 2)), .activation(activation), .dense(.init(units: 1)),
        ])
      return try InfiniteWidthKernel(network, degree: degree)(
        sample(15, seed: 4), on: BackendUnderTest.openblas2.backend())
    }
    let (exact, found) = (try kernel(300), try kernel(degree))
    let worst = zip(exact.nngp, found.nngp).map { abs($0 - $1) }.max() ?? 0
    #expect(worst <= found.error.value + exact.error.value)
    // The largest error is that of the largest variance on the diagonal.
    #expect(worst > 0.99 * found.error.value)
    #expect(exact.error.value < 1e-11 && exact.error.slope < 1e-9)
    let slopes = zip(exact.ntk, found.ntk).map { abs($0 - $1) }.max() ?? 0
    // Θ = T + T′·K, and |K| < 4 here.
    #expect(slopes <= found.error.value + 4 * found.error.slope + 1e-9)
    #expect(slopes > 0)
  }

  @Test func degrees() throws {
    let network = NetworkDescription(input: [1], layers: [.dense(.init(units: 1))])
    for degree in [0, -3, 1025] {
      let error = #expect(throws: NetworkError.self) {
        _ = try InfiniteWidthKernel(network, degree: degree)
      }
      #expect(error?.description.contains("1 to 1024") == true)
    }
    #expect(try !InfiniteWidthKernel(network).hasSeries)
  }
}
