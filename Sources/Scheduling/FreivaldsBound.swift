import Compute
import Glibc

/// What rounding may leave of a random projection of a contraction.
///
/// C ← αAB + βC₀ is projected on signs r_j = ±1, independent and of equal probability:
///
///     d_i = Σ_j ĉ_ij r_j − α Σ_l a_il (Σ_j b_lj r_j) − β Σ_j c0_ij r_j = Σ_j e_ij r_j,
///
/// with e the error of the computed Ĉ. e_ij is a sum of n rounding errors, n = min(K, 1024) +
/// ⌈K/1024⌉ + 3 in the canonical order (a chain, the additions of chains, α, βC₀), each at most
/// u·g_ij, g = |α||A||B| + |β||C₀|, to first order. Where they have mean zero given those before
/// (the model of Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019), d_i is a martingale of N·n
/// steps, and by Azuma's inequality
///
///     P(|d_i| > τ_i) ≤ 2 exp(−λ²/2),   τ_i = λ √n u ‖g_i‖₂ ≤ λ √n u S_i,
///     S_i = |α| ‖a_i‖₂ ‖B‖_F + |β| ‖c0_i‖₂,
///
/// by Cauchy and Schwarz. τ_i also has what the projection itself rounds off in double precision,
/// (2 L_N + L_K + 16) √N 2⁻⁵³ S_i with `Projection.length`. λ = 8.
///
/// A row above τ_i is computed again bit for bit before anything is reported, so that data for
/// which the model does not hold cost time, but never give a false alarm. An element that is off
/// by more than 2τ_i takes its row above τ_i whatever the signs are.
enum FreivaldsBound {
  static let lambda = 8.0

  /// The probability that rounding alone takes a row above τ: 2 exp(−λ²/2).
  static let falseTrigger = 2 * exp(-lambda * lambda / 2)

  /// τ_i / S_i.
  ///
  /// - Parameters:
  ///   - depths: K of every product that an element is the sum of.
  ///   - columns: N
  static func coefficient(
    depths: [Int], columns: Int, type: ScalarType, numerics: Numerics
  ) -> Double {
    let depth = depths.max() ?? 0
    // Fast contractions may have one chain.
    let chain = numerics == .fast ? depth : min(depth, 1024)
    let folds = depths.reduce(0) { $0 + ($1 + 1023) / 1024 }
    let roundings = Double(chain + folds + 3)
    let projection = Double(
      2 * Projection.length(columns) + depths.count * (Projection.length(depth) + 16))
    return lambda * roundings.squareRoot() * type.unitRoundoff
      + projection * Double(columns).squareRoot() * 0x1p-53
  }

  /// The same for one product of depth `depth` in float32, without the projection's part.
  static func relative(_ depth: Int) -> Double {
    coefficient(depths: [depth], columns: 0, type: .float32, numerics: .reproducible)
  }
}
