import ArgumentParser
import Maclaurin

extension Relinearization.State: ExpressibleByArgument {}

/// When to re-expand, and what to measure of the change of features meanwhile.
struct RelinearizationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Re-expand around the current parameters every so many steps; 0 or inf: never (default). With "
        + "--relinearize-trust or --adaptive-order: look every so many steps.", valueName: "n"))
  var relinearizeEvery: String?

  @Option(
    help: ArgumentHelp(
      "Make each period so many times as long as the one before, from 1 (default).",
      valueName: "factor"))
  var relinearizeGrowth: Double?

  @Option(
    help: ArgumentHelp(
      "Re-expand when the model's error on the batch exceeds this share of its movement.",
      valueName: "share"))
  var relinearizeTrust: Double?

  @Option(
    help: ArgumentHelp(
      "What becomes of the optimizer's moments at a re-expansion: keep or reset.",
      valueName: "name"))
  var relinearizeState = Relinearization.State.keep

  @Option(
    help: ArgumentHelp(
      "Raise the order by one, or re-expand at --max-order, when the predicted relative error on "
        + "the batch exceeds this.", valueName: "tolerance"))
  var adaptiveOrder: Double?

  @Option(
    help: ArgumentHelp(
      "The highest order of --adaptive-order (default \(mostAdaptiveOrder)).", valueName: "k"))
  var maxOrder: Int?

  @Option(
    help: ArgumentHelp(
      "Training examples on which the tangent kernel is compared with the start's; 0: none "
        + "(default in train; in study 8).", valueName: "n"))
  var kernelProbes: Int?

  /// A look at order k takes the coefficient behind it, and there are 8.
  static let mostAdaptiveOrder = 7
  /// Steps between looks of --adaptive-order, unless --relinearize-every says it.
  static let defaultLookEvery = 10

  /// Whether anything is said about expansions: then there must be one.
  var relinearizes: Bool {
    relinearizeTrust != nil || adaptiveOrder != nil || (try? period()) ?? 0 > 0
  }

  /// --relinearize-every: 0 for never, nil where it is not given.
  private func period() throws -> Int? {
    guard let text = relinearizeEvery else { return nil }
    if text == "inf" { return 0 }
    guard let number = Int(text), number >= 0 else {
      throw Misuse("--relinearize-every takes a number of steps, 0 or inf, not \"\(text)\"")
    }
    return number
  }

  func checkNumbers() throws {
    if let kernelProbes, !(0...4096).contains(kernelProbes) {
      throw Misuse("--kernel-probes takes 0 to 4096, not \(kernelProbes)")
    }
    if let growth = relinearizeGrowth, !(growth >= 1 && growth.isFinite) {
      throw Misuse("--relinearize-growth takes a number from 1, not \(growth)")
    }
    for (name, value) in [
      ("--relinearize-trust", relinearizeTrust), ("--adaptive-order", adaptiveOrder),
    ] {
      if let value, !(value > 0 && value.isFinite) {
        throw Misuse("\(name) takes a positive number, not \(value)")
      }
    }
  }

  /// - Parameter order: that of the run, 0 for full; of several runs, one that is not full if there
  ///   is one.
  func relinearization(order: Int) throws -> Relinearization {
    let every = try period()
    try checkNumbers()
    let given = [
      ("--relinearize-growth", relinearizeGrowth != nil),
      ("--relinearize-trust", relinearizeTrust != nil), ("--adaptive-order", adaptiveOrder != nil),
    ].filter(\.1).map(\.0)
    if given.count > 1 { throw Misuse("\(given[0]) and \(given[1]) exclude each other") }
    guard maxOrder == nil || adaptiveOrder != nil else {
      throw Misuse("--max-order goes with --adaptive-order")
    }
    guard order > 0 || !relinearizes && given.isEmpty else {
      throw Misuse(
        "\(given.first ?? "--relinearize-every") goes with an --order from 1 to 8")
    }
    if let given = given.first, every == 0 {
      throw Misuse("\(given) needs a --relinearize-every from 1, not \(relinearizeEvery ?? "")")
    }
    let rule: Relinearization.Rule
    if let share = relinearizeTrust {
      rule = .trust(share: share, every: every ?? 1)
    } else if let tolerance = adaptiveOrder {
      let largest = maxOrder ?? Self.mostAdaptiveOrder
      guard (order...max(order, Self.mostAdaptiveOrder)).contains(largest),
        order <= Self.mostAdaptiveOrder
      else {
        throw Misuse(
          "--adaptive-order goes with an --order or --orders from 1 and a --max-order from that to "
            + "\(Self.mostAdaptiveOrder), not \(order) and \(largest)")
      }
      rule = .adaptiveOrder(
        tolerance: tolerance, largest: largest, every: every ?? Self.defaultLookEvery)
    } else if let every, every > 0 {
      rule = .periodic(every: every, growth: relinearizeGrowth ?? 1)
    } else {
      guard relinearizeGrowth == nil else {
        throw Misuse("--relinearize-growth needs --relinearize-every, the first period's steps")
      }
      rule = .never
    }
    guard relinearizeState == .keep || rule != .never else {
      throw Misuse(
        "--relinearize-state goes with --relinearize-every, --relinearize-trust or "
          + "--adaptive-order")
    }
    return Relinearization(rule, state: relinearizeState)
  }
}
