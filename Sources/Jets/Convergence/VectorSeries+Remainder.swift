import Glibc

extension VectorSeries {
  /// From this many known coefficients on the epsilon algorithm's limit stands alone.
  private static let trusted = 10

  /// ‖f(t) − f_k(t)‖₂ as the coefficients c_0…c_K let it be expected, 0 ≤ k < K.
  ///
  /// f(t) is the limit of the partial sums by the vector epsilon algorithm. With fewer than ten
  /// coefficients: the geometric mean of the distances of S_k from that limit, from the one by a
  /// column less, and from S_K. 0 where the coefficients behind c_k are zero.
  public func remainder(of k: Int, at t: Double = 1) -> Double {
    precondition(k >= 0 && k < order, "an order below the last coefficient")
    let sums = sums(at: t)
    var table = VectorEpsilon(width: width)
    for sum in sums { table.append(sum) }
    return Self.remainder(from: sums[k], table, last: sums[order], known: order + 1)
  }

  /// The same for k = 0…K−1, each from c_0…c_{k+1} alone: what could have been known at that order.
  public func nextRemainders(at t: Double = 1) -> [Double] {
    let sums = sums(at: t)
    var table = VectorEpsilon(width: width)
    table.append(sums[0])
    return (0..<order).map { k in
      table.append(sums[k + 1])
      return Self.remainder(from: sums[k], table, last: sums[k + 1], known: k + 2)
    }
  }

  /// For k = 0…K−1 from all coefficients.
  public func remainders(at t: Double = 1) -> [Double] {
    let sums = sums(at: t)
    var table = VectorEpsilon(width: width)
    for sum in sums { table.append(sum) }
    return (0..<order).map {
      Self.remainder(from: sums[$0], table, last: sums[order], known: order + 1)
    }
  }

  private static func remainder(
    from sum: [Double], _ table: VectorEpsilon, last: [Double], known: Int
  ) -> Double {
    guard let limits = table.limits else { return 0 }
    let whole = distance(limits.last, sum)
    guard known < trusted else { return whole }
    let candidates = [whole, distance(limits.before, sum), distance(last, sum)].filter { $0 > 0 }
    guard !candidates.isEmpty else { return 0 }
    return candidates.reduce(1) { $0 * pow($1, 1 / Double(candidates.count)) }
  }

  /// The largest t with `remainder(of: k, at: t)` ≤ tolerance: infinite where nothing follows c_k.
  ///
  /// By secants of log ‖f − f_k‖ over log t, which is nearly a line of slope k + 1, from where the
  /// next coefficient alone would put it, to a relative 10⁻³ in t; 0 for tolerances below 2⁻⁴⁰ of ‖c_0‖, which rounding would decide.
  public func largestStep(of k: Int, tolerance: Double) -> Double {
    guard degree > k else { return .infinity }
    guard tolerance > 0x1p-40 * Self.norm(coefficients[0]) else { return 0 }
    let next = coefficients.indices.first { $0 > k && Self.norm(coefficients[$0]) > 0 } ?? k + 1
    var t = exp((log(tolerance) - log(Self.norm(coefficients[next]))) / Double(next))
    guard t.isFinite, t > 0 else { return 0 }
    var slope = Double(k + 1)
    var before: (t: Double, error: Double)?
    for _ in 0..<20 {
      let error = log(remainder(of: k, at: t)) - log(tolerance)
      guard error.isFinite else { break }
      if let before, before.t != t {
        let secant = (error - before.error) / log(t / before.t)
        // Between a half and twice the leading power: beyond, the error does not follow one.
        slope = min(2 * Double(k + 1), max(0.5 * Double(k + 1), secant))
      }
      before = (t, error)
      let factor = exp(-error / slope)
      // Far beyond where the estimate was made, in steps.
      t *= min(4, max(0.25, factor))
      if abs(factor - 1) < 1e-3 { break }
    }
    return t
  }
}
