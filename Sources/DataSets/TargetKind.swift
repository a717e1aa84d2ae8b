/// How target numbers are to be understood.
public enum TargetKind: String, Hashable, Sendable, CaseIterable {
  /// By the file: integers, one-hot rows and text are classes, other numbers are values. In CSV
  /// files a column of numbers is always values.
  case automatic
  /// Classes, also where numbers stand that are whole.
  case classes
  /// Values, also where integers or one-hot rows stand.
  case values
}
