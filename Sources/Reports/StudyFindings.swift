/// What the data of one grid point show, in sentences, whatever it is.
struct StudyFindings {
  let slices: [OrderSlice]

  init(_ slices: [OrderSlice]) { self.slices = slices }

  /// What a step from one order to the next did to the agreement with full.
  enum Change: Equatable { case better, same, worse }

  struct Comparison: Equatable {
    var lower: Int
    var higher: Int
    var change: Change
    /// The mean difference over the seeds that both orders have is within its standard error.
    var isWithinError: Bool
  }

  /// A measure of agreement with full.
  struct Measure {
    var column: String
    /// As in "the logit distance".
    var name: String
    var risesWithAgreement: Bool
  }

  static let cosine = Measure(
    column: "logit_cosine", name: "cosine of the logit movement", risesWithAgreement: true)
  static let distance = Measure(
    column: "logit_distance", name: "logit distance", risesWithAgreement: false)

  /// Orders with a final value, ascending, and the value's mean.
  private func finals(_ measure: Measure) -> [(order: Int, mean: Double)] {
    slices.compactMap { slice in
      guard case .expansion(let order) = slice.order, let final = slice.final(measure.column)
      else { return nil }
      return (order, final.mean)
    }
  }

  /// Of each order with the one before.
  func comparisons(_ measure: Measure) -> [Comparison] {
    let orders = slices.filter { slice in
      guard case .expansion = slice.order else { return false }
      return slice.final(measure.column) != nil
    }
    return zip(orders, orders.dropFirst()).compactMap { lower, higher in
      guard case .expansion(let first) = lower.order, case .expansion(let second) = higher.order
      else { return nil }
      let (before, after) = (lower.finals(measure.column), higher.finals(measure.column))
      let paired = after.compactMap { seed, value in before[seed].map { value - $0 } }.sorted()
      let difference: Statistic?
      if paired.isEmpty, let a = higher.final(measure.column), let b = lower.final(measure.column) {
        difference = Statistic([a.mean - b.mean])
      } else {
        difference = Statistic(paired)
      }
      guard let difference else { return nil }
      let gain = measure.risesWithAgreement ? difference.mean : -difference.mean
      return Comparison(
        lower: first, higher: second, change: gain > 0 ? .better : gain < 0 ? .worse : .same,
        isWithinError: difference.standardError.map { abs(difference.mean) <= $0 } ?? false)
    }
  }

  /// Whether agreement rises with every order by both measures; nil if there is nothing to compare.
  var agreementRises: Bool? {
    let all = [Self.cosine, Self.distance].map { comparisons($0) }
    guard all.contains(where: { !$0.isEmpty }) else { return nil }
    return all.joined().allSatisfy { $0.change == .better }
  }

  // MARK: Sentences

  var sentences: [String] {
    reexpansion
      + [agreement, sentence(Self.cosine), sentence(Self.distance), accuracy].compactMap { $0 }
      + divergence + caveats
  }

  /// For each order with several periods: from no re-expansion to the most.
  private var reexpansion: [String] {
    let periods = slices.filter { if case .relinearized = $0.order { true } else { false } }
    return Set(periods.compactMap(\.order.number)).sorted().compactMap { order in
      let own = slices.filter { $0.order.number == order }.compactMap { slice in
        slice.final("expansions").map { (slice: slice, count: 1 + $0.mean) }
      }.sorted { $0.count < $1.count }
      guard let least = own.first, let most = own.last, least.count < most.count else { return nil }
      func text(_ entry: (slice: OrderSlice, count: Double)) -> String {
        let count = NumberText.significant(entry.count, 3)
        return "\(count) \(entry.count == 1 ? "expansion" : "expansions")"
      }
      var parts: [String] = []
      if let a = least.slice.final("test_accuracy"), let b = most.slice.final("test_accuracy") {
        parts.append(
          "the final test accuracy goes from \(NumberText.fixed(100 * a.mean, 2)) % to "
            + "\(NumberText.fixed(100 * b.mean, 2)) %")
      } else if let a = least.slice.final("test_loss"), let b = most.slice.final("test_loss") {
        parts.append(
          "the final test loss goes from \(NumberText.significant(a.mean)) to "
            + NumberText.significant(b.mean))
      }
      if let a = least.slice.final("kernel_distance"), let b = most.slice.final("kernel_distance") {
        parts.append(
          "the kernel distance from \(NumberText.significant(a.mean, 3)) to "
            + NumberText.significant(b.mean, 3))
      }
      guard !parts.isEmpty else { return nil }
      return "From \(text(least)) to \(text(most)) of order \(order), \(Self.list(parts))."
    }
  }

  private var agreement: String? {
    guard !slices.isEmpty else { return "The study has no rows yet." }
    let (cosines, distances) = (comparisons(Self.cosine), comparisons(Self.distance))
    guard !cosines.isEmpty || !distances.isEmpty else {
      if !reexpansion.isEmpty { return nil }
      if !slices.contains(where: { $0.order == .full }) {
        return "The study has no member of order full: there is nothing to agree with."
      }
      return "Fewer than two orders can be compared with full, so that nothing can be said about "
        + "how agreement depends on the order."
    }
    func rises(_ comparisons: [Comparison]) -> Bool {
      comparisons.allSatisfy { $0.change == .better }
    }
    if rises(cosines), rises(distances) {
      let isPartial = slices.contains { $0.order != .full && $0.sound.isEmpty }
      return "Agreement with full training rises with the order"
        + (isPartial ? ", among the orders that did not diverge." : ".")
    }
    if !cosines.isEmpty, rises(cosines) {
      return "Agreement with full training rises with the order in direction, but not in distance."
    }
    if !distances.isEmpty, rises(distances) {
      return "Agreement with full training rises with the order in distance, but not in direction."
    }
    return (cosines + distances).contains { $0.change == .better }
      ? "Agreement with full training does not rise with every order."
      : "Agreement with full training does not rise with the order."
  }

  private func sentence(_ measure: Measure) -> String? {
    let finals = finals(measure)
    guard let first = finals.first else { return nil }
    let values = Self.list(Self.distinct(finals.map(\.mean)))
    guard finals.count > 1 else {
      return "At the end the \(measure.name) is \(values) at order \(first.order)."
    }
    let orders = Self.list(finals.map { "\($0.order)" })
    let start = "At the end the \(measure.name) is \(values) at orders \(orders)"
    let comparisons = comparisons(measure)
    let failures = comparisons.filter { $0.change != .better }
    let verb = measure.risesWithAgreement ? "rises" : "falls"
    guard failures.isEmpty else {
      let parts = failures.map { failure in
        let relation =
          failure.change == .same
          ? "the same as" : measure.risesWithAgreement ? "lower than" : "higher than"
        return "at order \(failure.higher) it is \(relation) at order \(failure.lower)"
          + (failure.isWithinError && failure.change != .same ? " (within one standard error)" : "")
      }
      return "\(start): \(Self.list(parts))."
    }
    let unclear = comparisons.filter(\.isWithinError).map {
      "from order \($0.lower) to \($0.higher)"
    }
    return "\(start): it \(verb) with every order"
      + (unclear.isEmpty ? "." : ", but \(Self.list(unclear)) by no more than a standard error.")
  }

  private var accuracy: String? {
    guard let full = slices.first(where: { $0.order == .full })?.final("test_accuracy") else {
      return nil
    }
    let expansions = slices.filter {
      if case .expansion = $0.order { true } else { false }
    }.compactMap { slice in
      slice.final("test_accuracy").map { (slice.order.name, 100 * ($0.mean - full.mean)) }
    }
    guard let first = expansions.first, let last = expansions.last else { return nil }
    func gap(_ points: Double) -> String {
      let text = NumberText.fixed(abs(points), 2)
      return text == "0.00"
        ? "equals full's" : "is \(text) points \(points < 0 ? "below" : "above") full's"
    }
    let start =
      "The final test accuracy of full is \(NumberText.fixed(100 * full.mean, 2)) %; that of "
      + "\(first.0) \(gap(first.1))"
    return expansions.count == 1 ? start + "." : start + ", that of \(last.0) \(gap(last.1))."
  }

  private var divergence: [String] {
    slices.filter { !$0.diverged.isEmpty }.map { slice in
      let steps = Set(slice.diverged.compactMap(\.divergedStep)).sorted().map {
        NumberText.fixed($0, 0)
      }
      let name =
        slice.order == .full
        ? "Full training"
        : slice.order.number == nil ? slice.order.name : "Order \(slice.order.shortName)"
      let who =
        slice.members.count == 1
        ? name : "\(name) with \(slice.diverged.count) of \(slice.members.count) seeds"
      return
        "\(who) diverged (found at step \(Self.list(steps))) and is left out of the figures at "
        + "the end."
    }
  }

  private var caveats: [String] {
    let steps = Set(slices.flatMap(\.lastSteps))
    var sentences: [String] = []
    if let least = steps.min(), let most = steps.max(), least < most {
      sentences.append(
        "Not every member has come to step \(NumberText.fixed(most, 0)): the figures at the end "
          + "compare different steps.")
    }
    if slices.allSatisfy({ $0.members.count == 1 }), !slices.isEmpty {
      sentences.append("There is one seed, so that the differences have no standard error.")
    }
    return sentences
  }

  /// a, b and c.
  static func list(_ parts: [String]) -> String {
    guard let last = parts.last, parts.count > 1 else { return parts.first ?? "" }
    return parts.dropLast().joined(separator: ", ") + " and " + last
  }

  /// The numbers with as many digits, 4 to 12, as tell neighbours apart.
  static func distinct(_ values: [Double]) -> [String] {
    for digits in 4...12 {
      let texts = values.map { NumberText.significant($0, digits) }
      let areDistinct = zip(zip(values, texts), zip(values, texts).dropFirst())
        .allSatisfy { $0.0 == $1.0 || $0.1 != $1.1 }
      if areDistinct { return texts }
    }
    return values.map { "\($0)" }
  }
}
