import FoundationEssentials
import Maclaurin

/// What makes a network's inputs and targets out of a data set's own numbers; nil for nothing.
struct DataScaling {
  var inputs: Standardization?
  var targets: Standardization?

  /// How a data set was scaled. Images are standardised or normalised, by channel.
  init(of set: DataSet) {
    (inputs, targets) = (set.inputStandardization, set.targetStandardization)
    guard let images = set.images, let normalization = images.normalization else { return }
    inputs = Standardization(
      means: normalization.means, deviations: normalization.deviations,
      groupSize: images.shape[1] * images.shape[2])
  }

  init(inputs: Standardization? = nil, targets: Standardization? = nil) {
    (self.inputs, self.targets) = (inputs, targets)
  }

  /// How the training set of the run in a folder was scaled.
  ///
  /// - Throws: `TrainingError` where its data are not there any more.
  init(ofRun folder: String) throws {
    let options = try RunRecord.data(of: folder)
    guard options.task.whiten == nil else {
      throw TrainingError(
        "the run in \(folder) whitened its inputs, which new data are not; train without --whiten")
    }
    do {
      self.init(of: try options.load())
    } catch {
      throw TrainingError(
        "how the run in \(folder) scaled its data is not known, because they cannot be read again "
          + "(\(error)); put them back, or give --network \(folder)/network.json --parameters "
          + "\(folder)/final.safetensors to scale new data by themselves")
    }
  }

  /// The network's inputs, [n, columns].
  func scaled(inputs values: [Double], columns: Int) -> [Double] {
    Self.map(values, columns, inputs) { $0.apply($1, column: $2) }
  }

  /// The network's targets, [n, columns].
  func scaled(targets values: [Double], columns: Int) -> [Double] {
    Self.map(values, columns, targets) { $0.apply($1, column: $2) }
  }

  /// Outputs in the data's own units, [n, columns].
  func unscaled(_ values: [Double], columns: Int) -> [Double] {
    Self.map(values, columns, targets) { $0.invert($1, column: $2) }
  }

  /// The same for variances.
  func unscaled(variances values: [Double], columns: Int) -> [Double] {
    Self.map(values, columns, targets) {
      let deviation = $0.deviations[$2 / $0.groupSize]
      return $1 * deviation * deviation
    }
  }

  private static func map(
    _ values: [Double], _ columns: Int, _ scaling: Standardization?,
    _ function: (Standardization, Double, Int) -> Double
  ) -> [Double] {
    guard let scaling else { return values }
    var result = values
    for index in result.indices {
      result[index] = function(scaling, values[index], index % columns)
    }
    return result
  }

  /// - Throws: `NetworkError` where it is for other numbers of inputs or targets.
  func check(inputs features: Int, targets outputs: Int, of folder: String) throws {
    for (scaling, count, what) in [(inputs, features, "inputs"), (targets, outputs, "targets")] {
      guard let scaling, scaling.means.count * scaling.groupSize != count else { continue }
      throw NetworkError(
        "\(folder) scales \(scaling.means.count * scaling.groupSize) \(what), and the data have "
          + "\(count); give data of the same kind")
    }
  }
}
