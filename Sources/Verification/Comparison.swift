import Compute

/// Compares the words of an operation's buffers with what they must be.
struct Comparison {
  /// By buffer: element types, words before the operation, and which words it may write.
  let types: [ScalarType]
  let initial: [[UInt64]]
  let mask: [[Bool]]

  /// The first word outside the outputs that has changed.
  func overwritten(_ words: [[UInt64]]) -> String? {
    for (buffer, own) in words.enumerated() {
      for index in own.indices where !mask[buffer][index] && own[index] != initial[buffer][index] {
        return "wrote element \(index) of buffer \(buffer), which is not its output"
      }
    }
    return nil
  }

  /// The first output that has other bits; NaN equals NaN.
  func difference(_ words: [[UInt64]], from expected: [[UInt64]], _ whose: String) -> String? {
    for (buffer, own) in words.enumerated() {
      let type = types[buffer]
      for index in own.indices where mask[buffer][index] {
        let (is_, other) = (type.canonical(own[index]), type.canonical(expected[buffer][index]))
        guard is_ != other else { continue }
        return "element \(index) of buffer \(buffer) is \(type.value(of: is_)), but "
          + "\(type.value(of: other)) \(whose)"
      }
    }
    return nil
  }

  /// How far outputs are from their definition, as a share of what is allowed.
  struct Distance {
    /// The largest |computed − value| / allowance; infinite for a NaN that should be none.
    var worst = 0.0
    /// Where it exceeds 1.
    var problem: String?
  }

  /// - Parameter exactly: nothing is allowed.
  func distance(
    _ words: [[UInt64]], from definition: [[Bounded]], exactly: Bool = false,
    isDoubled: Bool = false, numerics: Numerics = .reproducible
  ) -> Distance {
    var distance = Distance()
    for (buffer, own) in words.enumerated() {
      let type = types[buffer]
      let allowance = Allowance(type, isDoubled: isDoubled, numerics: numerics)
      for index in own.indices where mask[buffer][index] {
        let computed = type.value(of: own[index])
        let defined = definition[buffer][index]
        let allowed = exactly ? 0 : allowance.allowed(defined)
        let share = Allowance.share(computed, defined.value, allowed)
        if share > distance.worst || share.isNaN {
          distance.worst = share.isNaN ? .infinity : share
          if !(share <= 1) {
            distance.problem =
              "element \(index) of buffer \(buffer) is \(computed), but by definition "
              + "\(defined.value) ± \(allowed)"
          }
        }
      }
    }
    return distance
  }
}
