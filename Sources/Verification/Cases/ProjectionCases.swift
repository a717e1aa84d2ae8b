import Compute

extension VerificationCase {
  /// extraction, projection and projection_residual.
  static func projections(quick: Bool) -> [VerificationCase] {
    realTypes.flatMap { type in
      extractions(type, quick: quick) + products(type, quick: quick)
        + residuals(type, quick: quick)
    }
  }

  private static func extractions(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    // Starts, outer and inner extents.
    let shapes =
      quick ? [(3, 5, 7)] : [(1, 1, 1), (3, 5, 7), (16, 1, 1), (4, 129, 1), (2, 1, 1025)]
    return shapes.flatMap { starts, outer, inner in
      [Oracle.exact, .bits].flatMap { oracle -> [VerificationCase] in
        let suffix = oracle == .bits ? " special values" : ""
        let content = oracle == .bits ? Workbench.Content.special : .random(1)
        func patch(_ matrix: Matrix, step: Int) -> Patch {
          Patch(
            matrix, starts: (0..<starts).map { ($0 * 5) % 11 }, outer: .init(outer, step: step),
            inner: .init(inner, step: 2))
        }
        let several = VerificationCase(
          "extraction", "5 patches of \(starts)×\(outer)×\(inner)\(suffix)", type, oracle: oracle
        ) { bench in
          let sources = try (0..<5).map { _ in
            try bench.matrix(1, 11 + outer * 13 + inner * 2, content)
          }
          let patches = sources.enumerated().map { patch($1, step: 9 + $0) }
          let out = try bench.matrix(1, 5 * starts * outer * inner, .unset)
          return Prepared(operation: .extraction(Extraction(out, patches)), outputs: [out])
        }
        guard outer * inner == 1 else { return [several] }
        let indirect = VerificationCase(
          "extraction", "\(starts) starts by row numbers\(suffix)", type, oracle: oracle
        ) { bench in
          let source = try bench.matrix(7, 13, content, padding: 3)
          let rows = try bench.indices((0..<5).map { $0 * 3 % 7 })
          let out = try bench.matrix(1, starts, .unset)
          let patch = Patch(
            source, starts: (0..<starts).map { $0 * 5 % 13 },
            indirection: .init(
              rows: rows, positions: (0..<starts).map { $0 * 2 % 5 }, stride: source.stride))
          return Prepared(operation: .extraction(Extraction(out, [patch])), outputs: [out])
        }
        return [several, indirect]
      }
    }
  }

  private static func products(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let shapes =
      quick
      ? [(65, 67, 1)]
      : [(1, 1, 1), (7, 3, 2), (63, 65, 1), (64, 64, 3), (129, 1025, 1), (1031, 2, 2), (3, 64, 1)]
    return shapes.flatMap { rows, columns, batch in
      [false, true].flatMap { transpose in
        [false, true].map { isShared in
          VerificationCase(
            "projection",
            "\(rows)×\(columns)" + (transpose ? " transposed" : "")
              + (batch > 1 ? " batch \(batch)" : "") + (isShared ? " one vector" : ""), type
          ) { bench in
            let (m, n) = transpose ? (columns, rows) : (rows, columns)
            let x = try bench.copies(batch, rows, columns, .random(2), padding: 3, gap: 5)
            let vector = try bench.doubles(1, n * (isShared ? 1 : batch), .random(1))
            let sums = try bench.doubles(1, m * batch, .unset)
            let squares = try bench.doubles(1, m * batch, .unset)
            func part(_ vector: Matrix, _ count: Int) -> Matrix {
              Matrix(vector.buffer, offset: vector.offset, rows: 1, columns: count)
            }
            return Prepared(
              operation: .projection(
                Projection(
                  x.first, transpose: transpose, times: part(vector, n), into: part(sums, m),
                  squares: part(squares, m), batch: batch, strideX: x.stride,
                  strideVector: isShared ? 0 : n, strideSums: m)), outputs: [sums, squares])
          }
        }
      }
    }
  }

  private static func residuals(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    (quick ? [(67, 2)] : [(1, 1), (67, 2), (1031, 1)]).flatMap { count, batch in
      [nil, 0.3].flatMap { (scale: Double?) in
        [false, true].map { accumulates in
          VerificationCase(
            "projection_residual",
            "\(count) batch \(batch)" + (scale.map { " s=\($0)" } ?? "")
              + (accumulates ? " added" : ""), type
          ) { bench in
            let d = try bench.doubles(1, count * batch, .random(1))
            let t = try bench.doubles(1, count * batch, accumulates ? .positive(1) : .unset)
            let p = try bench.doubles(1, count * batch, .random(1))
            let q = try bench.doubles(1, count * batch, .positive(1))
            let norm = try bench.doubles(1, batch, .positive(3))
            func part(_ vector: Matrix) -> Matrix {
              Matrix(vector.buffer, offset: vector.offset, rows: 1, columns: count)
            }
            return Prepared(
              operation: .projectionResidual(
                ProjectionResidual(
                  part(d), tolerance: part(t), sums: part(p), squares: part(q),
                  norm: norm.element(0), alpha: 0.7, scale: try bench.scalar(scale),
                  coefficient: 0.01, accumulates: accumulates, batch: batch,
                  strideResidual: count, strideSums: count, strideNorm: 1)), outputs: [d, t])
          }
        }
      }
    }
  }
}
