import ArgumentParser
import Maclaurin

/// What `adapt --out` has left, on other inputs.
extension EvaluateCommand {
  func validatePosterior() throws {
    guard folder == nil, network == nil, parameters == nil, order == nil, loss == nil else {
      throw ValidationError(
        "--posterior brings its network and likelihood; leave out --run, --network, --parameters, "
          + "--order and --loss")
    }
    guard (inputs == nil) != (data == nil) else {
      throw ValidationError("give --inputs or --data, one of them")
    }
    guard inputs != nil || output == nil && variance == nil && !probabilities && classes != ""
    else {
      throw ValidationError(
        "--output, --variance, --probabilities and --classes without a value go with --inputs")
    }
    guard inputs == nil || output != nil || variance != nil else {
      throw ValidationError("give --output or --variance, where results are to be written")
    }
    guard inputs == nil || classes == nil || classes == "" else {
      throw ValidationError("classes to keep go with --data")
    }
    guard data != nil || task.isDefault else {
      throw ValidationError("splits, subsets and scaling go with --data")
    }
    guard !task.noStandardize, task.whiten == nil, task.normalize == nil else {
      throw ValidationError(
        "--posterior scales data itself; leave out --no-standardize, --whiten and --normalize")
    }
  }

  func evaluate(_ folder: PosteriorFolder) throws {
    let algebra = try LAPACK(threads: backend.threads)
    var backend = backend
    backend.givenType = folder.saved.type.rawValue
    if inputs != nil {
      let values = try scaledInputs(folder)
      try backend.compute(report) { device in
        try write(folder, values, Trace(device, backend), by: algebra, on: device)
      }
    } else {
      let examples = try examples(folder)
      try backend.compute(report) { device in
        try score(folder, examples, Trace(device, backend), by: algebra, on: device)
      }
    }
  }

  // MARK: Inputs

  /// The inputs in the array, as the network takes them.
  private func scaledInputs(_ folder: PosteriorFolder) throws -> [Double] {
    let argument = inputs ?? ""
    let array = try ArrayFiles.finite(argument)
    _ = try ArrayFiles.rows(array, argument, for: folder.network)
    if probabilities || classes == "", folder.saved.likelihood != .softmax {
      throw Misuse(
        "\(folder.path) has a normal likelihood and no probabilities of classes; leave out "
          + "--probabilities and --classes")
    }
    var known: [(option: String, argument: String?)] = [("--inputs", inputs)]
    for name in ["network.json", "parameters.safetensors", SavedPosterior.name] {
      known.append(("--posterior", "\(folder.path)/\(name)"))
    }
    for (option, path) in [("--output", output), ("--variance", variance)] {
      guard let path else { continue }
      try OutputFile.checkArray(path, option: option, inputs: known)
      known.append((option, path))
    }
    return folder.scaling.scaled(inputs: array.doubles(), columns: folder.network.inputCount)
  }

  private func write(
    _ folder: PosteriorFolder, _ values: [Double], _ trace: Trace?,
    by algebra: any DenseLinearAlgebra, on device: any Backend
  ) throws {
    let (saved, o) = (folder.saved, folder.saved.outputs)
    let rows = values.count / saved.features
    let x = try device.matrix(rows, saved.features, saved.type, values)
    let found = try AdaptationPrediction(
      folder.posterior(on: device, by: algebra), saved.likelihood, x)
    let scaling = folder.scaling
    let variances = scaling.unscaled(variances: found.outputs.variances ?? [], columns: o)
    let mean = scaling.unscaled(found.outputs.mean, columns: o)
    // Before any is written; a variance that is no number may show as 0, the mean beside it does not.
    let first = output == nil ? "--variance" : "--output"
    try ArrayFiles.checkFinite(mean, first)
    try ArrayFiles.checkFinite(found.probabilities ?? [], first)
    if let variance {
      try ArrayFiles.checkFinite(variances, "--variance")
      try ArrayArgument(parsing: variance).write(NumericArray(variances, shape: [rows, o]))
    }
    if let output {
      var array = NumericArray(mean, shape: [rows, o])
      if probabilities || classes == "", let all = found.probabilities {
        array = NumericArray(all, shape: [rows, o])
        if classes == "" { array = Self.labels(all, outputs: o) }
      }
      try ArrayArgument(parsing: output).write(array)
    }
    var members: [String: JSONValue] = [
      "shape": .array([.number(Double(rows)), .number(Double(o))])
    ]
    members["output"] = output.map { .string($0) }
    members["variance"] = variance.map { .string($0) }
    let names = [output, variance].compactMap { $0 }.joined(separator: " and ")
    report.result(members, "outputs \([rows, o]) in \(names)", trace)
  }

  /// The most probable class of each row, the first of equals.
  private static func labels(_ probabilities: [Double], outputs: Int) -> NumericArray {
    var labels: [Int32] = []
    for first in stride(from: 0, to: probabilities.count, by: outputs) {
      var best = 0
      for c in 1..<outputs where probabilities[first + c] > probabilities[first + best] {
        best = c
      }
      labels.append(Int32(best))
    }
    return NumericArray(labels, shape: [labels.count])
  }

  // MARK: Data

  private func examples(_ folder: PosteriorFolder) throws -> AdaptExamples {
    var task = task
    task.noStandardize = true
    let set = try DataOptions.parsed(data ?? "", classes: classes, task).load()
    var examples = try AdaptExamples(set, scaling: folder.scaling, from: folder.path)
    try folder.check(examples)
    if folder.saved.likelihood == .softmax { try examples.findLabels() }
    guard examples.test != nil else {
      throw Misuse("\(examples.name) has no test set; give --test-share, for example 0.2")
    }
    return examples
  }

  /// The same numbers as `adapt` has found.
  private func score(
    _ folder: PosteriorFolder, _ examples: AdaptExamples, _ trace: Trace?,
    by algebra: any DenseLinearAlgebra, on device: any Backend
  ) throws {
    guard let test = examples.test else { return }
    let saved = folder.saved
    let start = ContinuousClock.now
    let x = try device.matrix(test.count, saved.features, saved.type, test.inputs)
    let found = try AdaptationPrediction(
      folder.posterior(on: device, by: algebra), saved.likelihood, x)
    let method = found.method(
      AdaptationResult.name(saved.likelihood), on: test, examples,
      noiseStd: saved.hyperparameters.noiseStd,
      seconds: (ContinuousClock.now - start) / .seconds(1))
    var members = method.members
    members["data"] = .string(examples.name)
    members["test_examples"] = .number(Double(test.count))
    report.result(members, table(AdaptCommand.methodTable([method])), trace)
  }
}
