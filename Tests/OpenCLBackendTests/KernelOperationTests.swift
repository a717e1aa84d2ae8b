import Compute
import OpenCLBackend
import Testing

/// Operations on kernels at infinite width, on the device against their definitions.
@Suite struct KernelOperationTests {
  let backend: OpenCLBackend
  private static let layouts = [
    KernelLayout(rows: 3, columns: 17), .paired(5),
    KernelLayout(rows: 2, columns: 2, height: 2, width: 3),
    KernelLayout(rows: 1, columns: 2, height: 2, width: 3, cells: .pairs),
    .paired(2, height: 3, width: 2, cells: .pairs),
  ]

  init() throws { backend = try makeBackend() }

  private func numbers(
    _ backend: any Backend, _ rows: Int, _ columns: Int, _ seed: UInt64, above: Double? = nil
  ) throws -> Matrix {
    let values = sample(rows * columns, seed: seed).map { x in above.map { $0 + abs(x) } ?? x }
    return try backend.matrix(rows, columns, .float32, values)
  }

  /// Variances above 1.5, covariances after the affine map below 1.3.
  private func kernels(
    _ backend: any Backend, _ layout: KernelLayout
  ) throws -> (nngp: Matrix, ntk: Matrix, rows: Matrix, columns: Matrix, affine: KernelAffine) {
    let (pairs, cells, positions) = (layout.pairCount, layout.cellCount, layout.positionCount)
    return (
      try numbers(backend, pairs, cells, 1), try numbers(backend, pairs, cells, 2),
      try numbers(backend, layout.rows, positions, 3, above: 1.5),
      try numbers(backend, layout.columns, positions, 4, above: 1.5),
      KernelAffine(factor: 1.25, bias: 0.05, ntkFactor: 1.5, nngpShare: 0.75, ntkBias: 1)
    )
  }

  @Test(
    arguments: [
      DualFunction.identity, .leakyReLU, .erf, .gelu, .sin, .cos, .exp, .quadratic, .gaussian,
      .sign, .normalization(epsilon: 0.25),
    ])
  func dualActivations(_ function: DualFunction) throws {
    for layout in Self.layouts {
      try expectDefinition(on: backend, "\(function), \(layout)") { backend in
        let own = try kernels(backend, layout)
        return (
          .dualActivation(
            DualActivation(
              function, nngp: own.nngp, ntk: own.ntk, layout: layout, rowVariances: own.rows,
              columnVariances: own.columns, affine: own.affine)), [own.nngp, own.ntk]
        )
      }
    }
  }

  @Test func series() throws {
    for layout in Self.layouts {
      try expectDefinition(on: backend, "\(layout)") { backend in
        let own = try kernels(backend, layout)
        let positions = layout.positionCount
        func series(_ count: Int) throws -> (rows: Matrix, columns: Matrix) {
          (
            try numbers(backend, count, layout.rows * positions, 5),
            try numbers(backend, count, layout.columns * positions, 6)
          )
        }
        return (
          .dualSeries(
            DualSeries(
              nngp: own.nngp, ntk: own.ntk, layout: layout, rowVariances: own.rows,
              columnVariances: own.columns, values: try series(9), slopes: try series(5),
              affine: own.affine)), [own.nngp, own.ntk]
        )
      }
    }
  }

  @Test func windowSums() throws {
    let axes = [
      WindowAxis(input: 5, output: 5, size: 3, before: 1),
      WindowAxis(input: 5, output: 3, size: 3, stride: 2, before: 1), .whole(4),
      WindowAxis(input: 2, output: 5, size: 3, before: 3),
    ]
    for axis in axes {
      for mode in [WindowSum.Mode.single, .diagonal, .trace] {
        for (outer, inner) in [(2, 1), (3, 9)] {
          try expectDefinition(on: backend, "\(mode) \(axis) \(outer) \(inner)") { backend in
            let input = try numbers(
              backend, outer * axis.input * (mode == .single ? 1 : axis.input), inner, 1)
            let output = try backend.matrix(
              outer * axis.output * (mode == .diagonal ? axis.output : 1), inner, .float32)
            return (
              .windowSum(
                WindowSum(
                  mode, of: input, into: output, axis: axis, outer: outer, inner: inner,
                  alpha: 0.3)), [output]
            )
          }
        }
      }
    }
  }

  @Test func imageGrams() throws {
    for layout in Self.layouts {
      for channels in [3, 1025] {
        try expectDefinition(on: backend, "\(layout), \(channels)") { backend in
          let columns = channels * layout.positionCount
          let output = try backend.matrix(layout.pairCount, layout.cellCount, .float32)
          return (
            .imageGram(
              ImageGram(
                try numbers(backend, layout.rows, columns, 1),
                try numbers(backend, layout.columns, columns, 2), into: output, layout: layout,
                channels: channels, alpha: 0.2)), [output]
          )
        }
      }
    }
  }
}
