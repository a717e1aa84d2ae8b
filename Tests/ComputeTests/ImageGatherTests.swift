import Compute
import TestSupport
import Testing

/// Crops, flips and normalisation against plain loops over a padded image.
@BackendActor @Suite struct ImageGatherTests {
  nonisolated private static let shape = ImageGather.Shape(channels: 3, height: 8, width: 6)
  nonisolated private static let padding = 2
  nonisolated private static let count = 40
  nonisolated private static let images = sample(count * shape.count, seed: 21)

  private var shape: ImageGather.Shape { Self.shape }
  private var padding: Int { Self.padding }
  private var count: Int { Self.count }

  /// What the operation gives on a back end, in float64.
  private func run(
    _ window: ImageGather.Window, flips: Bool, step: Int = 3, seed: UInt64 = 8, rows: [Int],
    scaling: [Double] = [0, 0, 0, 1, 1, 1], on backend: any Backend
  ) throws -> [[Double]] {
    let x = try backend.matrix(count, shape.count, .float64, Self.images)
    let out = try backend.matrix(rows.count, shape.count, .float64)
    let indices = try backend.matrix(1, rows.count, .int32, rows.map(Double.init))
    try backend.run(
      .imageGather(
        ImageGather(
          out, from: x, rows: indices, shape: shape,
          scaling: try backend.matrix(2, 3, .float64, scaling), window: window, flips: flips,
          seed: seed, step: step)))
    let values = try backend.download(out)
    return rows.indices.map { Array(values[$0 * shape.count..<($0 + 1) * shape.count]) }
  }

  /// Pads with zeros, cuts the window out, mirrors it.
  nonisolated private static func oracle(_ row: Int, dy: Int, dx: Int, flip: Bool) -> [Double] {
    let (h, w, p) = (shape.height, shape.width, padding)
    var result: [Double] = []
    for c in 0..<shape.channels {
      var padded = [[Double]](
        repeating: [Double](repeating: 0, count: w + 2 * p), count: h + 2 * p)
      for y in 0..<h {
        for x in 0..<w {
          padded[y + p][x + p] = images[((row * shape.channels + c) * h + y) * w + x]
        }
      }
      for y in 0..<h {
        let line = Array(padded[y + p + dy][(p + dx)..<(p + dx + w)])
        result += flip ? line.reversed() : line
      }
    }
    return result
  }

  private struct Placement: Hashable { var dy, dx: Int, flip: Bool }

  /// By image, what every placement shows; no two show the same.
  nonisolated private static let placements: [[[Double]: Placement]] = (0..<count).map { row in
    var known: [[Double]: Placement] = [:]
    for dy in -padding...padding {
      for dx in -padding...padding {
        for flip in [false, true] {
          known[oracle(row, dy: dy, dx: dx, flip: flip)] = Placement(dy: dy, dx: dx, flip: flip)
        }
      }
    }
    precondition(known.count == 50)
    return known
  }

  private func placement(_ row: Int, _ output: [Double]) throws -> Placement {
    try #require(Self.placements[row][output])
  }

  @Test(arguments: BackendUnderTest.allCases)
  func oneWindowForABatch(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    var windows: Set<[Int]> = []
    for step in 0..<12 {
      let rows = (0..<5).map { ($0 * 11 + step) % count }
      let outputs = try run(
        .drawn(padding: padding), flips: true, step: step, rows: rows, on: backend)
      let placements = try zip(rows, outputs).map { try placement($0, $1) }
      #expect(Set(placements.map { [$0.dy, $0.dx] }).count == 1)
      windows.insert([placements[0].dy, placements[0].dx])
    }
    // Fewer than 4 of 25 windows in 12 draws: probability below 2300·(3/25)^12 < 3e-8.
    #expect(windows.count >= 4)
  }

  /// All windows are equally likely and half of the images are flipped: χ² with 49 degrees of
  /// freedom lies below 112 with probability 1 − 1e-6 (and the draws are fixed).
  @Test func windowsAndFlipsAreUniform() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    var counts: [Placement: Int] = [:]
    let rows = Array(0..<count)
    for step in 0..<50 {
      let outputs = try run(
        .drawnForEach(padding: padding), flips: true, step: step, rows: rows, on: backend)
      for (row, output) in zip(rows, outputs) {
        counts[try placement(row, output), default: 0] += 1
      }
    }
    let expected = 50 * Double(count) / 50
    #expect(counts.count == 50)
    let statistic = counts.values.reduce(0.0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    #expect(statistic < 112, "χ² = \(statistic)")
  }

  /// The placement of an image follows from seed, step and place in the batch, not from the image.
  @Test(arguments: BackendUnderTest.canonical)
  func placementsDependOnThePosition(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let window = ImageGather.Window.drawnForEach(padding: padding)
    func placements(_ rows: [Int], step: Int = 3, seed: UInt64 = 8) throws -> [Placement] {
      let outputs = try run(
        window, flips: true, step: step, seed: seed, rows: rows, on: backend)
      return try zip(rows, outputs).map { try placement($0, $1) }
    }
    let first = try placements(Array(0..<20))
    #expect(try placements((0..<20).map { 39 - $0 }) == first)
    #expect(try placements(Array(0..<7)) == Array(first.prefix(7)))
    #expect(try placements(Array(0..<20), step: 4) != first)
    #expect(try placements(Array(0..<20), seed: 9) != first)
  }

  /// Padding counts as 0 before it is normalised; mean and factor are those of the channel.
  @Test func normalisationComesLast() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let scaling = [0.25, -0.5, 2, 4, 0.5, -1]
    let plane = shape.height * shape.width
    let outputs = try run(
      .fixed(dy: -2, dx: 1), flips: false, rows: [7], scaling: scaling, on: backend)
    let expected = Self.oracle(7, dy: -2, dx: 1, flip: false).enumerated().map { index, value in
      (value - scaling[index / plane]) * scaling[3 + index / plane]
    }
    #expect(outputs == [expected])
    #expect(outputs[0][0] == -0.25 * 4)
  }
}
