import Networks

/// One member of a study at one evaluated step: a line of study.csv without the member's seed and
/// place in the grid.
public struct StudyRow: Sendable, Equatable {
  public var variant: StudyVariant
  public var step: Int
  /// Finite numbers by column; what is not there was not evaluated or is not finite.
  public private(set) var values: [String: Double] = [:]
  /// Whether this is where the member's loss or parameters had become infinite or NaN.
  public var isDiverged = false

  public init(
    _ variant: StudyVariant, step: Int, values: [String: Double] = [:], isDiverged: Bool = false
  ) {
    self.variant = variant
    self.step = step
    self.isDiverged = isDiverged
    self.values = values.filter(\.value.isFinite)
  }

  /// Columns behind `seed` and the grid's axes; then four for each tensor.
  static let columns = [
    "order", "relinearize_every", "step", "epoch", "learning_rate", "train_loss", "train_accuracy",
    "test_loss",
    "test_accuracy", "logit_distance", "logit_cosine", "parameter_distance", "parameter_cosine",
    "kernel_distance", "kernel_alignment", "parameter_movement", "expansions", "diverged",
  ]

  static func columns(_ network: Network) -> [String] {
    columns
      + network.parameters.flatMap { tensor in
        ["movement", "relative_movement", "parameter_distance", "parameter_cosine"].map {
          "\($0).\(tensor.name)"
        }
      }
  }

  func text(_ column: String) -> String {
    switch column {
    case "order": variant.orderName
    case "relinearize_every": variant.periodName
    case "step": String(step)
    case "diverged": isDiverged ? "1" : "0"
    default: values[column].map { Self.text($0) } ?? ""
    }
  }

  static func text(_ value: Double) -> String {
    Int(exactly: value).map { String($0) } ?? String(value)
  }

  // MARK: JSON

  /// Members that are not values.
  private static let identity: Set = ["step", "relinearize_every", "gauss_newton_rate"]

  var json: JSONValue {
    var members = values.mapValues { JSONValue.number($0) }
    members["order"] = .string(variant.orderName)
    members["relinearize_every"] = variant.period.map { .number(Double($0)) }
    members["gauss_newton_rate"] = variant.gaussNewtonRate.map { .number($0) }
    members["step"] = .number(Double(step))
    members["diverged"] = .bool(isDiverged)
    return .object(members)
  }

  init?(json: JSONValue) {
    guard case .object(let members) = json, case .string(let name)? = members["order"],
      let order = ["full", "gauss-newton"].contains(name) ? 0 : Int(name),
      case .number(let number)? = members["step"], let step = Int(exactly: number)
    else { return nil }
    variant = StudyVariant(order: order)
    if case .number(let period)? = members["relinearize_every"] {
      variant.period = Int(exactly: period)
    }
    if case .number(let rate)? = members["gauss_newton_rate"] { variant.gaussNewtonRate = rate }
    self.step = step
    isDiverged = members["diverged"] == .bool(true)
    for (name, member) in members where !Self.identity.contains(name) {
      if case .number(let value) = member { values[name] = value }
    }
  }
}
