import Compute

extension VerificationCase {
  /// Image, window, stride, examples, channels.
  private struct Shape {
    var window: PoolingWindow
    var examples: Int
    var channels: Int
    var padding: String

    init(
      _ image: (Int, Int), _ window: (Int, Int), _ stride: (Int, Int), _ examples: Int,
      _ channels: Int, top: Int = 0, left: Int = 0, pooled: (Int, Int)? = nil
    ) {
      let size = PoolingWindow.Size(image.0, image.1)
      let (own, step) = (PoolingWindow.Size(window.0, window.1), (stride.0, stride.1))
      self.window =
        pooled.map {
          PoolingWindow(
            image: size, window: own, stride: .init(step.0, step.1), top: top, left: left,
            pooled: .init($0.0, $0.1))
        } ?? PoolingWindow(image: size, window: own, stride: .init(step.0, step.1))
      padding = pooled == nil ? "" : ", padded by \(top) and \(left)"
      self.examples = examples
      self.channels = channels
    }

    func block(pooled: Bool) -> Int {
      examples * (pooled ? window.pooled : window.image).count
    }

    var label: String {
      func text(_ size: PoolingWindow.Size) -> String { "\(size.height)×\(size.width)" }
      return "\(examples) of \(text(window.image))×\(channels), window \(text(window.window)), "
        + "stride \(text(window.stride))" + padding
    }
  }

  static func poolings(quick: Bool) -> [VerificationCase] {
    // Windows side by side, that overlap, with gaps, that do not reach the end, the whole image.
    let overlapping = Shape((7, 6), (3, 2), (1, 1), 2, 5)
    let partial = Shape((7, 5), (3, 2), (2, 3), 2, 65)
    let shapes =
      quick
      ? [overlapping, partial]
      : [
        overlapping, partial, Shape((1, 1), (1, 1), (1, 1), 1, 1),
        Shape((6, 6), (2, 2), (2, 2), 3, 17), Shape((5, 8), (1, 2), (3, 3), 2, 3),
        Shape((4, 4), (4, 4), (1, 1), 3, 131), Shape((33, 32), (33, 32), (1, 1), 1, 1),
        Shape((3, 41), (2, 20), (1, 1), 1, 1),
      ]
    // Maxima only: padding on all sides, and windows that hold one position of the image.
    let padded =
      [Shape((7, 6), (3, 3), (2, 2), 2, 5, top: 1, left: 1, pooled: (4, 4))]
      + (quick ? [] : [Shape((4, 5), (3, 4), (1, 3), 3, 66, top: 2, left: 3, pooled: (6, 3))])
    // Degree, directions, room for more.
    let jets = quick ? [(2, 2, 1)] : [(0, 1, 0), (1, 1, 1), (3, 2, 1), (8, 1, 0)]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for shape in shapes + padded {
        for jet in jets {
          for kind in [Pooling.Kind.average, .max] where kind == .max || shape.padding.isEmpty {
            cases.append(pooling(kind, type, .bound, shape, jet))
            cases.append(poolingAdjoint(kind, type, .bound, shape, jet))
            guard jet.0 == 2 || jet.0 == 3 else { continue }
            cases.append(pooling(kind, type, .bits, shape, jet))
            cases.append(poolingAdjoint(kind, type, .bits, shape, jet))
          }
        }
      }
    }
    // As much as several threads share.
    if !quick {
      let large = Shape((24, 24), (3, 3), (2, 2), 3, 70)
      for kind in [Pooling.Kind.average, .max] {
        cases.append(pooling(kind, .float32, .bits, large, (2, 1, 0)))
        cases.append(poolingAdjoint(kind, .float32, .bits, large, (2, 1, 0)))
      }
    }
    return cases
  }

  private static func label(
    _ kind: Pooling.Kind, _ shape: Shape, _ jet: (Int, Int, Int), _ oracle: Oracle
  ) -> String {
    "\(kind) \(shape.label), degree \(jet.0) V=\(jet.1)"
      + (oracle == .bits ? " special values" : "")
  }

  private static func pooling(
    _ kind: Pooling.Kind, _ type: ScalarType, _ oracle: Oracle, _ shape: Shape,
    _ jet: (degree: Int, directions: Int, spare: Int)
  ) -> VerificationCase {
    // Small integers have many equals; what max pooling chooses is exact.
    let content: Workbench.Content =
      oracle == .bits ? .special : kind == .max ? .integers(3) : .random(2)
    return VerificationCase(
      "pooling", label(kind, shape, jet, oracle), type,
      oracle: kind == .max && oracle == .bound ? .exact : oracle
    ) {
      let x = try $0.jet(
        block: shape.block(pooled: false), columns: shape.channels, degree: jet.degree,
        capacity: jet.degree + jet.spare, directions: jet.directions, content)
      let y = try $0.jet(
        block: shape.block(pooled: true), columns: shape.channels, degree: jet.degree,
        capacity: jet.degree + 2 * jet.spare, directions: jet.directions, .unset)
      let choice =
        kind == .max && jet.degree != 1
        ? try $0.matrix(shape.block(pooled: true), shape.channels, .unset) : nil
      return Prepared(
        operation: .pooling(Pooling(kind, .forward, shape.window, x, into: y, choice: choice)),
        outputs: y.coefficients(0...jet.degree) + (choice.map { [$0] } ?? []))
    }
  }

  private static func poolingAdjoint(
    _ kind: Pooling.Kind, _ type: ScalarType, _ oracle: Oracle, _ shape: Shape,
    _ jet: (degree: Int, directions: Int, spare: Int)
  ) -> VerificationCase {
    let content: Workbench.Content = oracle == .bits ? .special : .random(2)
    let degree = max(1, jet.degree)
    return VerificationCase(
      "pooling", "adjoint " + label(kind, shape, jet, oracle), type, oracle: oracle
    ) {
      let rows = shape.block(pooled: true)
      let y = try $0.jet(
        block: rows, columns: shape.channels, degree: degree, capacity: degree + jet.spare,
        directions: jet.directions, hasZero: false, content)
      let taps = shape.window.window.count
      // Of padded windows also positions outside of the image, which are nobody's.
      let choice =
        kind == .max
        ? try $0.matrix(
          rows, shape.channels,
          .values((0..<(rows * shape.channels)).map { Double(($0 * 7 + $0 / 11) % taps) })) : nil
      let x = try $0.jet(
        block: shape.block(pooled: false), columns: shape.channels, degree: degree,
        capacity: degree + 2 * jet.spare, directions: jet.directions, hasZero: false, .unset)
      return Prepared(
        operation: .pooling(Pooling(kind, .adjoint, shape.window, y, into: x, choice: choice)),
        outputs: x.coefficients(1...degree))
    }
  }
}
