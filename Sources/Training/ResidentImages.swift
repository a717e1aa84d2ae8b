import Compute
import DataSets

/// What is done to images on their way into the network, with its numbers on a backend.
public struct ResidentImages {
  public var shape: ImageGather.Shape
  public var augmentation: Augmentation
  /// Whether there is anything to do besides augmentation.
  public var isNormalized: Bool
  /// [2, channels]: means, and one over deviations, computed in Double and rounded once.
  public var scaling: Matrix

  public init(_ images: ImagePreparation, type: ScalarType, on backend: any Backend) throws {
    shape = ImageGather.Shape(
      channels: images.shape[0], height: images.shape[1], width: images.shape[2])
    augmentation = images.augmentation
    isNormalized = images.normalization != nil
    let means =
      images.normalization?.means ?? [Double](repeating: 0, count: shape.channels)
    let factors =
      images.normalization?.deviations.map { 1 / $0 }
      ?? [Double](repeating: 1, count: shape.channels)
    scaling = try backend.matrix(2, shape.channels, type)
    try backend.upload(means + factors, to: scaling)
  }

  fileprivate var window: ImageGather.Window {
    switch (augmentation.padding, augmentation.offsets) {
    case (0, _): .whole
    case (let padding, .batch): .drawn(padding: padding)
    case (let padding, .image): .drawnForEach(padding: padding)
    }
  }
}

extension ResidentExamples {
  /// Whether an example is another one at every step.
  var isAugmented: Bool { images.map { $0.augmentation != .none } ?? false }

  /// The inputs and targets of a minibatch, images augmented and normalised.
  ///
  /// Crops and flips follow from the seed, the step (from 0) and an example's place in the batch,
  /// so that runs of every order see the same ones, as do resumed runs.
  ///
  /// - Parameter rows: int32, the batch's examples.
  public func batch(
    _ rows: Matrix, seed: UInt64, step: Int, on backend: any Backend
  ) throws -> (inputs: Matrix, targets: Matrix) {
    let batch = (
      inputs: try backend.matrix(rows.count, inputs.columns, inputs.type),
      targets: try backend.matrix(rows.count, targets.columns, targets.type)
    )
    if let images {
      try backend.run(
        .imageGather(
          ImageGather(
            batch.inputs, from: inputs, rows: rows, shape: images.shape, scaling: images.scaling,
            window: images.window, flips: images.augmentation.flips, seed: seed, step: step)))
    } else {
      try backend.run(.gather(Gather(batch.inputs, from: inputs, rows: rows)))
    }
    try backend.run(.gather(Gather(batch.targets, from: targets, rows: rows)))
    return batch
  }

  /// The inputs of some examples as an evaluation sees them: normalised, not augmented.
  public func evaluationInputs(_ range: Range<Int>, on backend: any Backend) throws -> Matrix {
    let rows = inputs.rows(range)
    guard let images, images.isNormalized else { return rows }
    let normalized = try backend.matrix(rows.rows, rows.columns, rows.type)
    try backend.run(
      .imageGather(
        ImageGather(normalized, from: rows, shape: images.shape, scaling: images.scaling)))
    return normalized
  }
}
