import Glibc
import Maclaurin
import TestSupport
import Testing

@testable import TangentKernels

/// What solves say about their matrices, and what they refuse.
@Suite struct KernelConditioningTests {
  private func regularized(
    _ values: [Double], _ n: Int, ridge: Double = 0
  ) throws -> RegularizedKernel {
    try RegularizedKernel(KernelMatrix(values, rowCount: n, columnCount: n), ridge: ridge)
  }

  /// Lanczos's ends of spectra against all eigenvalues, which LAPACK finds.
  @Test(arguments: [1, 2, 7, 60])
  func extremes(_ n: Int) throws {
    let algebra = try LAPACK()
    let values = GradientFlowTests.kernel(n, n, seed: UInt64(n))
    let kernel = try regularized(values, n, ridge: 1e-2)
    let found = try #require(try KernelFactor(kernel, by: algebra)).conditioning()
    var copy = kernel.values
    let all = try algebra.eigenvalues(&copy, n)
    #expect(relativeError([found.smallestEigenvalue], [all[0]]) < 1e-9)
    #expect(relativeError([found.largestEigenvalue], [all[n - 1]]) < 1e-9)
    #expect(relativeError(try KernelSpectrum(kernel, by: algebra).eigenvalues, all) < 1e-13)
  }

  /// Equal eigenvalues end Lanczos's method at once.
  @Test func multipleOfOne() throws {
    let kernel = try regularized([3, 0, 0, 0, 3, 0, 0, 0, 3], 3)
    let found = try #require(try KernelFactor(kernel, by: LAPACK())).conditioning()
    #expect(relativeError([found.smallestEigenvalue, found.largestEigenvalue], [3, 3]) < 1e-14)
    #expect(relativeError([found.conditionNumber], [1]) < 1e-14)
  }

  /// An example that occurs twice: no end of training, and a ridge that gives one.
  @Test(arguments: [2, 5, 9])
  func duplicates(_ n: Int) throws {
    let algebra = try LAPACK()
    let once = GradientFlowTests.kernel(n, n, seed: 11)
    // The last example is the first one again.
    let twice = (0..<n * n).map { once[($0 / n % (n - 1)) * n + $0 % n % (n - 1)] }
    let kernel = KernelMatrix(twice, rowCount: n, columnCount: n)
    let y = sample(n, seed: 12)
    func flow(_ times: [Double], ridge: Double) throws -> GradientFlow {
      try GradientFlow(kernel, ridge: ridge, targets: y, times: times, by: algebra)
    }
    for times in [[Double.infinity], [1, .infinity]] {
      let error = #expect(throws: KernelError.self) { _ = try flow(times, ridge: 0) }
      let ridge = try suggestion(error)
      let repaired = try flow(times, ridge: ridge)
      #expect(repaired.conditioning.isPositiveDefinite)
      #expect(try repaired.coefficients(at: .infinity).allSatisfy(\.isFinite))
    }
    // At finite times there is nothing wrong: the two are one example, which counts twice.
    let early = try flow([3], ridge: 0)
    let train = try early.train(at: 3)
    let steps = 5000
    var euler = [Double](repeating: 0, count: n)
    for _ in 0..<steps {
      let force = zip(y, euler).map { ($0 - $1) * 3 / Double(n * steps) }
      for i in 0..<n { euler[i] += (0..<n).reduce(0) { $0 + twice[i * n + $1] * force[$1] } }
    }
    #expect(relativeError(train, euler) < 2e-3)
    #expect(early.conditioning.conditionNumber == .infinity)
    // Long after everything that can be learned has been, both have the mean of their targets.
    for t in [1e9, 1e25, 1e300] {
      let flow = try flow([t], ridge: 0)
      var mean = y
      (mean[0], mean[n - 1]) = (0.5 * (y[0] + y[n - 1]), 0.5 * (y[0] + y[n - 1]))
      #expect(relativeError(try flow.train(at: t), mean) < 1e-6, "t \(t)")
      #expect(relativeError(try flow.test(kernel, at: t), mean) < 1e-6, "t \(t)")
    }
  }

  /// The ridge in a sentence.
  private func suggestion(_ error: KernelError?) throws -> Double {
    let text = try #require(error?.description)
    let words = text.split(separator: " ").map { $0.trimming { ",;".contains($0) } }
    let eigenvalue = try #require(words.firstIndex(of: "eigenvalue"))
    #expect(abs(try #require(Double(words[eigenvalue + 2]))) < 1)
    let of = try #require(words.lastIndex(of: "of"))
    return try #require(Double(words[of + 1]), "\(text)")
  }

  @Test func indefinite() throws {
    let algebra = try LAPACK()
    let kernel = KernelMatrix([1, 2, 2, 1], rowCount: 2, columnCount: 2)
    for times in [[0.5], [Double.infinity]] {
      let error = #expect(throws: KernelError.self) {
        _ = try GradientFlow(kernel, ridge: 0.1, targets: [1, 2], times: times, by: algebra)
      }
      let text = try #require(error?.description)
      #expect(text.contains("ridge of 0.1") && text.contains("eigenvalue is -0."), "\(text)")
      // λ = −1 and 3, and the mean of the diagonal is 1.
      #expect(text.contains("ridge of 2.0"), "\(text)")
    }
    let loss = OutputLoss(.mse, targets: [1, 2], outputs: 1)
    #expect(throws: KernelError.self) {
      _ = try OutputDynamics(kernel, cross: kernel, ridge: 0, loss: loss, by: algebra)
    }
  }

  @Test func notFinite() throws {
    let error = #expect(throws: KernelError.self) { _ = try regularized([1, .nan, 0, 1], 2) }
    #expect(error?.description.contains("examples 0 and 1") == true)
    let zero = #expect(throws: KernelError.self) {
      _ = try GradientFlow(
        KernelMatrix([0, 0, 0, 0], rowCount: 2, columnCount: 2), ridge: 0, targets: [1, 2],
        times: [.infinity], by: LAPACK())
    }
    #expect(zero?.description.contains("no ridge helps") == true)
  }

  /// Sizes that LAPACK's integers cannot count are refused before anything is allocated; the end of
  /// training does not need them.
  @Test func largeKernels() throws {
    for n in [32_766, 32_767, 1 << 20] {
      #expect(try KernelSolve.choose(dimension: n, times: [.infinity]) == .cholesky)
      #expect(try KernelSolve.choose(dimension: n, times: [1], isLinear: false) == .ode)
      // dsyevd's workspace, 1 + 6n + 2n², in 32 bits.
      let fits = 1 + 6 * n + 2 * n * n <= Int(Int32.max)
      if fits {
        #expect(try KernelSolve.choose(dimension: n, times: [1, 2]) == .eigendecomposition)
      } else {
        let error = #expect(throws: KernelError.self) {
          try KernelSolve.choose(dimension: n, times: [1, .infinity])
        }
        let text = error?.description ?? ""
        #expect(text.contains("\(n) rows") && text.contains("32-bit"), "\(text)")
        #expect(text.contains("inf") && text.contains("32766"), "\(text)")
      }
    }
  }

  /// What a plan says grows with the cube of the examples, and never less for more.
  @Test func costs() {
    for method in [KernelSolve.cholesky, .eigendecomposition, .ode] {
      let (small, large) = (
        method.cost(n: 1000, m: 10, columns: 1), method.cost(n: 2000, m: 10, columns: 1)
      )
      #expect(large.bytes > 3.9 * small.bytes && large.bytes < 4.1 * small.bytes)
      #expect(large.flops > 3.5 * small.flops)
      let (without, nngp, ntk) = (
        method.cost(n: 1000, m: 100, columns: 2),
        method.cost(n: 1000, m: 100, columns: 2, covariance: .nngp),
        method.cost(n: 1000, m: 100, columns: 2, covariance: .ntk)
      )
      #expect(without.bytes < nngp.bytes && nngp.bytes < ntk.bytes)
      #expect(without.flops < nngp.flops && nngp.flops < ntk.flops)
    }
    // n³/3 and 9n³ dominate.
    #expect(abs(KernelSolve.cholesky.cost(n: 30_000, m: 1, columns: 1).flops / 9e12 - 1) < 0.02)
  }
}

extension StringProtocol {
  func trimming(_ isOff: (Character) -> Bool) -> String {
    var rest = Substring(self)
    while let last = rest.last, isOff(last) { rest = rest.dropLast() }
    return String(rest)
  }
}
