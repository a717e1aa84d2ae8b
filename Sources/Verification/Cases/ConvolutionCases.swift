import Compute

extension VerificationCase {
  /// unfold, fold, transposition and copies of matrices.
  static func convolutions(quick: Bool) -> [VerificationCase] {
    realTypes.flatMap { type in
      foldings(type, quick: quick) + transpositions(type, quick: quick)
        + copies(type, quick: quick)
    }
  }

  /// Strides, paddings, one channel, more channels than a strip has.
  private static let geometries: [ConvolutionGeometry] = [
    geometry((5, 4), (3, 3), pad: (1, 1), out: (5, 4), channels: 3),
    geometry((7, 6), (3, 2), step: (2, 3), pad: (1, 0), out: (4, 2), channels: 5),
    geometry((1, 1), (1, 1), out: (1, 1), channels: 1),
    geometry((9, 3), (4, 1), step: (3, 1), out: (2, 3), channels: 1),
    geometry((4, 5), (5, 5), pad: (2, 2), out: (4, 5), channels: 67),
    geometry((6, 6), (1, 1), step: (2, 2), out: (3, 3), channels: 130),
  ]

  private static func geometry(
    _ input: (Int, Int), _ kernel: (Int, Int), step: (Int, Int) = (1, 1), pad: (Int, Int) = (0, 0),
    out: (Int, Int), channels: Int
  ) -> ConvolutionGeometry {
    ConvolutionGeometry(
      input: .init(input.0, input.1), kernel: .init(kernel.0, kernel.1),
      stride: .init(step.0, step.1), top: pad.0, left: pad.1, output: .init(out.0, out.1),
      channels: channels)
  }

  private static func foldings(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    (quick ? Array(geometries.prefix(2)) : geometries).flatMap { g in
      let batch = 3
      let label =
        "\(g.kernel) over \(g.input) to \(g.output), step \(g.stride), \(g.channels) channels"
      let positions = batch * g.output.count
      // A tile that begins and ends inside of images.
      let first = positions / 3
      return [
        VerificationCase("unfold", label, type, oracle: .exact) {
          let x = try $0.matrix(batch * g.input.count, g.channels, .random(1))
          let out = try $0.matrix(max(1, positions - 2 * first), g.patchCount, .unset)
          return Prepared(
            operation: .unfold(Unfold(out, from: x, g, first: first)), outputs: [out])
        },
        VerificationCase("unfold", label + ", special values", type, oracle: .bits) {
          let x = try $0.matrix(batch * g.input.count, g.channels, .special)
          let out = try $0.matrix(positions, g.patchCount, .unset)
          return Prepared(operation: .unfold(Unfold(out, from: x, g)), outputs: [out])
        },
        VerificationCase("fold", label, type) {
          let patches = try $0.matrix(positions, g.patchCount, .random(2))
          let out = try $0.matrix(batch * g.input.count, g.channels, .unset)
          return Prepared(operation: .fold(Fold(out, from: patches, g)), outputs: [out])
        },
        VerificationCase("fold", label + ", special values", type, oracle: .bits) {
          let patches = try $0.matrix(positions, g.patchCount, .special)
          let out = try $0.matrix(batch * g.input.count, g.channels, .unset)
          return Prepared(operation: .fold(Fold(out, from: patches, g)), outputs: [out])
        },
      ]
    }
  }

  private static func transpositions(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let shapes =
      quick
      ? [(2, 3, 5)] : [(1, 1, 1), (2, 3, 5), (7, 1, 9), (3, 65, 4), (2, 9, 131), (1, 128, 64)]
    return shapes.flatMap { batch, rows, columns in
      [Oracle.exact, .bits].map { oracle in
        VerificationCase(
          "transposition",
          "\(batch) of \(rows)×\(columns)" + (oracle == .bits ? ", special values" : ""), type,
          oracle: oracle
        ) {
          let x = try $0.matrix(
            batch * rows, columns, oracle == .bits ? .special : .random(1))
          let out = try $0.matrix(batch * columns, rows, .unset)
          return Prepared(
            operation: .transposition(Transposition(out, from: x, rows: rows, columns: columns)),
            outputs: [out])
        }
      }
    }
  }

  private static func copies(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let shapes = quick ? [(5, 7)] : [(1, 1), (5, 7), (1, 130), (67, 3), (70, 129)]
    return shapes.flatMap { rows, columns in
      [MatrixCopy.Form.same, .transposed, .mirrored].flatMap { form in
        [Oracle.exact, .bits].map { oracle in
          let columns = form == .mirrored ? rows : columns
          return VerificationCase(
            "matrix_copy",
            "\(form), \(rows)×\(columns)" + (oracle == .bits ? ", special values" : ""), type,
            oracle: oracle
          ) {
            let isTransposed = form == .transposed
            let x = try $0.matrix(
              isTransposed ? columns : rows, isTransposed ? rows : columns,
              oracle == .bits ? .special : .random(1), padding: 3)
            let out = try $0.matrix(rows, columns, .unset, padding: 2)
            return Prepared(
              operation: .matrixCopy(MatrixCopy(out, from: x, form)), outputs: [out])
          }
        }
      }
    }
  }
}
