import ArgumentParser
import Maclaurin

struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary", abstract: "Print a network's layers, shapes, parameters and flops.")

  @OptionGroup var network: NetworkOptions
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var report: OutputOptions

  func run() throws {
    let network = try shapes.network(network)
    let flops = network.layers.reduce(0) { $0 + 2 * $1.products }
    if report.json {
      Console.json([
        "input": .array(network.description.input.map { .number(Double($0)) }),
        "parameters": .number(Double(network.parameterCount)),
        "trained_parameters": .number(Double(network.trainedCount)),
        "flops_per_example": .number(Double(flops)),
        "parameterization": .string(network.description.parameterization.name),
        "layers": .array(
          network.layers.map { layer in
            .object([
              "index": .number(Double(layer.index)), "name": .string(layer.name),
              "output_shape": .array(layer.outputShape.map { .number(Double($0)) }),
              "parameters": .number(Double(layer.parameterCount)),
              "flops_per_example": .number(Double(2 * layer.products)),
              "tensors": .array(layer.tensors.map(Self.json)),
            ])
          }),
      ])
      return
    }
    var rows = [["layer", "output", "parameters", "flops/example"]]
    func shape(_ extents: [Int]) -> String {
      extents.map { String($0) }.joined(separator: "×")
    }
    rows.append(["input", shape(network.description.input), "", ""])
    for layer in network.layers {
      rows.append([
        "\(layer.index) \(layer.name)", shape(layer.outputShape),
        layer.parameterCount == 0 ? "" : String(layer.parameterCount),
        layer.products == 0 ? "" : String(2 * layer.products),
      ])
    }
    rows.append(["total", "", String(network.parameterCount), String(flops)])
    print(table(rows))
    let statistics = network.parameterCount - network.trainedCount
    if statistics > 0 {
      print(
        "\n\(network.trainedCount) parameters are trained; \(statistics) are statistics of batch_norm, "
          + "which are not.")
    }
    if let tensors = Self.scales(network) { print("\n" + table(tensors)) }
  }

  /// How a tensor enters its layer, begins and learns.
  private static func json(_ tensor: ParameterTensor) -> JSONValue {
    var members: [String: JSONValue] = [
      "name": .string(tensor.name), "shape": .array(tensor.shape.map { .number(Double($0)) }),
      "multiplier": .number(tensor.multiplier), "initial_mean": .number(tensor.initialMean),
      "initial_std": .number(tensor.initialStd),
      "learning_rate": .object([
        "sgd": .number(tensor.learningRate.sgd), "adam": .number(tensor.learningRate.adam),
      ]),
    ]
    if tensor.statistic != nil { members["trained"] = .bool(false) }
    return .object(members)
  }

  /// A table of multipliers, standard deviations and factors on the learning rate, where any
  /// tensor's differ from those of the standard parameterization.
  private static func scales(_ network: Network) -> [[String]]? {
    guard
      network.parameters.contains(where: {
        $0.multiplier != 1 || $0.learningRate != LearningRateFactor()
      })
    else { return nil }
    return [["tensor", "multiplier", "initial std", "η (sgd)", "η (adam)"]]
      + network.parameters.map { tensor in
        let numbers = [
          tensor.multiplier, tensor.initialStd, tensor.learningRate.sgd, tensor.learningRate.adam,
        ]
        return [tensor.name] + numbers.map { fixed($0, 6) }
      }
  }
}
