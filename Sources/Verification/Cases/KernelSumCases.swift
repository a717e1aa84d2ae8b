import Compute

extension VerificationCase {
  /// window_sum and image_gram.
  static func kernelSums(quick: Bool) -> [VerificationCase] {
    windowSums(quick: quick) + imageGrams(quick: quick)
  }

  private static func windowSums(quick: Bool) -> [VerificationCase] {
    // Padded as for convolutions, side by side, with gaps, overlapping with a stride, the whole axis,
    // larger than the axis, in padding only.
    let axes = [
      WindowAxis(input: 9, output: 9, size: 3, before: 1),
      WindowAxis(input: 8, output: 4, size: 2, stride: 2),
      WindowAxis(input: 11, output: 5, size: 3, stride: 2, before: 1), .whole(7), .each(5),
      WindowAxis(input: 10, output: 3, size: 2, stride: 4),
      WindowAxis(input: 3, output: 5, size: 7, before: 4),
      WindowAxis(input: 2, output: 6, size: 2, before: 3), .whole(1),
      WindowAxis(input: 66, output: 66, size: 5, before: 2),
    ]
    let extents = quick ? [(2, 1), (1, 67)] : [(1, 1), (3, 1), (2, 7), (2, 9), (1, 65), (3, 131)]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (index, axis) in axes.enumerated() where !quick || index < 3 {
        for (number, extent) in extents.enumerated() {
          if quick && number != index % 2 { continue }
          for mode in [WindowSum.Mode.single, .diagonal, .trace] {
            cases.append(windowSum(mode, type, .bound, axis, extent))
            guard number == index % extents.count else { continue }
            cases.append(windowSum(mode, type, .bits, axis, extent))
          }
        }
      }
    }
    return cases
  }

  private static func windowSum(
    _ mode: WindowSum.Mode, _ type: ScalarType, _ oracle: Oracle, _ axis: WindowAxis,
    _ extent: (outer: Int, inner: Int)
  ) -> VerificationCase {
    let label =
      "\(mode) \(axis.input) to \(axis.output) by \(axis.size), stride \(axis.stride), "
      + "\(axis.before) before, ×\(extent.outer)×\(extent.inner)"
      + (oracle == .bits ? " special values" : "")
    return VerificationCase("window_sum", label, type, oracle: oracle) { bench in
      let isDiagonal = mode == .diagonal
      let input = try bench.matrix(
        extent.outer * axis.input * (mode == .single ? 1 : axis.input), extent.inner,
        oracle == .bits ? .special : .random(2))
      let output = try bench.matrix(
        extent.outer * axis.output * (isDiagonal ? axis.output : 1), extent.inner, .unset)
      return Prepared(
        operation: .windowSum(
          WindowSum(
            mode, of: input, into: output, axis: axis, outer: extent.outer, inner: extent.inner,
            alpha: isDiagonal ? 1 / 3.0 : 0.7)), outputs: [output])
    }
  }

  private static func imageGrams(quick: Bool) -> [VerificationCase] {
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (number, layout) in kernelLayouts(quick: quick).enumerated() {
        let channels = [3, 1025, 1, 67][number % 4]
        cases.append(imageGram(type, .bound, layout, channels))
        if number < (quick ? 1 : 5) { cases.append(imageGram(type, .bits, layout, 5)) }
      }
      // Three chains.
      cases.append(imageGram(type, .bound, .paired(3), 2051))
    }
    return cases
  }

  private static func imageGram(
    _ type: ScalarType, _ oracle: Oracle, _ layout: KernelLayout, _ channels: Int
  ) -> VerificationCase {
    VerificationCase(
      "image_gram",
      "\(channels) channels, \(label(layout))" + (oracle == .bits ? " special values" : ""), type,
      oracle: oracle
    ) { bench in
      let content: Workbench.Content = oracle == .bits ? .special : .random(1)
      let columns = channels * layout.positionCount
      let x1 = try bench.matrix(layout.rows, columns, content)
      let x2 = try bench.matrix(layout.columns, columns, content)
      let output = try bench.matrix(layout.pairCount, layout.cellCount, .unset)
      return Prepared(
        operation: .imageGram(
          ImageGram(x1, x2, into: output, layout: layout, channels: channels, alpha: 0.3)),
        outputs: [output])
    }
  }
}
