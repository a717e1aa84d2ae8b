import Compute
import TestSupport
import Testing

/// Sums over windows of small integers, against loops over an image with explicit zeros around it.
@BackendActor @Suite struct WindowSumTests {
  nonisolated static let axes = [
    WindowAxis(input: 9, output: 9, size: 3, before: 1),
    WindowAxis(input: 8, output: 4, size: 2, stride: 2),
    WindowAxis(input: 11, output: 6, size: 3, stride: 2, before: 1),
    WindowAxis(input: 10, output: 3, size: 2, stride: 4), .whole(7), .each(5), .whole(1),
    WindowAxis(input: 3, output: 5, size: 7, before: 4),
    WindowAxis(input: 2, output: 6, size: 2, before: 3),
    WindowAxis(input: 33, output: 33, size: 5, before: 2),
  ]

  /// Positions with 100 zeros on both sides.
  private func value(
    _ mode: WindowSum.Mode, _ axis: WindowAxis, _ inner: Int, _ x: [Double], _ o: Int, _ m: Int,
    _ other: Int, _ i: Int
  ) -> Double {
    let n = axis.input
    func at(_ first: Int, _ second: Int) -> Double {
      guard (0..<n).contains(first), (0..<n).contains(second) else { return 0 }
      return mode == .single
        ? x[(o * n + first) * inner + i] : x[((o * n + first) * n + second) * inner + i]
    }
    return (0..<axis.size).reduce(0.0) { sum, d in
      let first = axis.stride * m - axis.before + d
      let second = axis.stride * other - axis.before + d
      return sum + at(first, mode == .diagonal ? second : first)
    }
  }

  @Test(arguments: BackendUnderTest.allCases, axes)
  func sumsAreThoseOfLoops(_ place: BackendUnderTest, _ axis: WindowAxis) throws {
    let backend = try place.backend()
    for (outer, inner, type) in [
      (1, 1, ScalarType.float32), (3, 2, .float64), (2, 9, .float32), (2, 67, .float32),
    ] {
      for mode in [WindowSum.Mode.single, .diagonal, .trace] {
        let read = outer * axis.input * (mode == .single ? 1 : axis.input) * inner
        let x = (0..<read).map { Double($0 * 7 % 23 - 11) }
        var expected: [Double] = []
        for o in 0..<outer {
          for m in 0..<axis.output {
            for other in mode == .diagonal ? 0..<axis.output : m..<m + 1 {
              for i in 0..<inner {
                expected.append(value(mode, axis, inner, x, o, m, other, i) / 4)
              }
            }
          }
        }
        let output = try backend.matrix(1, expected.count, type)
        try backend.run(
          .windowSum(
            WindowSum(
              mode, of: backend.matrix(1, read, type, x), into: output, axis: axis, outer: outer,
              inner: inner, alpha: 0.25)))
        #expect(try backend.download(output) == expected, "\(mode), \(outer), \(inner)")
      }
    }
  }

  /// Both axes of both images: a convolution's mean over kernel positions, as METHODS states it.
  @Test(arguments: BackendUnderTest.canonical)
  func twoDiagonalsAreAConvolution(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let (height, width) = (4, 5)
    let pairs = 2
    let down = WindowAxis(input: height, output: 2, size: 3, stride: 2, before: 1)
    let across = WindowAxis(input: width, output: 5, size: 3, before: 1)
    let count = pairs * height * height * width * width
    let x = (0..<count).map { Double($0 * 11 % 29 - 14) }
    let middle = try backend.matrix(1, pairs * 4 * width * width, .float32)
    let output = try backend.matrix(1, pairs * 4 * 25, .float32)
    try backend.run(
      .windowSum(
        WindowSum(
          .diagonal, of: backend.matrix(1, count, .float32, x), into: middle, axis: down,
          outer: pairs, inner: width * width)))
    try backend.run(
      .windowSum(
        WindowSum(.diagonal, of: middle, into: output, axis: across, outer: pairs * 4, inner: 1)))
    var expected: [Double] = []
    for pair in 0..<pairs {
      for (y, otherY) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for xx in 0..<5 {
          for otherX in 0..<5 {
            var sum = 0.0
            for dy in 0..<3 {
              for dx in 0..<3 {
                let (h, k) = (2 * y - 1 + dy, 2 * otherY - 1 + dy)
                let (w, v) = (xx - 1 + dx, otherX - 1 + dx)
                guard (0..<height).contains(h), (0..<height).contains(k), (0..<width).contains(w),
                  (0..<width).contains(v)
                else { continue }
                sum += x[(((pair * height + h) * height + k) * width + w) * width + v]
              }
            }
            expected.append(sum)
          }
        }
      }
    }
    #expect(try backend.download(output) == expected)
  }
}
