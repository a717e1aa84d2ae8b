import ArgumentParser
import Maclaurin

/// The shape of one input on the command line: 784, or 3x32x32 (channels, height, width).
struct InputShape: ExpressibleByArgument {
  var extents: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map {
      Int($0) ?? 0
    }
    guard parts.count == 1 || parts.count == 3, parts.allSatisfy({ (1...1 << 30).contains($0) })
    else { return nil }
    extents = parts
  }

  init(_ extents: [Int]) { self.extents = extents }

  var count: Int { extents.reduce(1, *) }
  var defaultValueDescription: String { extents.map { String($0) }.joined(separator: "x") }
}
