import Compute
import Glibc
import TestSupport
import Testing

/// Scalars of a step, views, and counting without computing.
@BackendActor @Suite struct ScalarTests {
  /// s = 2^clamp(round(log2(‖θ0‖/‖Δ‖)), ±⌊96/k⌋), and 1 where a norm is 0 or not finite;
  /// ±⌊960/k⌋ for the orders that only float64 has.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func directionScale(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let squares = [1, 2, 3, 1e-3, 7e-7, 1e-12, 1e12, 3e20, 1e-30, 0.7, 1.3, 5e-39]
    for order in type == .float64 ? [1, 2, 3, 8, 9, 20, 64] : [1, 2, 3, 8] {
      for a in squares {
        for b in squares {
          let (a, b) = (type.round(a), type.round(b))
          let s = try backend.matrix(1, 1, type)
          try backend.run(
            .directionScale(
              DirectionScale(
                s, centerSquares: backend.matrix(1, 1, type, [a]),
                displacementSquares: backend.matrix(1, 1, type, [b]), order: order)))
          // Rounded to nearest, upwards from the middle.
          let exponent = (log2(a / b) / 2 + 0.5).rounded(.down)
          let limit = Double((order > 8 ? 960 : 96) / order)
          let expected = pow(2, max(-limit, min(limit, exponent)))
          #expect(try backend.download(s) == [expected], "\(a), \(b), order \(order)")
        }
      }
      for (a, b) in [(0, 1), (1, 0), (0, 0), (.infinity, 1), (1, .nan)] as [(Double, Double)] {
        let s = try backend.matrix(1, 1, type)
        try backend.run(
          .directionScale(
            DirectionScale(
              s, centerSquares: backend.matrix(1, 1, type, [a]),
              displacementSquares: backend.matrix(1, 1, type, [b]), order: order)))
        #expect(try backend.download(s) == [1], "\(a), \(b)")
      }
    }
  }

  @Test(arguments: BackendUnderTest.allCases)
  func uploadsAndDownloadsOfViews(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let buffer = try backend.allocate(40, .float32)
    let whole = Matrix(buffer, rows: 1, columns: 40)
    try backend.upload([Float](repeating: -1, count: 40), to: whole)
    let view = Matrix(buffer, offset: 3, rows: 4, columns: 5, stride: 9)
    let values = (0..<20).map { Double($0) }
    try backend.upload(values, to: view)
    #expect(try backend.download(view) == values)
    let all = try backend.download(whole)
    for i in 0..<40 {
      let (row, column) = ((i - 3) / 9, (i - 3) % 9)
      let inside = i >= 3 && row < 4 && column < 5
      #expect(all[i] == (inside ? Double(row * 5 + column) : -1), "element \(i)")
    }
  }

  @Test func roundingAndEncoding() {
    #expect(ScalarType.float32.round(0.1) == Double(Float(0.1)))
    #expect(ScalarType.float64.round(0.1) == 0.1)
    #expect(ScalarType.float32.encode(1) == 0x3f80_0000)
    #expect(ScalarType.float64.encode(-0.0) == Int.min)
    #expect(ScalarType.allCases.map(\.byteCount) == [4, 8, 4])
  }

  /// The pool's numbers without memory: what planning relies on.
  @Test func nullBackendCounts() throws {
    let backend = NullBackend()
    var a: Matrix? = try backend.matrix(10, 20, .float32)
    let b = try backend.matrix(20, 30, .float64)
    #expect(backend.statistics.liveBytes == 800 + 4800)
    a = nil
    #expect(a == nil && backend.statistics.liveBytes == 4800)
    #expect(backend.statistics.peakBytes == 5600)
    let c = try backend.matrix(20, 20, .float64)
    try backend.run(.contraction(Contraction(b, b, into: c, transposeB: true)))
    #expect(backend.cost.flops == 2 * 20 * 20 * 30)
    #expect(backend.contractionCost.flops == backend.cost.flops)
  }

  @Test func degreesOfActivations() {
    #expect(Activation.relu.degree(of: 1, order: 4) == 1)
    #expect(Activation.tanh.degree(of: 1, order: 4) == 4)
    #expect(Activation.tanh.degree(of: 0, order: 4) == 0)
    #expect(Activation.quadratic.degree(of: 1, order: 4) == 2)
    #expect(Activation.quadratic.degree(of: 3, order: 4) == 4)
    #expect(Activation.relu.slopeDegree(of: 3, order: 4) == 0)
    #expect(Activation.quadratic.slopeDegree(of: 3, order: 4) == 3)
    #expect(Activation.gelu.slopeDegree(of: 1, order: 3) == 3)
  }
}
