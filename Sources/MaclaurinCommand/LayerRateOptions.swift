import ArgumentParser
import Maclaurin

/// Learning rates of single layers.
struct LayerRateOptions: ParsableArguments {
  @Option(
    name: .customLong("layer-lr"), parsing: .upToNextOption,
    help: ArgumentHelp(
      "Factors on the learning rate of some tensors, by name or pattern, as in layers.0=0.1 or "
        + "'*.bias=2'; the last one that matches holds. They multiply those of the network.",
      valueName: "pattern=factor"))
  var layerRates: [String] = []

  func settings() throws -> LayerLearningRates? {
    guard !layerRates.isEmpty else { return nil }
    do {
      return try LayerLearningRates(layerRates)
    } catch {
      throw Misuse("\(error)")
    }
  }
}
