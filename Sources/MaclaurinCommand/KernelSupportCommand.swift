import ArgumentParser
import Maclaurin

struct KernelSupportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "support",
    abstract: "Which layers have which kernels, as a table.",
    discussion: """
      Found by trying: each layer between two affine ones, as a network of finite width, as an \
      expansion, and at infinite width.
      """)

  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    let layers =
      InfiniteWidthKernel.layerExamples
      + Activation.allCases.map { ($0.rawValue, LayerDescription.activation($0)) }
    let rows = try layers.map { name, layer in
      [
        name, try Self.finite(layer), try Self.orders(layer),
        Self.infinite(layer, .nngp), Self.infinite(layer, .ntk),
      ]
    }
    let header = ["layer", "finite width", "expansion to order", "infinite NNGP", "infinite NTK"]
    report.result(
      [
        "layers": .array(
          rows.map { row in
            .object([
              "layer": .string(row[0]), "finite": .string(row[1]), "orders": .string(row[2]),
              "infinite_nngp": .string(row[3]), "infinite_ntk": .string(row[4]),
            ])
          })
      ],
      ([header, header.map { _ in ":--" }] + rows)
        .map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n"), nil)
  }

  private static func network(_ layer: LayerDescription) throws -> Network {
    try Network(
      NetworkDescription(
        input: [2, 4, 4],
        layers: [.conv(.init(channels: 8, kernel: .init(1, 1))), layer, .dense(.init(units: 1))]))
  }

  /// A tangent kernel of one pair, on a back end that only counts.
  private static func finite(_ layer: LayerDescription) throws -> String {
    let network = try network(layer)
    let null = NullBackend()
    let kernel = try EmpiricalKernel(
      network, .ntk, at: null.matrix(1, network.parameterCount, .float32),
      null.matrix(1, network.inputCount, .float32), on: null)
    _ = try kernel.block(rows: 0..<1, columns: 0..<1)
    return "yes"
  }

  /// The largest orders of both types, and what an expansion freezes.
  private static func orders(_ layer: LayerDescription) throws -> String {
    let network = try network(layer)
    for type in [ScalarType.float32, .float64] {
      let null = NullBackend()
      let vector = try null.matrix(1, network.parameterCount, type)
      let ray = ParameterJet(center: vector, displacement: vector)
      _ = try network.pushforward(
        null.matrix(1, network.inputCount, type), ray,
        algebra: JetAlgebra(null, order: type.maximumOrder))
    }
    let orders = "\(ScalarType.float32.maximumOrder), \(ScalarType.float64.maximumOrder) in float64"
    if case .dropout = layer { return orders + "; drops nothing" }
    return orders + (network.hasGates ? "; gates frozen" : "")
  }

  private static func infinite(_ layer: LayerDescription, _ kind: KernelKind) -> String {
    switch InfiniteWidthKernel.support(of: layer, kind) {
    case .closedForm: "yes"
    case .series: "series"
    case .refused: "no"
    }
  }
}
