import Compute
import DataSets
import FoundationEssentials
import Networks
import TestSupport
import Training

/// A training problem that can be set up again and again on any backend.
struct Problem: Sendable {
  var network: Network
  /// θ at the start.
  var start: [Double]
  var train: Examples
  var validation: Examples?
  var test: Examples?

  /// Part of the digits and a network 64-24-16-10.
  static func digits(
    _ activation: Activation, _ parameterization: Parameterization = .standard,
    examples: Int = 60
  ) throws -> Problem {
    let all = try Digits.load()
    let network = try denseNetwork(
      [64, 24, 16, 10], [activation, activation], parameterization)
    return Problem(
      network: network, start: network.sampleParameters(seed: 17).map { Double(Float($0)) },
      train: part(all.train, 0..<examples), validation: part(all.train, 500..<540),
      test: part(all.test, 0..<30))
  }

  private static func part(_ examples: Examples, _ rows: Range<Int>) -> Examples {
    guard case .classes(let labels, let count) = examples.targets else { return examples }
    return Examples(
      examples.doubles(rows: rows), inputSize: examples.inputSize,
      targets: .classes(labels: Array(labels[rows]), count: count))
  }

  /// A trainer at the start.
  @BackendActor func trainer(
    _ settings: TrainingSettings, on backend: any Backend, directory: RunDirectory? = nil,
    validates: Bool = false, orderZero: OrderZeroLayout.Limits = .none
  ) throws -> Trainer {
    let center = try backend.matrix(1, start.count, settings.type, start)
    let model = try Model(network, center: center, settings: settings, on: backend)
    func resident(_ examples: Examples) throws -> ResidentExamples {
      try ResidentExamples(examples, type: settings.type, on: backend)
    }
    return try Trainer(
      model, settings, train: resident(train),
      validation: validates ? validation.map(resident) : nil, test: test.map(resident),
      directory: directory, orderZero: orderZero)
  }

  /// The hash of the parameters after a run.
  @BackendActor func hash(_ settings: TrainingSettings, on backend: any Backend) throws -> String {
    try trainer(settings, on: backend).run().parametersSHA256
  }
}

/// A run directory in a folder of its own; run.json makes it one that can be resumed.
func makeDirectory(_ folder: TemporaryFolder, resume: Bool = false) throws -> RunDirectory {
  let directory = try RunDirectory(folder.path, resume: resume)
  if !resume { try directory.write("run.json", Array("{}".utf8)) }
  return directory
}

/// The numbers under one name in a run's metrics.
func metric(_ name: String, _ directory: RunDirectory) throws -> [Double] {
  try directory.metrics().compactMap { record in
    if case .number(let number)? = record[name] { number } else { nil }
  }
}
