import Compute
import OpenCLBackend
import Testing

/// Pooling, normalization, affine layers and dropout on the device, against their definitions.
@Suite struct ImageOperationTests {
  let backend: OpenCLBackend

  init() throws { backend = try makeBackend() }

  private func compare(
    _ what: String, _ make: (any Backend) throws -> (Operation, [Matrix])
  ) throws {
    try expectDefinition(on: backend, what, make)
  }

  /// Without room to spare, so that an access behind its end is one behind the buffer's end.
  private func jet(
    _ backend: any Backend, _ block: Int, _ columns: Int, degree: Int, directions: Int = 1,
    hasZero: Bool = true, seed: UInt64
  ) throws -> JetView {
    let rows = block * ((hasZero ? 1 : 0) + directions * degree)
    let values = sample(rows * columns, seed: seed)
    return JetView(
      try backend.matrix(rows, columns, .float32, values), block: block, degree: degree,
      capacity: degree, directions: directions, hasZero: hasZero)
  }

  /// Windows that overlap and do not reach the end, and the whole image.
  @Test(arguments: [
    PoolingWindow(image: .init(6, 5), window: .init(3, 2), stride: .init(2, 2)),
    PoolingWindow(whole: .init(4, 3)),
  ])
  func pooling(_ window: PoolingWindow) throws {
    let (images, pooled) = (2 * window.image.count, 2 * window.pooled.count)
    for directions in [1, 2] {
      for kind in [Pooling.Kind.average, .max] {
        try compare("\(kind) ×\(directions)") { backend in
          let x = try jet(backend, images, 3, degree: 2, directions: directions, seed: 1)
          let y = try jet(backend, pooled, 3, degree: 2, directions: directions, seed: 2)
          let choice = kind == .max ? try backend.matrix(pooled, 3, .float32) : nil
          let operation = Pooling(kind, .forward, window, x, into: y, choice: choice)
          return (.pooling(operation), [y.matrix] + (choice.map { [$0] } ?? []))
        }
        try compare("\(kind) ×\(directions), adjoint") { backend in
          let y = try jet(
            backend, pooled, 3, degree: 2, directions: directions, hasZero: false, seed: 3)
          let x = try jet(
            backend, images, 3, degree: 2, directions: directions, hasZero: false, seed: 4)
          let taps = (0..<(3 * pooled)).map { Double($0 * 5 % window.window.count) }
          let choice = kind == .max ? try backend.matrix(pooled, 3, .float32, taps) : nil
          let operation = Pooling(kind, .adjoint, window, y, into: x, choice: choice)
          return (.pooling(operation), [x.matrix])
        }
      }
    }
  }

  @Test func normalization() throws {
    for (degree, order, directions) in [(0, 0, 1), (1, 3, 2), (2, 2, 1)] {
      try compare("degree \(degree) order \(order)") { backend in
        let x = try jet(backend, 3, 17, degree: degree, directions: directions, seed: 1)
        let y = try jet(backend, 3, 17, degree: order, directions: directions, seed: 2)
        let inverse = try jet(
          backend, 3, 1, degree: max(0, order - 1), directions: directions, seed: 3)
        let operation = LayerNorm(
          .forward(input: x, output: y, inverse: inverse), epsilon: 1e-5)
        return (.layerNorm(operation), [y.matrix, inverse.matrix])
      }
      try compare("degree \(degree) order \(order), adjoint") { backend in
        let last = max(1, order)
        let y = try jet(backend, 3, 17, degree: last - 1, directions: directions, seed: 4)
        let inverse = try jet(backend, 3, 1, degree: last - 1, directions: directions, seed: 5)
        let cotangent = try jet(
          backend, 3, 17, degree: last, directions: directions, hasZero: false, seed: 6)
        let operation = LayerNorm(
          .adjoint(
            cotangent: cotangent, value: y, inverse: inverse, degree: max(1, degree)))
        return (
          .layerNorm(operation), (1...max(1, degree)).map { cotangent[$0] }
        )
      }
    }
  }

  @Test func affineLayers() throws {
    func parameter(_ backend: any Backend, seed: UInt64) throws -> LayerAffine.Parameter {
      LayerAffine.Parameter(
        center: try backend.matrix(1, 17, .float32, sample(17, seed: seed)),
        displacement: try backend.matrix(2, 17, .float32, sample(34, seed: seed + 1)).rows(0..<1),
        displacementStride: 17, factor: 0.7, scale: try backend.matrix(1, 1, .float32, [0.5]))
    }
    try compare("forward") { backend in
      let y = try jet(backend, 3, 17, degree: 1, directions: 2, seed: 1)
      let z = try jet(backend, 3, 17, degree: 2, directions: 2, seed: 2)
      let operation = LayerAffine(
        .forward(input: y, output: z, bias: try parameter(backend, seed: 3)),
        gain: try parameter(backend, seed: 5))
      return (.layerAffine(operation), [z.matrix])
    }
    try compare("adjoint") { backend in
      let z = try jet(backend, 3, 17, degree: 2, directions: 2, hasZero: false, seed: 7)
      let operation = LayerAffine(
        .adjoint(cotangent: z, degree: 2), gain: try parameter(backend, seed: 8))
      return (.layerAffine(operation), [z.matrix])
    }
    try compare("gradient") { backend in
      let z = try jet(backend, 600, 5, degree: 2, directions: 2, hasZero: false, seed: 10)
      let y = try jet(backend, 600, 5, degree: 1, directions: 2, seed: 11)
      let sums = try backend.matrix(2, 5, .float32)
      let operation = ColumnProducts(
        z, y, into: sums.rows(0..<1), strideSums: 5, alpha: 0.3,
        scale: try backend.matrix(1, 1, .float32, [4]))
      return (.columnProducts(operation), [sums])
    }
  }

  @Test func dropout() throws {
    try compare("dropout") { backend in
      let x = try backend.matrix(7, 19, .float32, sample(133, seed: 1))
      return (.dropout(Dropout(x, probability: 0.4, seed: 3, layer: 2, step: 5)), [x])
    }
  }
}
