import Compute

/// How much of what a device computes is computed again.
public enum CheckLevel: Sendable, Equatable, CustomStringConvertible {
  /// A seeded sample of the outputs of every operation, bit for bit.
  case elements
  /// Every contraction by a random projection, everything else as `elements`.
  case freivalds
  /// One whole operation of every so many, bit for bit.
  case whole(every: Int)

  /// "elements", "freivalds", or N ≥ 1.
  public init(parsing text: String) throws {
    switch text {
    case "elements": self = .elements
    case "freivalds": self = .freivalds
    default:
      guard let every = Int(text), every >= 1 else {
        throw BackendError(
          "unknown check level \"\(text)\"; known are elements, freivalds, and a number N from 1 "
            + "for every N-th operation whole")
      }
      self = .whole(every: every)
    }
  }

  /// Whether `text` can only be meant as a level.
  public static func isLevel(_ text: some StringProtocol) -> Bool {
    text == "elements" || text == "freivalds"
      || !text.isEmpty && text.allSatisfy { "0123456789".contains($0) }
  }

  public var description: String {
    switch self {
    case .elements: "elements"
    case .freivalds: "freivalds"
    case .whole(let every): "\(every)"
    }
  }

  /// What a check of this level finds, with the probabilities, in sentences for people.
  public var detectionText: String {
    switch self {
    case .elements:
      return """
        Checking elements: 16 outputs of every operation, bit for bit. One wrong element of an \
        m×n contraction is found with probability (1 − (1 − 1/m)⁴)(1 − (1 − 1/n)⁴) (512×2048: \
        \(Self.single(512, 2048))), of an elementwise operation on n elements with \
        1 − (1 − 1/n)¹⁶; \(Self.systematic). Sums of more than \(Operation.wholeLimit) numbers are \
        not checked; --check N covers them.
        """
    case .freivalds:
      let threshold = Self.short(2 * FreivaldsBound.relative(2048))
      return """
        Checking projections: every contraction times random signs, in double precision. A wrong \
        element of row i of C ← αAB is found for certain if it is off by more than 2τᵢ, τᵢ = \
        \(Int(FreivaldsBound.lambda))·√(min(K, 1024) + ⌈K/1024⌉ + 3)·u·|α|·‖aᵢ‖₂·‖B‖_F (K = 2048 \
        in float32: 2τᵢ = \(threshold)·|α|·‖aᵢ‖₂·‖B‖_F), and so is a systematic fault of that size. \
        Rounding alone exceeds τᵢ with probability at most \
        \(Self.short(FreivaldsBound.falseTrigger)) per row, and then the row is computed again \
        before anything is reported. Other operations are checked as by --check elements.
        """
    case .whole(let every):
      let share =
        every == 1
        ? "every wrong element is found"
        : """
        a wrong element of one operation is found with probability 1/\(every), a fault that spoils \
        all operations among the first \(every), and one that spoils n of them escapes with \
        probability at most (1 − 1/\(every))ⁿ
        """
      return """
        Checking whole operations: one of every \(every), all its outputs bit for bit; \(share).
        """
    }
  }

  private static var systematic: String {
    """
    a fault that spoils a share f of every contraction's elements escapes n contractions with \
    probability at most (1 − f)^{4n} (f = 1 %, n = 500: \(escape(0.01, 500)))
    """
  }

  private static func single(_ m: Double, _ n: Double) -> String {
    func included(_ count: Double) -> Double {
      let kept = 1 - 1 / count
      return 1 - kept * kept * kept * kept
    }
    return short(included(m) * included(n))
  }

  private static func escape(_ share: Double, _ contractions: Int) -> String {
    short(HostMath.power(1 - share, 4 * contractions))
  }

  /// Two digits and an exponent.
  private static func short(_ value: Double) -> String {
    var (mantissa, exponent) = (value, 0)
    while mantissa != 0, mantissa < 1 {
      mantissa *= 10
      exponent -= 1
    }
    let digits = Int((mantissa * 10).rounded())
    return "\(digits / 10).\(digits % 10)e\(exponent)"
  }
}
