import Kernels

/// out ← value.
public struct Fill: PortableOperation {
  public var output: Matrix
  public var value: Double

  public init(_ output: Matrix, value: Double) {
    precondition(output.isContiguous, "contiguous")
    self.output = output
    self.value = value
  }

  public var name: String { "fill" }
  public var cost: Cost { Cost(bytes: Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&output, .write, body)
  }

  public func define() {
    for i in 0..<output.count { output.flat[0, i] = Bounded(output.type.round(value)) }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = FillParameters(value: output.type.encode(value))
    return [
      Launch(
        "fill", source: "linear_combination", type: output.type, .items(output.count), [output],
        parameters)
    ]
  }
}
