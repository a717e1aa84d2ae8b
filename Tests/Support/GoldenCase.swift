import DataSets
import FoundationEssentials
import Networks

/// One folder of Tests/Golden: a network and float64 values from an independent implementation.
public struct GoldenCase: Sendable {
  public let name: String
  public let network: Network
  public let file: SafetensorsFile

  public init(_ name: String) throws {
    self.name = name
    network = try Network(
      NetworkDescription(json: Self.read("\(name)/network.json"), named: "network.json"))
    file = try SafetensorsFile("\(Self.folder)/\(name)/case.safetensors")
  }

  /// Tests/Golden.
  public static let folder: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(2).joined(separator: "/") + "/Golden"
  }()

  /// The bytes of a file below Tests/Golden.
  public static func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
  }

  public func values(_ tensor: String) throws -> [Double] { try file.tensor(tensor).doubles() }
  public func shape(_ tensor: String) throws -> [Int] { try file.info(tensor).shape }

  /// A flat vector of parameters, stored with every bias before its weight, in the network's order.
  public func flat(_ tensor: String) throws -> [Double] {
    let stored = try values(tensor)
    var (result, next) = (stored, 0)
    let tensors = network.parameters
    // Weights and biases take turns.
    for index in stride(from: 0, to: tensors.count, by: 2) {
      let (weight, bias) = (tensors[index], tensors[index + 1])
      for part in [bias, weight] {
        result.replaceSubrange(part.range, with: stored[next..<(next + part.count)])
        next += part.count
      }
    }
    return result
  }

  /// The flat parameter vector whose tensors begin with `prefix`.
  public func parameters(_ prefix: String) throws -> [Double] {
    try network.readParameters(file, prefix: prefix)
  }
}
