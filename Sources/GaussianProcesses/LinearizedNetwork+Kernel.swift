import Compute
import TangentKernels

/// The kernel as a matrix on the host, tile by tile.
extension LinearizedNetwork {
  /// Bytes of a tile on the backend. It changes no bit.
  static let tileBytes = 256 << 20

  /// J R² Jᵀ as a matrix between outputs, rows and columns example after example, [n1·O, n2·O], in
  /// float64 on the host. Of two tiles that mirror each other one is computed. Waits.
  ///
  /// - Parameter progress: called before each tile with the tiles that are done, and their number.
  public func kernelMatrix(
    _ x1: Matrix, _ x2: Matrix? = nil, progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> [Double] {
    try kernelMatrix(x1, x2, tileBytes: Self.tileBytes, progress: progress)
  }

  func kernelMatrix(
    _ x1: Matrix, _ x2: Matrix?, tileBytes: Int, progress: (Int, Int) -> Void
  ) throws -> [Double] {
    let kernel = try kernel(x1, x2)
    let tiles = tiles(x1.rows, x2?.rows, tileBytes)
    let (o, width) = (outputs, (x2 ?? x1).rows * outputs)
    if tiles.count == 1 {
      progress(0, 1)
      return try backend.download(
        kernel.matrix(rows: tiles[0].rows, columns: tiles[0].columns))
    }
    var result = [Double](repeating: 0, count: x1.rows * o * width)
    for (index, tile) in tiles.enumerated() {
      progress(index, tiles.count)
      let values = try backend.download(kernel.matrix(rows: tile.rows, columns: tile.columns))
      let (row, column) = (tile.rows.lowerBound * o, tile.columns.lowerBound * o)
      let (height, breadth) = (tile.rows.count * o, tile.columns.count * o)
      Self.copy(values, height, breadth, into: &result, at: row * width + column, stride: width)
      if x2 == nil, row != column {
        Self.copyMirrored(
          values, height, breadth, into: &result, at: column * width + row, stride: width)
      }
    }
    return result
  }

  private static func copy(
    _ values: [Double], _ rows: Int, _ columns: Int, into result: inout [Double], at offset: Int,
    stride: Int
  ) {
    values.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        for i in 0..<rows {
          for j in 0..<columns { target[offset + i * stride + j] = source[i * columns + j] }
        }
      }
    }
  }

  /// The transpose, in squares that fit into a cache.
  private static func copyMirrored(
    _ values: [Double], _ rows: Int, _ columns: Int, into result: inout [Double], at offset: Int,
    stride: Int
  ) {
    let square = 32
    values.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        for i in Swift.stride(from: 0, to: rows, by: square) {
          for j in Swift.stride(from: 0, to: columns, by: square) {
            for column in j..<min(columns, j + square) {
              for row in i..<min(rows, i + square) {
                target[offset + column * stride + row] = source[row * columns + column]
              }
            }
          }
        }
      }
    }
  }

  private struct Tile {
    var rows: Range<Int>
    var columns: Range<Int>
  }

  /// Those above the diagonal and on it, where there is one.
  private func tiles(_ rows: Int, _ columns: Int?, _ bytes: Int) -> [Tile] {
    let numbers = bytes / type.byteCount
    let side = max(1, Int(Double(numbers).squareRoot()) / outputs)
    var result: [Tile] = []
    for row in stride(from: 0, to: rows, by: side) {
      for column in stride(from: columns == nil ? row : 0, to: columns ?? rows, by: side) {
        result.append(
          Tile(
            rows: row..<min(rows, row + side),
            columns: column..<min(columns ?? rows, column + side)))
      }
    }
    return result
  }

  /// What `kernelMatrix` takes of n1 and n2 examples: the contractions' work, and bytes on the backend at
  /// once beyond parameters and inputs. Nothing is computed.
  public func kernelCost(
    _ n1: Int, _ n2: Int? = nil
  ) throws -> (contractions: Cost, peakBytes: Int) {
    let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
    let other = LinearizedNetwork(
      network, at: try null.matrix(1, parameterCount, type), scales: scales,
      priorMean: priorMean, passBytes: passBytes, on: null)
    let features = network.inputCount
    let kernel = try other.kernel(
      null.matrix(n1, features, type), n2.map { try null.matrix($0, features, type) })
    let before = null.statistics.liveBytes
    for tile in tiles(n1, n2, Self.tileBytes) {
      _ = try kernel.matrix(rows: tile.rows, columns: tile.columns)
    }
    return (null.contractionCost, null.statistics.peakBytes - before)
  }
}
