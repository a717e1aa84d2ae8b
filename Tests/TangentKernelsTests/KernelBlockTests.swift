import Compute
import Networks
import OpenBLASBackend
import TestSupport
import Testing

@testable import TangentKernels

/// Bits, rounding and definiteness of kernels at infinite width.
@BackendActor @Suite struct KernelBlockTests {
  private static let pooled = InfiniteKernelNetwork.all[1].network(.standard)

  private static let deep = NetworkDescription(
    input: [5],
    layers: [
      .dense(.init(units: 8, weightStd: 1.4, biasStd: 0.1)), .activation(.relu),
      .dense(.init(units: 8, weightStd: 1.4, biasStd: 0.1)), .activation(.tanh),
      .dense(.init(units: 8, weightStd: 1.4, biasStd: 0.1)), .activation(.gelu),
      .dense(.init(units: 1)),
    ])

  /// All blocks of a cut, put together.
  private func assembled(
    _ tiles: InfiniteKernelTiles, _ cuts: [Int], on backend: any Backend
  ) throws -> [Double] {
    func ranges(_ count: Int) -> [Range<Int>] {
      let ends = ([0] + cuts.filter { $0 < count } + [count])
      return zip(ends, ends.dropFirst()).map { $0..<$1 }
    }
    var whole = [Double](repeating: .nan, count: tiles.rowCount * tiles.columnCount)
    for rows in ranges(tiles.rowCount) {
      // Rows and columns cut at different places, so that blocks straddle the diagonal.
      for columns in ranges(tiles.columnCount).reversed() {
        let block = try backend.download(tiles.block(rows: rows, columns: columns))
        for (i, row) in rows.enumerated() {
          for (j, column) in columns.enumerated() {
            whole[row * tiles.columnCount + column] = block[i * columns.count + j]
          }
        }
      }
    }
    return whole
  }

  @Test(arguments: BackendUnderTest.canonical, [ScalarType.float32, .float64])
  func cutsGiveTheSameBits(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let standard = backend.workspaceBytes
    defer { backend.workspaceBytes = standard }
    for network in [Self.pooled, Self.deep] {
      let kernel = try InfiniteWidthKernel(network)
      let x = sample(7 * kernel.inputCount, seed: 6)
      let other = sample(3 * kernel.inputCount, seed: 7)
      for kind in KernelKind.allCases {
        for second in [nil, other] {
          func values(_ cuts: [Int], workspace: Int) throws -> [Double] {
            backend.workspaceBytes = workspace
            return try assembled(
              InfiniteKernelTiles(kernel, kind, x, second, type: type, on: backend), cuts,
              on: backend)
          }
          let whole = try values([], workspace: standard)
          #expect(!whole.contains { $0.isNaN })
          // One pair at a time; a few; other blocks.
          #expect(bits(try values([], workspace: 1)) == bits(whole))
          #expect(bits(try values([4], workspace: 1 << 14)) == bits(whole))
          #expect(bits(try values([1, 3, 6], workspace: 1 << 16)) == bits(whole))
          guard second == nil else { continue }
          for i in 0..<7 { for j in 0..<i { #expect(whole[7 * i + j] == whole[7 * j + i]) } }
        }
      }
    }
  }

  /// In float32 all devices agree to the last bit where no elementary function is the platform's.
  @Test func devicesAgree() throws {
    for network in [Self.pooled, Self.deep] {
      let kernel = try InfiniteWidthKernel(network)
      let x = sample(9 * kernel.inputCount, seed: 9)
      let results = try BackendUnderTest.onEach { backend in
        try backend.download(
          InfiniteKernelTiles(kernel, .ntk, x, type: .float32, on: backend).block(
            rows: 0..<9, columns: 0..<9))
      }
      for other in results.dropFirst() {
        #expect(bits(other.result) == bits(results[0].result), "\(other.backend)")
      }
    }
  }

  /// Two examples that are equal have the kernel of one with itself: a covariance that is off by one
  /// rounding would turn their angle from 0 to 3·10⁻⁴. In fast numerics too.
  @Test(arguments: [Numerics.reproducible, .fast], [ScalarType.float32, .float64])
  func equalExamples(_ numerics: Numerics, _ type: ScalarType) throws {
    let backend = try OpenBLASBackend(numerics: numerics, threads: 2)
    for network in [Self.pooled, Self.deep] {
      let kernel = try InfiniteWidthKernel(network)
      let one = sample(kernel.inputCount, seed: 12)
      // 40 others between them, so that a contraction's blocks are not the same ones.
      let x = one + sample(40 * kernel.inputCount, seed: 13) + one
      for kind in KernelKind.allCases {
        let values = try backend.download(
          InfiniteKernelTiles(kernel, kind, x, type: type, on: backend).block(
            rows: 0..<42, columns: 0..<42))
        #expect(values[0] == values[41] && values[0] == values[42 * 42 - 1])
        let cross = try backend.download(
          InfiniteKernelTiles(kernel, kind, x, x, type: type, on: backend).block(
            rows: 0..<42, columns: 0..<42))
        // Between two sets every number is computed; pooling sums in another order above the diagonal.
        for i in 0..<42 {
          #expect(cross[42 * i...42 * i + i] == values[42 * i...42 * i + i])
        }
      }
    }
  }

  /// A hundred layers in float32: no NaN, and the error of depth L within L times a few roundings of
  /// one layer, but for √u where two examples are nearly parallel, as all become in deep relu
  /// networks: d(T′)/dc is infinite at c = √(ab).
  @Test(arguments: [Activation.relu, .erf, .gelu, .tanh, .leakyReLU, .sin])
  func hundredLayers(_ activation: Activation) throws {
    let depth = 100
    let weightStd = activation == .relu ? 2.0.squareRoot() : 1.2
    var layers: [LayerDescription] = []
    for _ in 0..<depth {
      layers += [
        .dense(.init(units: 16, weightStd: weightStd, biasStd: 0.1)), .activation(activation),
      ]
    }
    layers.append(.dense(.init(units: 1)))
    let kernel = try InfiniteWidthKernel(
      NetworkDescription(input: [6], parameterization: .ntk, layers: layers))
    var x = sample(60, seed: 21)
    // Nearly equal, equal, opposite, and nothing.
    x[6..<12] = x[0..<6].map { $0 * (1 + 1e-4) }[...]
    x[12..<18] = x[0..<6]
    x[18..<24] = x[0..<6].map { -$0 }[...]
    x[24..<30] = [0, 0, 0, 0, 0, 0]
    let backend = try BackendUnderTest.openblas2.backend()
    let (single, double) = (
      try kernel(x, type: .float32, on: backend), try kernel(x, on: backend)
    )
    #expect(!(single.nngp + single.ntk + double.nngp + double.ntk).contains { !$0.isFinite })
    #expect(relativeError(single.nngp, double.nngp) < 100 * 8 * 0x1p-24)
    #expect(relativeError(single.ntk, double.ntk) < 100 * 0x1p-12)
  }

  /// Many inputs that are nearly the same: no eigenvalue below −(what rounding of the elements can
  /// do), which Cholesky's factorization of K + τI shows. Series of few terms too.
  @Test func positiveSemidefinite() throws {
    let lapack = try LAPACK()
    let backend = try BackendUnderTest.openblas2.backend()
    for (network, degree) in [(Self.pooled, nil), (Self.deep, nil), (Self.deep, 3)]
      as [(NetworkDescription, Int?)]
    {
      let kernel = try InfiniteWidthKernel(network, degree: degree)
      let (n, features) = (60, kernel.inputCount)
      let centers = sample(4 * features, seed: 31)
      let noise = sample(n * features, seed: 32)
      let x = (0..<n * features).map { index in
        let scale = [1e-2, 1e-4, 1e-6, 1e-9][index / features % 4]
        return centers[index / features % 4 * features + index % features] + scale * noise[index]
      }
      let values = try kernel(x, on: backend)
      // An angle between nearly parallel vectors is known to √u, and with it T′ of a rectifier.
      for (matrix, unit) in [(values.nngp, 0x1p-53), (values.ntk, 0x1p-26)] {
        let largest = matrix.map { abs($0) }.max() ?? 0
        var shifted = matrix
        for i in 0..<n { shifted[i * n + i] += Double(n) * 32 * unit * largest }
        var nothing = [Double](repeating: 0, count: n)
        let isDefinite = try lapack.solvePositiveDefinite(&shifted, n, &nothing, 1)
        #expect(isDefinite, "\(network.layers.count) layers, \(unit)")
      }
    }
  }
}
