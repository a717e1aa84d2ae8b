import Compute
import DataSets

extension ResidentExamples {
  /// Uploads examples; class labels become one-hot rows.
  public init(_ examples: Examples, type: ScalarType, on backend: any Backend) throws {
    let outputs = examples.targets.outputs
    inputs = try backend.matrix(examples.count, examples.inputSize, type)
    targets = try backend.matrix(examples.count, outputs, type)
    if type == .float64 {
      try backend.upload(examples.doubles(), to: inputs)
      try backend.upload(examples.targets.doubles(), to: targets)
    } else {
      try backend.upload(examples.floats(), to: inputs)
      try backend.upload(examples.targets.floats(), to: targets)
    }
    if case .classes = examples.targets {
      isClassification = true
    } else {
      isClassification = false
    }
  }
}
