/// A file, or an argument that names one, cannot be used: what was wrong, where, and what to do.
///
/// The description is one sentence, `path: field: problem; advice`. Text that comes out of a file
/// is shortened and stripped of control characters before it is quoted.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, or the argument as the user wrote it.
  public var path: String
  /// The part of the file, such as `header`, `shape` or `line 7, column 2 (bmi)`; may be empty.
  public var field: String
  /// What was wrong.
  public var problem: String
  /// What to do about it; may be empty.
  public var advice: String

  public init(path: String, field: String = "", problem: String, advice: String = "") {
    self.path = path
    self.field = field
    self.problem = problem
    self.advice = advice
  }

  public var description: String {
    let place = field.isEmpty ? path : "\(path): \(field)"
    return advice.isEmpty ? "\(place): \(problem)" : "\(place): \(problem); \(advice)"
  }

  /// `text` between quotes, at most 60 characters of it, control characters replaced by `?`.
  package static func quote(_ text: some StringProtocol) -> String {
    "'\(clean(text))'"
  }

  /// At most 60 characters of `text`, control characters replaced by `?`.
  static func clean(_ text: some StringProtocol) -> String {
    var result = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == 60 { return result + "…" }
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
        result += "?"
      default:
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Up to ten names between quotes, or `nothing`.
  static func list(_ names: [String]) -> String {
    if names.isEmpty { return "nothing" }
    let shown = names.prefix(10).map(quote).joined(separator: ", ")
    return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
  }
}
