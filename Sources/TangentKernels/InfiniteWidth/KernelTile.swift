import Compute

/// K and, behind it in one piece of memory, Θ of the examples of one tile, [pairs, cells] each.
struct KernelTile {
  let memory: Matrix
  let pairCount: Int
  var cellCount: Int
  /// Whether Θ is there; before the first affine layer it is 0.
  var hasTangent = false

  var count: Int { pairCount * cellCount }

  var nngp: Matrix { part(0) }
  var ntk: Matrix? { hasTangent ? part(1) : nil }
  /// Everything that is there, as one row.
  var whole: Matrix {
    Matrix(
      memory.buffer, offset: memory.offset, rows: 1, columns: count * (hasTangent ? 2 : 1))
  }

  private func part(_ index: Int) -> Matrix {
    Matrix(
      memory.buffer, offset: memory.offset + index * count, rows: pairCount, columns: cellCount)
  }
}

/// Memory for tiles of one size, given back and taken again.
final class KernelScratch {
  private let backend: any Backend
  private let type: ScalarType
  let capacity: Int
  private var free: [Matrix] = []

  /// - Parameter capacity: numbers in a tile.
  init(_ backend: any Backend, _ type: ScalarType, capacity: Int) {
    self.backend = backend
    self.type = type
    self.capacity = capacity
  }

  func take() throws -> Matrix { try free.popLast() ?? backend.matrix(1, capacity, type) }
  func give(_ memory: Matrix) { free.append(memory) }
}
