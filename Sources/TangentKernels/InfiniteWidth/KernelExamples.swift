import Compute

/// Examples along one side of a kernel, on the device: the inputs, and for every activation and
/// normalization the variances in front of it, with the coefficients of series.
final class KernelExamples {
  let count: Int
  private let x: Matrix
  private var sides: [KernelFunctionInputs.Side] = []
  private let slots: [KernelGrid]
  /// The most that any series leaves out.
  private(set) var error = QuadratureError()

  /// - Parameter values: rows `range` of [examples, features], channels first, are taken.
  init(
    _ values: [Double], _ range: Range<Int>, _ kernel: InfiniteWidthKernel, wantsTangent: Bool,
    _ type: ScalarType, on backend: any Backend
  ) throws {
    let count = range.count
    self.count = count
    slots = kernel.variances.slots
    let features = kernel.inputCount
    x = try backend.matrix(count, features, type)
    try Self.upload(
      values, range.lowerBound * features..<range.upperBound * features, to: x, on: backend)
    for (grid, function) in zip(slots, kernel.functions) {
      var side = KernelFunctionInputs.Side(
        variances: try backend.matrix(count, grid.positionCount, type))
      if case .series(_, let degree) = function {
        side.values = try backend.matrix(degree, count * grid.positionCount, type)
        if wantsTangent {
          side.slopes = try backend.matrix(degree, count * grid.positionCount, type)
        }
      }
      sides.append(side)
    }
    guard !slots.isEmpty, count > 0 else { return }
    // A tile of examples with themselves, sized as other tiles are.
    let program = kernel.variances
    let size = max(
      1, min(count, InfiniteWidthKernel.tileCells(type, backend) / program.mostCells))
    let scratch = KernelScratch(backend, type, capacity: size * program.mostCells)
    for first in stride(from: 0, to: count, by: size) {
      try measure(first..<min(count, first + size), program, scratch, on: backend)
    }
  }

  /// The variances of some examples.
  private func measure(
    _ range: Range<Int>, _ program: KernelProgram, _ scratch: KernelScratch, on backend: any Backend
  ) throws {
    let evaluation = KernelEvaluation(
      backend: backend, scratch: scratch, rows: range.count, columns: range.count,
      pairing: .paired, wantsTangent: false
    ) { slot, function, tile in
      try self.record(tile, slot, function, range, scratch, on: backend)
      var side = self.side(slot, range)
      side.slopes = nil
      return KernelFunctionInputs(rows: side, columns: side)
    }
    let inputs = self.inputs(range)
    var tile = try evaluation.start(program, inputs, inputs)
    try evaluation.run(program.steps, &tile)
    scratch.give(tile.memory)
  }

  private func record(
    _ tile: KernelTile, _ slot: Int, _ function: KernelFunction, _ range: Range<Int>,
    _ scratch: KernelScratch, on backend: any Backend
  ) throws {
    let grid = slots[slot]
    let target = sides[slot].variances.rows(range)
    if grid.cells == .positions {
      try backend.run(.linearCombination(LinearCombination(target, 1, tile.nngp)))
    } else {
      let memory = try scratch.take()
      let rows = Matrix(
        memory.buffer, offset: memory.offset, rows: 1,
        columns: range.count * grid.height * grid.width * grid.width)
      try backend.run(
        .windowSum(
          WindowSum(
            .trace, of: tile.nngp, into: rows, axis: .each(grid.height), outer: range.count,
            inner: grid.width * grid.width)))
      try backend.run(
        .windowSum(
          WindowSum(
            .trace, of: rows, into: target, axis: .each(grid.width),
            outer: range.count * grid.height, inner: 1)))
      scratch.give(memory)
    }
    if case .series(let activation, let degree) = function {
      try expand(activation, degree, slot, range, try backend.download(target), on: backend)
    }
  }

  /// Uploads the Hermite coefficients at some variances, one degree after the other.
  private func expand(
    _ activation: SeriesActivation, _ degree: Int, _ slot: Int, _ range: Range<Int>,
    _ variances: [Double], on backend: any Backend
  ) throws {
    var (values, slopes) = (
      [Double](repeating: 0, count: degree * variances.count), [Double]()
    )
    if sides[slot].slopes != nil { slopes = values }
    for (place, variance) in variances.enumerated() {
      let series = HermiteSeries(activation, variance: variance, degree: degree)
      for n in 0..<degree { values[n * variances.count + place] = series.values[n] }
      if !slopes.isEmpty {
        for n in 0..<degree { slopes[n * variances.count + place] = series.slopes[n] }
      }
      error.include(series)
    }
    let part = side(slot, range)
    for (matrix, numbers) in [(part.values, values), (part.slopes, slopes)] {
      if let matrix { try Self.upload(numbers, numbers.indices, to: matrix, on: backend) }
    }
  }

  /// Copies a part of `values` to `matrix`: without a detour over collections of any kind, which
  /// would cost more than a small kernel.
  private static func upload(
    _ values: [Double], _ range: Range<Int>, to matrix: Matrix, on backend: any Backend
  ) throws {
    try values.withUnsafeBufferPointer { values in
      let part = UnsafeBufferPointer(rebasing: values[range])
      guard matrix.type == .float32 else {
        return try backend.upload(UnsafeRawBufferPointer(part), to: matrix)
      }
      let singles = [Float](unsafeUninitializedCapacity: part.count) { target, initialized in
        for index in 0..<part.count { target[index] = Float(part[index]) }
        initialized = part.count
      }
      try backend.upload(singles, to: matrix)
    }
  }

  /// The inputs of some examples.
  func inputs(_ range: Range<Int>) -> Matrix { x.rows(range) }

  /// What the function of a slot takes of some examples.
  func side(_ slot: Int, _ range: Range<Int>) -> KernelFunctionInputs.Side {
    let (whole, positions) = (sides[slot], slots[slot].positionCount)
    func columns(_ matrix: Matrix) -> Matrix {
      Matrix(
        matrix.buffer, offset: matrix.offset + range.lowerBound * positions, rows: matrix.rows,
        columns: range.count * positions, stride: matrix.stride)
    }
    return KernelFunctionInputs.Side(
      variances: whole.variances.rows(range), values: whole.values.map(columns),
      slopes: whole.slopes.map(columns))
  }
}
