import Glibc
import Maclaurin

/// What the command prints: results on stdout, everything else on stderr.
enum Console {
  static func error(_ line: String) { write(line + "\n") }

  /// Text on stderr as it is.
  static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Whether stderr is a terminal that wants decoration.
  static let isTerminal = isatty(STDERR_FILENO) == 1
  static let usesColor = isTerminal && getenv("NO_COLOR") == nil

  /// One JSON object on stdout.
  static func json(_ members: [String: JSONValue]) {
    print(JSONValue.object(members).line)
  }
}

/// A progress bar on stderr: on a terminal only, and never with --quiet.
struct ProgressBar {
  let isVisible: Bool
  private let start = ContinuousClock.now

  init(quiet: Bool) { isVisible = Console.isTerminal && !quiet }

  func show(_ done: Int, of total: Int, _ text: String) {
    guard isVisible, total > 0 else { return }
    let width = 28
    let filled = width * done / total
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let left = done > 0 ? Int(seconds / Double(done) * Double(total - done)) : 0
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let color = Console.usesColor ? ("\u{1B}[36m", "\u{1B}[0m") : ("", "")
    Console.write("\r\(color.0)\(bar)\(color.1) \(done)/\(total) \(text) \(left) s left\u{1B}[K")
  }

  func clear() {
    if isVisible { Console.write("\r\u{1B}[K") }
  }
}

/// Text columns, padded to their widest cell; the first is left-aligned, the others right-aligned.
func table(_ rows: [[String]]) -> String {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    row.enumerated().map { column, cell in
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      return column == 0 ? cell + padding : padding + cell
    }.joined(separator: "  ")
  }.joined(separator: "\n")
}

/// `value` with `digits` digits behind the point.
func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return String(value) }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  guard abs(value) * scale < 1e15 else { return String(value) }
  let rounded = Int((abs(value) * scale).rounded())
  let sign = value < 0 && rounded > 0 ? "-" : ""
  guard digits > 0 else { return sign + String(rounded) }
  let fraction = String(rounded % Int(scale))
  let zeros = String(repeating: "0", count: digits - fraction.count)
  return sign + String(rounded / Int(scale)) + "." + zeros + fraction
}

/// A number of bytes for people.
func bytesText(_ bytes: Int) -> String {
  let units = ["B", "KiB", "MiB", "GiB", "TiB"]
  var value = Double(bytes)
  var unit = 0
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return unit == 0 ? "\(bytes) B" : "\(fixed(value, 1)) \(units[unit])"
}
