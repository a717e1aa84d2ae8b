import Glibc

/// Solves ẏ = g(y) by the method of Dormand and Prince of order 5(4), whose difference to its embedded
/// method of order 4 chooses the steps; they end at the times that are asked for.
///
/// Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, II.4 and II.5; the
/// controller is the one of their DOPRI5.
struct DormandPrince: Sendable {
  /// The error allowed in each step, relative to a component's size plus `scale`.
  var tolerance: Double
  /// The size of what is solved for.
  var scale: Double
  /// The most steps.
  var limit = 1_000_000

  /// Rows of the method's table: weights of the stages before each stage; the last row is the step.
  private static let table: [[Double]] = [
    [1.0 / 5],
    [3.0 / 40, 9.0 / 40],
    [44.0 / 45, -56.0 / 15, 32.0 / 9],
    [19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729],
    [9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656],
    [35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84],
  ]
  /// Weights of the step less those of the embedded method.
  private static let difference: [Double] = [
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40,
  ]

  /// - Parameters:
  ///   - times: ascending, not negative, finite.
  ///   - progress: called before every step with the time.
  ///   - visit: receives the number of each time and y then.
  /// - Returns: the steps taken.
  /// - Throws: `KernelError` where the limit of steps or of rounding is reached.
  func integrate(
    _ start: [Double], through times: [Double], progress: (Double) -> Void = { _ in },
    _ derivative: ([Double]) throws -> [Double],
    visit: (Int, [Double]) throws -> Void
  ) throws -> Int {
    var (y, t, steps) = (start, 0.0, 0)
    var slopes = [try derivative(y)]
    let speed = slopes[0].reduce(0) { max($0, abs($1)) }
    var step = speed > 0 ? 0.01 * scale / speed : Double.infinity
    var previous = 1e-4
    for (index, end) in times.enumerated() {
      while t < end {
        guard steps < limit else {
          throw KernelError(
            "the ode solver is at time \(t) of \(end) after \(steps) steps; ask for an earlier time "
              + "or a larger tolerance, or lower the learning rate")
        }
        progress(t)
        let isLast = step >= end - t
        let h = isLast ? end - t : step
        steps += 1
        for weights in Self.table {
          slopes.append(try derivative(Self.moved(y, h, weights, slopes)))
        }
        let next = Self.moved(y, h, Self.table[5], slopes)
        let error = error(y, next, h, slopes)
        guard error <= 1 else {
          slopes.removeSubrange(1...)
          // A step into values that are not finite is as wrong as can be.
          step = h * (error.isFinite ? max(0.2, 0.9 * pow(error, -0.17)) : 0.1)
          guard step > 1e-14 * t, step > .leastNormalMagnitude else {
            throw KernelError(
              "the ode solver cannot go on at time \(t): no step is small enough for its tolerance of "
                + "\(tolerance); give a larger tolerance")
          }
          continue
        }
        let factor = 0.9 * pow(max(error, 1e-10), -0.17) * pow(previous, 0.04)
        let proposed = h * min(10, max(0.2, factor))
        // A step that was cut short says little about longer ones.
        step = isLast ? max(step, proposed) : proposed
        previous = max(error, 1e-4)
        (y, t) = (next, isLast ? end : t + h)
        slopes = [slopes[6]]
      }
      try visit(index, y)
    }
    return steps
  }

  /// y + h Σ w_j k_j
  private static func moved(
    _ y: [Double], _ h: Double, _ weights: [Double], _ slopes: [[Double]]
  ) -> [Double] {
    var result = y
    result.withUnsafeMutableBufferPointer { result in
      for (weight, slope) in zip(weights, slopes) where weight != 0 {
        slope.withUnsafeBufferPointer { slope in
          for i in 0..<result.count { result[i] += h * weight * slope[i] }
        }
      }
    }
    return result
  }

  /// The largest error over what is allowed; infinite where anything is not finite.
  private func error(
    _ y: [Double], _ next: [Double], _ h: Double, _ slopes: [[Double]]
  ) -> Double {
    let zeros = [Double](repeating: 0, count: y.count)
    let errors = Self.moved(zeros, h, Self.difference, slopes)
    var largest = 0.0
    for i in 0..<y.count {
      let allowed = tolerance * (scale + max(abs(y[i]), abs(next[i])))
      let share = abs(errors[i]) / allowed
      guard share.isFinite, next[i].isFinite else { return .infinity }
      largest = max(largest, share)
    }
    return largest
  }
}
