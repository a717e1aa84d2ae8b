import Glibc
import Testing

@testable import DataSets

/// Whitening, and the eigenvalues it stands on.
@Suite struct WhiteningTests {
  /// Numbers without pattern in (−1, 1).
  private func numbers(_ count: Int, _ seed: UInt64) -> [Double] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(Int64(bitPattern: state) >> 11) * 0x1p-52
    }
  }

  /// Correlated inputs [n, d] of very different sizes.
  private func inputs(_ n: Int, _ d: Int, rank: Int? = nil, seed: UInt64 = 1) -> [Double] {
    let rank = rank ?? d
    let factors = numbers(rank * d, seed)
    let draws = numbers(n * rank, seed + 1)
    return (0..<n).flatMap { row in
      (0..<d).map { j in
        (0..<rank).reduce(3.0 + Double(j)) { sum, k in
          sum + draws[row * rank + k] * factors[k * d + j] * pow(0.7, Double(k))
        }
      }
    }
  }

  private func load(
    _ values: [Double], _ n: Int, _ d: Int, _ kind: Whitening.Kind, epsilon: Double
  ) throws -> DataSet {
    let source = DataSet.Source(
      name: "made up", inputShape: [d],
      examples: Examples(
        values, inputSize: d, targets: .values([Double](repeating: 0, count: n), outputs: 1)),
      standardizesByDefault: false)
    var options = DataSetOptions(testShare: 0.2)
    options.whitening = kind
    options.whiteningEpsilon = epsilon
    return try DataSet(source, options: options)
  }

  private func covariance(_ x: [Double], _ n: Int, _ d: Int) -> [Double] {
    var result = [Double](repeating: 0, count: d * d)
    let means = (0..<d).map { j in (0..<n).reduce(0.0) { $0 + x[$1 * d + j] } / Double(n) }
    for row in 0..<n {
      for i in 0..<d {
        for j in 0..<d {
          result[i * d + j] +=
            (x[row * d + i] - means[i]) * (x[row * d + j] - means[j]) / Double(n)
        }
      }
    }
    return result
  }

  private func worst(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).map { abs($0 - $1) }.max() ?? .nan
  }

  @Test(arguments: [1, 2, 3, 7, 40])
  func eigenvalues(_ n: Int) throws {
    let random = numbers(n * n, 5)
    var matrix = random
    for i in 0..<n {
      for j in 0..<n { matrix[i * n + j] = random[i * n + j] + random[j * n + i] }
    }
    let eigen = try #require(SymmetricEigenvalues(matrix, n: n))
    #expect(eigen.values == eigen.values.sorted(by: >))
    var rebuilt = [Double](repeating: 0, count: n * n)
    var products = rebuilt
    for k in 0..<n {
      for i in 0..<n {
        for j in 0..<n {
          let u = eigen.vectors
          rebuilt[i * n + j] += eigen.values[k] * u[k * n + i] * u[k * n + j]
          products[i * n + j] += u[i * n + k] * u[j * n + k]
        }
      }
    }
    let identity = (0..<n * n).map { $0 / n == $0 % n ? 1.0 : 0 }
    let norm = sqrt(matrix.reduce(0) { $0 + $1 * $1 })
    // Householder and QL lose a few units per row.
    let unit = 0x1p-53 * 20 * Double(n)
    #expect(worst(rebuilt, matrix) <= unit * max(1, norm))
    #expect(worst(products, identity) <= unit)
  }

  /// Known eigenvalues: of the second difference, 2 − 2cos(πk/(n+1)); repeated ones; zero.
  @Test func knownEigenvalues() throws {
    let n = 25
    let matrix = (0..<n * n).map { index -> Double in
      index / n == index % n ? 2 : abs(index / n - index % n) == 1 ? -1 : 0
    }
    let eigen = try #require(SymmetricEigenvalues(matrix, n: n))
    let known = (1...n).map { 2 - 2 * cos(.pi * Double($0) / Double(n + 1)) }.sorted(by: >)
    #expect(worst(eigen.values, known) < 1e-14)
    let ones = try #require(SymmetricEigenvalues([Double](repeating: 1, count: 36), n: 6))
    #expect(worst(ones.values, [6, 0, 0, 0, 0, 0]) < 1e-14)
    let zero = try #require(SymmetricEigenvalues([Double](repeating: 0, count: 16), n: 4))
    #expect(zero.values == [0, 0, 0, 0] && zero.vectors.reduce(0, +) == 4)
  }

  /// Rounding changes eigenvalues by some units of the largest: 20·d of `eigenvalues`, n of the sums.
  /// The smallest, which is scaled to 1, changes by the condition number times as much.
  @Test(arguments: Whitening.Kind.allCases)
  func covarianceBecomesOne(_ kind: Whitening.Kind) throws {
    let (n, d) = (300, 12)
    let data = try load(inputs(n, d), n, d, kind, epsilon: 0)
    #expect(data.train.count == 240 && data.whitening?.rank == d)
    let whitened = data.train.doubles()
    let identity = (0..<d * d).map { $0 / d == $0 % d ? 1.0 : 0 }
    let values = inputs(n, d)
    let train = (0..<n).filter { $0 % 5 != 0 }.flatMap { values[$0 * d..<($0 + 1) * d] }
    let own = try #require(SymmetricEigenvalues(covariance(train, 240, d), n: d)).values
    let bound: Double = Double(20 * d + 240) * 0x1p-53 * own[0] / own[d - 1]
    let error = worst(covariance(whitened, 240, d), identity)
    #expect(error < bound && bound < 1e-6, "\(error) of \(bound)")
    #expect(abs(whitened.reduce(0, +)) < 1e-8)
  }

  /// ε: the eigenvalues λ/(λ + ε·λ̄), in falling order along the components of pca.
  @Test func epsilon() throws {
    let (n, d, epsilon) = (300, 6, 0.01)
    let values = inputs(n, d)
    let train = (0..<n).filter { $0 % 5 != 0 }.flatMap { values[$0 * d..<($0 + 1) * d] }
    let own = try #require(SymmetricEigenvalues(covariance(train, 240, d), n: d))
    let mean = own.values.reduce(0, +) / Double(d)
    let data = try load(values, n, d, .pca, epsilon: epsilon)
    let after = covariance(data.train.doubles(), 240, d)
    for j in 0..<d {
      let expected: Double = own.values[j] / (own.values[j] + epsilon * mean)
      #expect(abs(after[j * d + j] - expected) < 1e-10)
    }
  }

  /// zca is the symmetric one of all maps that whiten; both kinds differ by a rotation.
  @Test func kinds() throws {
    let (n, d) = (200, 9)
    let values = inputs(n, d)
    let zca = try load(values, n, d, .zca, epsilon: 0)
    let pca = try load(values, n, d, .pca, epsilon: 0)
    let matrix = try #require(zca.whitening?.matrix)
    let scale = matrix.map(abs).max() ?? 0
    for i in 0..<d {
      for j in 0..<d {
        let difference = matrix[i * d + j] - matrix[j * d + i]
        #expect(abs(difference) < 1e-12 * scale)
      }
    }
    func grams(_ x: [Double]) -> [Double] {
      (0..<100).map { index -> Double in
        var sum = 0.0
        for j in 0..<d { sum += x[index / 10 * d + j] * x[index % 10 * d + j] }
        return sum
      }
    }
    #expect(worst(grams(zca.test.doubles()), grams(pca.test.doubles())) < 1e-9)
    // Test inputs go through the map of the training inputs.
    let whitening = try #require(zca.whitening)
    let expected = (0..<d).map { i -> Double in
      var sum = 0.0
      for j in 0..<d { sum += matrix[i * d + j] * (values[j] - whitening.means[j]) }
      return sum
    }
    #expect(worst(Array(zca.test.doubles().prefix(d)), expected) < 1e-12 * scale)
  }

  /// More features than examples: what training inputs do not span becomes 0.
  @Test func moreFeaturesThanExamples() throws {
    let (n, d) = (15, 30)
    let data = try load(inputs(n, d), n, d, .pca, epsilon: 0)
    #expect(data.train.count == 12 && data.whitening?.rank == 11)
    let after = covariance(data.train.doubles(), 12, d)
    for i in 0..<d {
      for j in 0..<d {
        let expected: Double = i == j && i < 11 ? 1 : 0
        #expect(abs(after[i * d + j] - expected) < 1e-8)
      }
    }
    // Of test inputs too.
    let test = data.test.doubles()
    for row in 0..<3 { #expect(test[row * d + 11..<(row + 1) * d].allSatisfy { $0 == 0 }) }
    // A direction that is missing by construction.
    let low = try load(inputs(100, 8, rank: 3), 100, 8, .zca, epsilon: 1e-5)
    #expect(low.whitening?.rank == 3)
    expectFileError("all equal") {
      _ = try load([Double](repeating: 2, count: 40), 10, 4, .zca, epsilon: 1e-5)
    }
  }

  /// Few images of many pixels: 121 of 144 eigenvalues are nothing but rounding errors.
  ///
  /// With ε = 0 the n whitened examples have the products n·1 − 11ᵀ, whatever they were. Bound: that
  /// of `eigenvalues`, 20·d·u of the largest eigenvalue, is at most 20·d·u·tr C/λ_min of the smallest,
  /// and tr C/λ_min is at most 102 (LAPACK); twice, for both factors, and times n.
  @Test(arguments: [0, 1, 2])
  func fewImages(_ seed: Int) throws {
    var options = DataSetOptions()
    options.whitening = .zca
    options.whiteningEpsilon = 0
    let (n, d) = (24, 144)
    let data = try DataSetSpecification(
      parsing: "synthetic:image:n=\(n),test=1,size=12,channels=1,seed=\(seed)"
    ).load(options)
    #expect(data.whitening?.rank == n - 1)
    let x = data.train.doubles()
    var products: [Double] = []
    for a in 0..<n {
      for b in 0..<n {
        products.append((0..<d).reduce(0) { $0 + x[a * d + $1] * x[b * d + $1] })
      }
    }
    let expected = (0..<n * n).map { ($0 / n == $0 % n ? Double(n) : 0) - 1 }
    #expect(worst(products, expected) <= 2 * Double(n) * 20 * Double(d) * 0x1p-53 * 102)
  }

  /// On digits, where some pixels never vary; pca makes features of an image.
  @Test func images() throws {
    var options = DataSetOptions()
    options.whitening = .zca
    options.whiteningEpsilon = 0
    options.trainSize = 300
    let zca = try Digits.load(options)
    #expect(zca.inputShape == [1, 8, 8])
    let rank = try #require(zca.whitening?.rank)
    let own = covariance(zca.train.doubles(), 300, 64)
    let trace = (0..<64).reduce(0.0) { $0 + own[$1 * 65] }
    #expect(rank < 64 && abs(trace - Double(rank)) < 1e-6)
    options.whitening = .pca
    #expect(try Digits.load(options).inputShape == [64])
    options.augmentation = Augmentation(padding: 1)
    expectFileError("[64]", "no images") { _ = try Digits.load(options) }
  }

  // MARK: Elementary functions

  @Test func elementaryFunctions() {
    for index in -4000...4000 {
      let x = Double(index) * 0.0123
      let bound = 1e-15
      let wide = bound + 2e-16 * abs(x)
      #expect(abs(PortableMath.sine(x) - sin(x)) < wide)
      #expect(abs(PortableMath.cosine(x) - cos(x)) < wide)
      #expect(abs(PortableMath.tanh(x) - tanh(x)) < bound)
      #expect(abs(PortableMath.exponential(x) / exp(x) - 1) < 2e-15)
    }
    #expect(PortableMath.exponential(-800) == 0 && PortableMath.exponential(800) == .infinity)
    #expect(PortableMath.tanh(.infinity) == 1 && PortableMath.exponential(.nan).isNaN)
    #expect(abs(PortableMath.exponential(-740) / exp(-740) - 1) < 1e-2)
  }
}
