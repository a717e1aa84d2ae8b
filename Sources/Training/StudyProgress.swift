import Networks

/// What a group of a study keeps besides its members' checkpoints, so that it can be gone on with:
/// progress.json in the group's folder. It is written after the checkpoints of its step.
public struct StudyProgress: Sendable, Equatable {
  /// Steps done by every member that has not diverged.
  public var step = 0
  public var isFinished = false
  /// By the variant's name: the steps after which the member had diverged.
  public var divergedAfter: [String: Int] = [:]
  public var rows: [StudyRow] = []

  public init() {}

  public var json: JSONValue {
    .object([
      "step": .number(Double(step)), "finished": .bool(isFinished),
      "diverged_after": .object(divergedAfter.mapValues { .number(Double($0)) }),
      "rows": .array(rows.map(\.json)),
    ])
  }

  /// - Throws: `TrainingError` that names `path`.
  public init(json: JSONValue, path: String) throws {
    guard case .object(let members) = json, case .number(let number)? = members["step"],
      let step = Int(exactly: number), step >= 0,
      case .object(let diverged)? = members["diverged_after"],
      case .array(let rows)? = members["rows"]
    else {
      throw TrainingError("\(path) is damaged; remove its folder to train that part again")
    }
    self.step = step
    isFinished = members["finished"] == .bool(true)
    for (name, value) in diverged {
      if case .number(let number) = value { divergedAfter[name] = Int(exactly: number) }
    }
    self.rows = rows.compactMap { StudyRow(json: $0) }
    guard self.rows.count == rows.count else {
      throw TrainingError("\(path) is damaged; remove its folder to train that part again")
    }
  }
}
