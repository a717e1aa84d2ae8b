import Networks

/// The settings that a folder was made with, by the option that says each.
public enum RecordedSettings {
  /// What is gone on with must have the settings it began with.
  ///
  /// - Parameters:
  ///   - what: a run or a study, in `folder`.
  ///   - derived: those that follow from others, which are named only when nothing else differs.
  /// - Throws: `TrainingError` that names a setting that differs.
  public static func requireSame(
    _ before: [String: JSONValue], _ now: [String: JSONValue], of what: String, in folder: String,
    derived: [String] = []
  ) throws {
    let keys = Set(before.keys).union(now.keys).subtracting(derived).sorted() + derived
    guard let key = keys.first(where: { before[$0] != now[$0] }) else { return }
    func text(_ value: JSONValue?) -> String {
      switch value {
      case .string(let text)?: "--\(key) \(text)"
      case .some(let value): "--\(key) \(value.line)"
      case nil: "no --\(key)"
      }
    }
    throw TrainingError(
      "the \(what) in \(folder) was made with \(text(before[key])), not with \(text(now[key])); "
        + "resume with the same settings or choose another --out")
  }
}
