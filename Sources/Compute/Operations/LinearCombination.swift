import Kernels

/// out ← a·x + b·y, elementwise: fma(b, y, fl(a·x)); without y, out ← fl(a·x). y may be out itself.
public struct LinearCombination: PortableOperation {
  public var output: Matrix
  public var a: Double
  public var x: Matrix
  public var b: Double
  public var y: Matrix?

  public init(_ output: Matrix, _ a: Double = 1, _ x: Matrix, _ b: Double = 1, _ y: Matrix? = nil) {
    precondition(output.isContiguous && x.isContiguous && y?.isContiguous ?? true, "contiguous")
    precondition(x.count == output.count && y?.count ?? x.count == x.count, "equal counts")
    self.output = output
    self.a = a
    self.x = x
    self.b = b
    self.y = y
  }

  public var name: String { "linear_combination" }
  public var cost: Cost {
    Cost(
      flops: Double(output.count) * 2,
      bytes: Double(output.count * output.type.byteCount * (y == nil ? 2 : 3)))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&y, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    let a = Bounded(output.type.round(self.a))
    let b = Bounded(output.type.round(self.b))
    let (out, x) = (output.flat, self.x.flat)
    for i in 0..<out.columns {
      var value = a * x.exact(0, i)
      if let y { value = .fma(b, y.flat.exact(0, i), value) }
      out[0, i] = value
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = output.type
    let parameters = LinearCombinationParameters(a: type.encode(a), b: type.encode(b))
    let isInPlace = y.map { $0.buffer === output.buffer && $0.offset == output.offset } ?? false
    let function = isInPlace ? "accumulate" : y == nil ? "scaled_copy" : "linear_combination"
    return [
      Launch(
        function, source: "linear_combination", type: type, .items(output.count),
        [output, x] + (isInPlace ? [] : y.map { [$0] } ?? []), parameters)
    ]
  }
}
