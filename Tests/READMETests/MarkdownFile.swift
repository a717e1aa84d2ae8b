import FoundationEssentials
import Testing

/// What the tests need of a Markdown file of this repository.
struct MarkdownFile {
  /// A fenced block of shell commands.
  struct Block: CustomTestStringConvertible {
    /// The line of its first command, from 1.
    var line: Int
    var commands: String
    /// A preceding line "<!-- not run by tests -->".
    var isExempt: Bool
    /// A preceding line "<!-- tests plan it -->": tests run every command with --plan.
    var isPlanned: Bool
    var testDescription: String { "line \(line)" }
  }

  struct Unreadable: Error { var path: String }

  /// The repository's folder, with no slash at its end.
  static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    .dropLast(3).joined(separator: "/")

  let path: String
  let lines: [Substring]

  /// - Parameter path: from the repository's folder.
  init(_ path: String) throws {
    self.path = path
    guard let data = FileManager.default.contents(atPath: "\(Self.root)/\(path)") else {
      throw Unreadable(path: path)
    }
    lines = String(decoding: data, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
  }

  /// Blocks fenced with ```sh, in order. A block that does not end is one, too.
  var shellBlocks: [Block] {
    var blocks: [Block] = []
    var isInside = false
    for (index, line) in lines.enumerated() {
      if isInside, line == "```" {
        isInside = false
      } else if isInside {
        blocks[blocks.count - 1].commands += line + "\n"
      } else if line == "```sh" {
        isInside = true
        let before = index > 0 ? lines[index - 1] : ""
        blocks.append(
          Block(
            line: index + 2, commands: "", isExempt: before == "<!-- not run by tests -->",
            isPlanned: before == "<!-- tests plan it -->"))
      }
    }
    return blocks
  }

  /// Cells of the table rows below the line that begins with `head`.
  func rows(below head: String) -> [[String]] {
    let start = lines.firstIndex { $0.hasPrefix(head) } ?? lines.endIndex
    return lines[start...].dropFirst(2).prefix { $0.hasPrefix("|") }.map { line in
      line.split(separator: "|").map { cell in
        String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
    }
  }

  /// Targets of links that are no addresses, without their fragments.
  var localLinks: [String] {
    lines.flatMap { line in
      line.components(between: "](", and: ")")
    }.filter { !$0.contains("://") && !$0.hasPrefix("#") }
      .map { String($0.prefix { $0 != "#" }) }
  }
}

extension Substring {
  /// What stands between each `opening` and the next `closing`.
  func components(between opening: String, and closing: String) -> [String] {
    var found: [String] = []
    var rest = self
    while let start = rest.firstRange(of: opening) {
      rest = rest[start.upperBound...]
      guard let end = rest.firstRange(of: closing) else { break }
      found.append(String(rest[..<end.lowerBound]))
      rest = rest[end.upperBound...]
    }
    return found
  }
}
