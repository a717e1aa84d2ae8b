/// How far an expansion of order k is from the network, predicted from its coefficients along Δ.
///
/// Let n_i = ‖y_i‖_F be the norms of the coefficients along Δ itself on a batch, i = 1…k+1, one more
/// than the model f_k has. The remainder f − f_k = Σ_{i>k} y_i is predicted as that of a geometric
/// series with ratio q per order:
///
///     r = e/(1 − q) for q < 1, else ∞,     e = max(n_{k+1}, q·n_k),
///     q² = max(n_{k+1}/n_{k−1}, n_k/n_{k−2})          (the second for k ≥ 3),
///     q  = n_2/n_1                                     for k = 1.
///
/// Coefficients are compared with those two orders below: in networks with odd or even activations
/// every other coefficient is small or zero, and neighbours would say 0 and ∞ in turn. For the same
/// reason e is no smaller than what n_k makes expect: a small n_{k+1} alone is no sign of a small
/// remainder. n_0 is no part of this, since f(θ0) says nothing about how f changes along Δ. With
/// k ≤ 2 and n_{k+1} = 0 < n_k nothing can be said, and r = ∞; n_k = n_{k+1} = 0 means r = 0, as
/// behind the last coefficient of a network of relus.
enum RemainderEstimate {
  /// r/‖f_k − f_0‖_F; 0 where Δ = 0, and infinite where anything is not finite.
  ///
  /// - Parameters:
  ///   - norms: n_1…n_{k+1}.
  ///   - movement: ‖f_k − f_0‖_F.
  static func relativeError(norms: [Double], movement: Double) -> Double {
    let remainder = remainder(norms)
    guard movement.isFinite, remainder.isFinite else { return .infinity }
    return remainder == 0 ? 0 : remainder / movement
  }

  private static func remainder(_ norms: [Double]) -> Double {
    let order = norms.count - 1
    precondition(order >= 1, "the coefficients of an expansion and the one behind them")
    guard norms.allSatisfy(\.isFinite) else { return .infinity }
    func norm(_ index: Int) -> Double { norms[index - 1] }
    /// 0/0 = 0: what is absent two orders below and here is absent.
    func ratio(_ index: Int, _ before: Int) -> Double {
      norm(index) == 0 ? 0 : norm(index) / norm(before)
    }
    if order <= 2, norm(order + 1) == 0, norm(order) > 0 { return .infinity }
    var q: Double
    if order == 1 {
      q = ratio(2, 1)
    } else {
      q = ratio(order + 1, order - 1)
      if order >= 3 { q = max(q, ratio(order, order - 2)) }
      q = q.squareRoot()
    }
    guard q < 1 else { return .infinity }
    return max(norm(order + 1), q * norm(order)) / (1 - q)
  }
}
