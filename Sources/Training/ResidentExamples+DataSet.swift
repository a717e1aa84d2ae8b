import Compute
import DataSets

extension ResidentExamples {
  /// Uploads examples; class labels become one-hot rows, centred where that was asked for.
  public init(_ examples: Examples, type: ScalarType, on backend: any Backend) throws {
    let outputs = examples.targets.outputs
    inputs = try backend.matrix(examples.count, examples.inputSize, type)
    targets = try backend.matrix(examples.count, outputs, type)
    if type == .float64 {
      try backend.upload(examples.doubles(), to: inputs)
      try backend.upload(examples.targetDoubles(), to: targets)
    } else {
      try backend.upload(examples.floats(), to: inputs)
      try backend.upload(examples.targetFloats(), to: targets)
    }
    images = try examples.images.map { try ResidentImages($0, type: type, on: backend) }
    if case .classes = examples.targets {
      isClassification = true
    } else {
      isClassification = false
    }
  }
}
