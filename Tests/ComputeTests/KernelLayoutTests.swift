import Compute
import TestSupport
import Testing

/// Every arrangement of pairs and cells, by loops that spell out its order.
@BackendActor @Suite struct KernelLayoutTests {
  nonisolated static let layouts = [
    KernelLayout(rows: 1, columns: 1), KernelLayout(rows: 5, columns: 66), .paired(65),
    KernelLayout(rows: 3, columns: 4, height: 3, width: 7), .paired(4, height: 9, width: 8),
    KernelLayout(rows: 2, columns: 3, height: 3, width: 5, cells: .pairs),
    KernelLayout(rows: 1, columns: 2, height: 2, width: 9, cells: .pairs),
    .paired(3, height: 4, width: 3, cells: .pairs),
  ]

  /// For each number of the kernel (example, position) on both sides.
  private func cells(_ layout: KernelLayout) -> [(i: Int, p: Int, j: Int, q: Int)] {
    var cells: [(Int, Int, Int, Int)] = []
    let (height, width) = (layout.height, layout.width)
    for i in 0..<layout.rows {
      for j in layout.pairing == .paired ? i..<i + 1 : 0..<layout.columns {
        if layout.cells == .positions {
          for p in 0..<height * width { cells.append((i, p, j, p)) }
          continue
        }
        for y in 0..<height {
          for other in 0..<height {
            for x in 0..<width {
              for beside in 0..<width {
                cells.append((i, y * width + x, j, other * width + beside))
              }
            }
          }
        }
      }
    }
    return cells
  }

  /// T = ab + 2c² of integers tells which variances were taken.
  @Test(arguments: BackendUnderTest.allCases, layouts)
  func variancesAreThoseOfTheCell(_ place: BackendUnderTest, _ layout: KernelLayout) throws {
    let backend = try place.backend()
    let cells = cells(layout)
    #expect(cells.count == layout.count)
    let positions = layout.positionCount
    func variance(_ place: Int) -> Double { Double(place * 7 % 61 + 1) }
    func variances(_ examples: Int, _ first: Int) throws -> Matrix {
      try backend.matrix(
        examples, positions, .float32, (0..<examples * positions).map { variance($0 + first) })
    }
    let nngp = try backend.matrix(
      layout.pairCount, layout.cellCount, .float32, cells.indices.map { Double($0 % 5) })
    let ntk = try backend.matrix(
      layout.pairCount, layout.cellCount, .float32, cells.indices.map { Double($0 % 7) })
    try backend.run(
      .dualActivation(
        DualActivation(
          .quadratic, nngp: nngp, ntk: ntk, layout: layout,
          rowVariances: variances(layout.rows, 0), columnVariances: variances(layout.columns, 3))))
    let expected = cells.enumerated().map { index, cell in
      variance(cell.i * positions + cell.p) * variance(cell.j * positions + cell.q + 3)
        + 2 * Double((index % 5) * (index % 5))
    }
    #expect(try backend.download(nngp) == expected)
    #expect(
      try backend.download(ntk) == cells.indices.map { Double(4 * ($0 % 5) * ($0 % 7)) })
  }

  /// Products of small integers, whose sums are exact.
  @Test(arguments: BackendUnderTest.allCases, layouts)
  func gramSumsOverChannels(_ place: BackendUnderTest, _ layout: KernelLayout) throws {
    let backend = try place.backend()
    let (channels, positions) = (3, layout.positionCount)
    func pixel(_ example: Int, _ channel: Int, _ position: Int, _ step: Int) -> Double {
      Double(((example * channels + channel) * positions + position) * step % 13 - 6)
    }
    func images(_ count: Int, _ step: Int) throws -> Matrix {
      try backend.matrix(
        count, channels * positions, .float32,
        (0..<count * channels * positions).map { Double($0 * step % 13 - 6) })
    }
    let output = try backend.matrix(layout.pairCount, layout.cellCount, .float32)
    try backend.run(
      .imageGram(
        ImageGram(
          images(layout.rows, 5), images(layout.columns, 7), into: output, layout: layout,
          channels: channels, alpha: 0.25)))
    let expected = cells(layout).map { cell in
      (0..<channels).reduce(0.0) {
        $0 + pixel(cell.i, $1, cell.p, 5) * pixel(cell.j, $1, cell.q, 7)
      } / 4
    }
    #expect(try backend.download(output) == expected)
  }

  /// Vectors: the bits of the contraction, chains and all; and of both operands exchanged.
  @Test(
    arguments: [ScalarType.float32, .float64], [1, 3, 784, 1024, 1025, 2051])
  func gramOfVectorsIsTheContraction(_ type: ScalarType, _ features: Int) throws {
    let results = try BackendUnderTest.onEach { backend in
      let x1 = try matrix(5, features, type, seed: 1, on: backend)
      let x2 = try matrix(5, features, type, seed: 2, on: backend)
      let product = try backend.matrix(5, 5, type)
      let alpha = 1 / Double(features)
      try backend.run(
        .contraction(Contraction(x1, x2, into: product, transposeB: true, alpha: alpha)))
      let grid = try backend.matrix(25, 1, type)
      try backend.run(
        .imageGram(
          ImageGram(
            x1, x2, into: grid, layout: KernelLayout(rows: 5, columns: 5), channels: features,
            alpha: alpha)))
      let paired = try backend.matrix(5, 1, type)
      try backend.run(
        .imageGram(
          ImageGram(x1, x2, into: paired, layout: .paired(5), channels: features, alpha: alpha)))
      let values = try backend.download(product)
      #expect(bits(try backend.download(grid)) == bits(values))
      #expect(bits(try backend.download(paired)) == bits((0..<5).map { values[6 * $0] }))
      return bits(values)
    }
    #expect(results.allSatisfy { $0.result == results[0].result })
  }
}
