import Compute

extension JetAlgebra {
  /// A coefficient of an image sorted by groups: [groups·batch·H·W, channels of one]. Group g's channel c
  /// is column g·channels + c of x.
  func grouped(_ x: Matrix, _ geometry: ConvolutionGeometry) throws -> Matrix {
    guard geometry.groups > 1 else { return x }
    let columns = try backend.matrix(x.columns, x.rows, x.type)
    try backend.run(
      .transposition(Transposition(columns, from: x, rows: x.rows, columns: x.columns)))
    if geometry.channels == 1 { return columns.reshaped(rows: columns.count, columns: 1) }
    let sorted = try backend.matrix(geometry.groups * x.rows, geometry.channels, x.type)
    try backend.run(
      .transposition(
        Transposition(sorted, from: columns, rows: geometry.channels, columns: x.rows)))
    return sorted
  }

  /// The way back.
  func ungroup(_ sorted: Matrix, _ geometry: ConvolutionGeometry, into x: Matrix) throws {
    var columns = sorted.reshaped(rows: x.columns, columns: x.rows)
    if geometry.channels > 1 {
      columns = try backend.matrix(x.columns, x.rows, x.type)
      try backend.run(
        .transposition(
          Transposition(columns, from: sorted, rows: x.rows, columns: geometry.channels)))
    }
    try backend.run(
      .transposition(Transposition(x, from: columns, rows: x.columns, columns: x.rows)))
  }

  /// The unfolded matrix of one coefficient in pieces.
  struct Tiles {
    let backend: any Backend
    let geometry: ConvolutionGeometry
    let all: [ConvolutionTile]
    /// Memory for one piece; nil where patches are views.
    private let memory: Matrix?

    /// - Parameters:
    ///   - rows: output positions of the batch.
    ///   - multiple: what the rows of every piece but the last of a group are a multiple of.
    init(
      _ algebra: JetAlgebra, _ geometry: ConvolutionGeometry, rows: Int, multiple: Int,
      type: ScalarType
    ) throws {
      backend = algebra.backend
      self.geometry = geometry
      let groups = geometry.groups
      func tile(_ groups: Range<Int>, _ part: Range<Int>) -> ConvolutionTile {
        ConvolutionTile(groups: groups, part: part, height: rows, of: geometry.groups)
      }
      guard geometry.viewStride == nil else {
        all = [tile(0..<groups, 0..<rows)]
        memory = nil
        return
      }
      let fitting = algebra.backend.workspaceBytes / (geometry.patchCount * type.byteCount)
      let size = min(rows, max(1, fitting / multiple) * multiple)
      // Whole groups, or parts of one.
      let count = size < rows ? 1 : max(1, min(groups, fitting / rows))
      all = stride(from: 0, to: groups, by: count).flatMap { first in
        stride(from: 0, to: rows, by: size).map {
          tile(first..<min(groups, first + count), $0..<min(rows, $0 + size))
        }
      }
      memory = try algebra.backend.matrix(count * size, geometry.patchCount, type)
    }

    /// Rows `range` of the unfolded coefficient.
    func patches(of x: Matrix, _ range: Range<Int>) throws -> Matrix {
      guard let memory else { return view(of: x) }
      let patches = memory.rows(0..<range.count)
      try backend.run(.unfold(Unfold(patches, from: x, geometry, first: range.lowerBound)))
      return patches
    }

    /// Where the patches of an image's cotangent go before they are folded.
    func room(for image: Matrix, _ range: Range<Int>) throws -> Matrix {
      if let memory { return memory.rows(0..<range.count) }
      return geometry.viewIsPartition
        ? view(of: image) : try backend.matrix(range.count, geometry.patchCount, image.type)
    }

    private func view(of x: Matrix) -> Matrix {
      let rows = x.rows / geometry.input.count * geometry.output.count
      return Matrix(
        x.buffer, offset: x.offset, rows: rows, columns: geometry.patchCount,
        stride: geometry.viewStride!)
    }
  }
}

/// Some groups of a convolution as a whole, or some output positions of one.
struct ConvolutionTile {
  /// One group's operand, and elements from it to the next group's.
  typealias Operand = (matrix: Matrix, step: Int)

  let groups: Range<Int>
  /// Output positions of each of them.
  let part: Range<Int>
  /// Output positions of a group.
  let height: Int
  /// Of the convolution.
  let count: Int

  init(groups: Range<Int>, part: Range<Int>, height: Int, of count: Int) {
    (self.groups, self.part, self.height, self.count) = (groups, part, height, count)
  }

  /// Rows of the unfolded matrix of all groups.
  var rows: Range<Int> {
    (groups.lowerBound * height + part.lowerBound)..<((groups.upperBound - 1) * height
      + part.upperBound)
  }

  /// Whether its groups' sums begin with it.
  var isFirst: Bool { part.lowerBound == 0 }

  /// In the tile's own patches.
  func unfolded(_ patches: Matrix) -> Operand {
    (patches.rows(0..<part.count), part.count * patches.stride)
  }

  /// In the rows of weights.
  func weights(_ weights: Matrix) -> Operand {
    let rows = weights.rows / count
    return (
      weights.rows((groups.lowerBound * rows)..<((groups.lowerBound + 1) * rows)),
      rows * weights.stride
    )
  }

  /// In the columns of what has a row for every output position.
  func columns(_ z: Matrix) -> Operand {
    let columns = z.columns / count
    return (
      Matrix(
        z.buffer, offset: z.offset + part.lowerBound * z.stride + groups.lowerBound * columns,
        rows: part.count, columns: columns, stride: z.stride), columns
    )
  }
}
