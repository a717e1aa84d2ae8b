import Compute
import TestSupport

/// An operation with its operands on some backend, and the matrices it writes.
struct OperationCase: Sendable, CustomStringConvertible {
  var name: String
  /// Makes operands and operation; the same numbers on every backend.
  var make: @Sendable (_ backend: any Backend, _ type: ScalarType) throws -> (Operation, [Matrix])
  var description: String { name }

  init(
    _ name: String,
    _ make: @escaping @Sendable (any Backend, ScalarType) throws -> (Operation, [Matrix])
  ) {
    self.name = name
    self.make = make
  }
}

/// A matrix of `sample` numbers.
func matrix(
  _ rows: Int, _ columns: Int, _ type: ScalarType, seed: UInt64, on backend: any Backend
) throws -> Matrix {
  try backend.matrix(rows, columns, type, sample(rows * columns, seed: seed))
}

extension OperationCase {
  /// One past and one short of blocks, lanes and strips; primes; 1.
  static let counts = [1, 63, 65, 127, 1009, 65_537]

  static var all: [OperationCase] {
    elementwise + reductions + losses + softmaxCurvatures + updates + scalars + contractions
  }

  private static var elementwise: [OperationCase] {
    counts.flatMap { n in
      [
        OperationCase("fill \(n)") { backend, type in
          let x = try backend.matrix(1, n, type)
          return (.fill(Fill(x, value: 0.1)), [x])
        },
        OperationCase("linear combination \(n)") { backend, type in
          let x = try matrix(1, n, type, seed: 1, on: backend)
          let y = try matrix(1, n, type, seed: 2, on: backend)
          let out = try backend.matrix(1, n, type)
          return (.linearCombination(LinearCombination(out, 0.3, x, -1.7, y)), [out])
        },
        OperationCase("scaled copy \(n)") { backend, type in
          let x = try matrix(1, n, type, seed: 1, on: backend)
          let out = try backend.matrix(1, n, type)
          return (.linearCombination(LinearCombination(out, 0.3, x)), [out])
        },
      ]
    } + [
      OperationCase("gather from a strided matrix") { backend, type in
        let wide = try matrix(11, 17, type, seed: 3, on: backend)
        let x = Matrix(wide.buffer, offset: 2, rows: 11, columns: 13, stride: 17)
        let rows = try backend.matrix(1, 29, .int32, (0..<29).map { Double($0 * 7 % 11) })
        let out = try backend.matrix(29, 13, type)
        return (.gather(Gather(out, from: x, rows: rows)), [out])
      },
      OperationCase("images, cropped, flipped and normalised") { backend, type in
        let shape = ImageGather.Shape(channels: 3, height: 9, width: 7)
        let x = try matrix(11, shape.count, type, seed: 3, on: backend)
        let rows = try backend.matrix(1, 29, .int32, (0..<29).map { Double($0 * 7 % 11) })
        let scaling = try matrix(2, 3, type, seed: 4, on: backend)
        let out = try backend.matrix(29, shape.count, type)
        return (
          .imageGather(
            ImageGather(
              out, from: x, rows: rows, shape: shape, scaling: scaling,
              window: .drawnForEach(padding: 3), flips: true, seed: 5, step: 1_000)), [out]
        )
      },
    ]
  }

  private static var reductions: [OperationCase] {
    (counts + [131_073]).flatMap { n in
      [Reduction.Kind.sum, .sumOfSquares].map { kind in
        OperationCase("\(kind) of \(n)") { backend, type in
          let x = try matrix(1, n, type, seed: 4, on: backend)
          let out = try backend.matrix(1, 1, type)
          return (.reduction(Reduction(kind, of: x, into: out)), [out])
        }
      }
    }
      + [(1, 1), (7, 3), (1025, 65), (2051, 17)].map { rows, columns in
        OperationCase("column sums of \(rows)×\(columns), twice, scaled") { backend, type in
          let x = try matrix(2 * rows, columns, type, seed: 5, on: backend)
          let scale = try backend.matrix(1, 1, type, [4])
          let out = try backend.matrix(2, columns, type)
          return (
            .columnSums(
              ColumnSums(
                of: x.rows(0..<rows), into: out.rows(0..<1), alpha: 0.3, scale: scale, batch: 2,
                strideX: rows * columns, strideSums: columns)), [out]
          )
        }
      }
  }

  /// Jets of degree 0 and 3, with and without cotangents.
  private static var losses: [OperationCase] {
    Loss.Kind.allCases.flatMap { kind in
      [(0, 1), (0, 10), (3, 10), (1, 67)].map { degree, outputs in
        OperationCase("\(kind) of degree \(degree), \(outputs) outputs") { backend, type in
          let n = 13
          let logits = JetView(
            try matrix(n * (degree + 1), outputs, type, seed: 6, on: backend), block: n,
            degree: degree, capacity: degree)
          let targets = try backend.matrix(
            n, outputs, type,
            (0..<(n * outputs)).map { $0 % outputs == $0 / outputs % outputs ? 1 : 0 })
          let values = try backend.matrix(n, outputs, type)
          let losses = try backend.matrix(1, n, type)
          let correct = try backend.matrix(1, n, type)
          let rows = max(1, degree)
          let cotangent = JetView(
            try backend.matrix(n * rows, outputs, type), block: n, degree: rows, capacity: rows,
            hasZero: false)
          let loss = Loss(
            kind, logits: logits, targets: targets,
            scale: degree > 0 ? try backend.matrix(1, 1, type, [2]) : nil, factor: 1 / 13,
            outputs: values, losses: losses, correct: correct, cotangent: cotangent)
          return (.loss(loss), [values, losses, correct, cotangent.matrix])
        }
      }
    }
  }

  /// The curvature of the cross-entropy, one direction and several.
  private static var softmaxCurvatures: [OperationCase] {
    [(1, 1), (10, 1), (10, 3), (67, 2)].map { outputs, directions in
      OperationCase("softmax curvature, \(outputs) outputs, \(directions) directions") {
        backend, type in
        let n = 13
        let values = try matrix(n, outputs, type, seed: 61, on: backend)
        let targets = try backend.matrix(
          n, outputs, type, sample(n * outputs, seed: 62).map { abs($0) })
        let tangents = try matrix(n * directions, outputs, type, seed: 63, on: backend)
        let product = try backend.matrix(n * directions, outputs, type)
        return (
          .softmaxCurvature(
            SoftmaxCurvature(
              product, outputs: values, targets: targets, tangents: tangents, factor: 1 / 13)),
          [product]
        )
      }
    }
  }

  private static var updates: [OperationCase] {
    func update(
      _ name: String, _ n: Int,
      _ rule: @escaping @Sendable (any Backend, ScalarType) throws -> OptimizerUpdate.Rule,
      _ moments: @escaping @Sendable (OptimizerUpdate.Rule) -> [Matrix]
    ) -> OperationCase {
      OperationCase("\(name) \(n)") { backend, type in
        let state = try matrix(1, n, type, seed: 7, on: backend)
        let gradient = try matrix(1, n, type, seed: 8, on: backend)
        let rule = try rule(backend, type)
        return (
          .optimizerUpdate(
            OptimizerUpdate(rule, state: state, gradient: gradient, learningRate: 0.1)),
          [state] + moments(rule)
        )
      }
    }
    return [1, 1009].flatMap { n in
      [
        update("sgd", n, { _, _ in .sgd }, { _ in [] }),
        update(
          "momentum", n,
          { .momentum(velocity: try matrix(1, n, $1, seed: 9, on: $0), 0.9) },
          { if case .momentum(let v, _) = $0 { [v] } else { [] } }),
        update(
          "adam", n,
          { backend, type in
            // A second moment is not negative.
            let squares = sample(n, seed: 11).map { $0 * $0 }
            return .adam(
              first: try matrix(1, n, type, seed: 10, on: backend),
              second: try backend.matrix(1, n, type, squares), beta1: 0.9, beta2: 0.999,
              epsilon: 1e-8, step: 3)
          }, { if case .adam(let m, let v, _, _, _, _) = $0 { [m, v] } else { [] } }),
      ]
    }
  }

  private static var scalars: [OperationCase] {
    [
      OperationCase("gradient clipped and decayed, and norm") { backend, type in
        let state = try matrix(1, 1009, type, seed: 13, on: backend)
        let squares = try backend.matrix(1, 1, type)
        return (
          .optimizerUpdate(
            OptimizerUpdate(
              .sgd, state: state, gradient: try matrix(1, 1009, type, seed: 12, on: backend),
              learningRate: 0.5, center: try matrix(1, 1009, type, seed: 14, on: backend),
              clip: try backend.matrix(1, 1, type, [0.7]), decay: .gradient(1e-3),
              squares: squares)), [state, squares]
        )
      },
      OperationCase("decoupled decay, noise, and sum") { backend, type in
        let state = try matrix(1, 1009, type, seed: 15, on: backend)
        let parameters = try matrix(1, 1009, type, seed: 18, on: backend)
        return (
          .optimizerUpdate(
            OptimizerUpdate(
              .sgd, state: state, gradient: try matrix(1, 1009, type, seed: 16, on: backend),
              learningRate: 0.5, center: try matrix(1, 1009, type, seed: 17, on: backend),
              decay: .state(rate: -1e-3), noise: try matrix(1, 1009, type, seed: 19, on: backend),
              parameters: parameters)), [state, parameters]
        )
      },
    ]
      + [0.25, 9.0, 1e4].map { squares in
        OperationCase("clipping of √\(squares) at 2") { backend, type in
          let out = try backend.matrix(1, 2, type)
          return (
            .gradientClipping(
              GradientClipping(
                factor: out.element(0), norm: out.element(1),
                squares: try backend.matrix(1, 1, type, [squares]), limit: 2)), [out]
          )
        }
      }
  }

  /// Sizes around register blocks and tiles, chains of 1024 and more, strides, α, β, and each
  /// transposition once: every one more is another program to compile.
  private static var contractions: [OperationCase] {
    let shapes = [
      (1, 1, 1, false, false), (13, 33, 1025, false, true), (65, 17, 64, true, false),
      (3, 130, 2049, true, true), (7, 5, 0, false, false),
    ]
    return shapes.map { m, n, k, ta, tb in
      OperationCase("contraction \(m)×\(n)×\(k)\(ta ? " Aᵀ" : "")\(tb ? " Bᵀ" : "")") {
        backend, type in
        func operand(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
          // Two columns of padding and an offset.
          let wide = try matrix(rows + 1, columns + 2, type, seed: seed, on: backend)
          return Matrix(
            wide.buffer, offset: 1, rows: rows, columns: columns, stride: columns + 2)
        }
        let a = try ta ? operand(k, m, seed: 16) : operand(m, k, seed: 16)
        let b = try tb ? operand(n, k, seed: 17) : operand(k, n, seed: 17)
        let c = try operand(m, n, seed: 18)
        let whole = Matrix(c.buffer, rows: m + 1, columns: n + 2)
        let scale = try backend.matrix(1, 1, type, [2])
        return (
          .contraction(
            Contraction(
              a, b, into: c, transposeA: ta, transposeB: tb, alpha: 0.3, scale: scale,
              beta: ta ? 0 : 0.7)), [whole]
        )
      }
    }
  }
}
