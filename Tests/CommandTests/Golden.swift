import FoundationEssentials
import Maclaurin
import Testing

/// A folder of golden values, computed by an implementation that shares no code with this one.
struct Golden {
  let folder: String
  let file: SafetensorsFile

  init(_ name: String) throws {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    folder = parts.dropLast(2).joined(separator: "/") + "/Golden/\(name)"
    file = try SafetensorsFile(folder + "/case.safetensors")
  }

  var network: String { folder + "/network.json" }

  /// A tensor as an argument of the command.
  func argument(_ tensor: String) -> String { "\(folder)/case.safetensors:\(tensor)" }

  func values(_ tensor: String) throws -> [Double] { try file.tensor(tensor).doubles() }

  /// The tensors of a parameter set in the network's order.
  func parameters(_ prefix: String) throws -> [Double] {
    try description().readParameters(file, prefix: prefix)
  }

  func description() throws -> Network {
    let data = try #require(FileManager.default.contents(atPath: network))
    return try Network(NetworkDescription(json: [UInt8](data), named: network))
  }
}

/// Expects max |a − b| ≤ tolerance · max |b|, with as many values on both sides.
func expectClose(
  _ actual: [Double], _ expected: [Double], relative tolerance: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.count == expected.count, "\(what)", sourceLocation: sourceLocation)
  guard actual.count == expected.count else { return }
  let scale = expected.map { abs($0) }.max() ?? 0
  let worst = zip(actual, expected).map { abs($0 - $1) }.max() ?? 0
  #expect(
    worst <= tolerance * scale && actual.allSatisfy(\.isFinite),
    "\(what): off by \(worst), largest value \(scale)", sourceLocation: sourceLocation)
}
