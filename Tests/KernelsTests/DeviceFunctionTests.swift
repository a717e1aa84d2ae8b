import Compute
import OpenCLBackend
import TestSupport
import Testing

/// functions.cl as the device's compiler builds it: bit for bit what the host's compilation gives.
@BackendActor @Suite struct DeviceFunctionTests {
  /// A program that applies function number a of elementary.c, and atan2 to two arguments.
  private static let program = """
    KERNEL2(scaled_copy, LinearCombinationParameters, real, out, const real, x) {
      const int function = (int)REAL(p.a);
      FOR_EACH_ITEM(i) {
        const real v = x[i];
        switch (function) {
    \(ElementaryFunction.allCases.map {
      "      case \($0.rawValue): out[i] = real_\($0)(v); break;"
    }.joined(separator: "\n"))
        }
      }
    }
    KERNEL3(linear_combination, LinearCombinationParameters, real, out, const real, y,
            const real, x) {
      FOR_EACH_ITEM(i) out[i] = real_atan2(y[i], x[i]);
    }
    """

  private func makeBackend() throws -> OpenCLBackend {
    try OpenCLBackend(
      deviceIndex: 0, programSourceOverride: ["linear_combination": Self.program],
      cacheFolder: nil)
  }

  private func words(_ values: [Float]) -> [UInt32] {
    values.map { $0.isNaN ? 0x7fc0_0000 : $0.bitPattern }
  }

  /// The number of differing results, and the first argument that has one.
  private func differences(
    _ device: [Float], _ host: [Float], _ x: [Float]
  ) -> (count: Int, first: Float?) {
    let different = zip(words(device), words(host)).enumerated().filter { $1.0 != $1.1 }
    return (different.count, different.first.map { x[$0.offset] })
  }

  @Test func functionsHaveTheHostsBits() throws {
    let backend = try makeBackend()
    let inputs = Sweep.inputs
    let x = try backend.matrix(1, inputs.count, .float32)
    try backend.upload(inputs, to: x)
    let y = try backend.matrix(1, inputs.count, .float32)
    for function in ElementaryFunction.allCases {
      try backend.run(.linearCombination(LinearCombination(y, Double(function.rawValue), x)))
      let device = try backend.elements(of: y, as: Float.self)
      let (count, first) = differences(device, function(inputs), inputs)
      #expect(count == 0, "\(function), first at \(first ?? .nan)")
    }
  }

  @Test func arcTangentHasTheHostsBits() throws {
    let backend = try makeBackend()
    let n = Sweep.inputs.count
    let ys = Sweep.inputs
    let xs = (0..<n).map { $0 % 2 == 0 ? ys[$0 * 7919 % n] : ys[$0] * Float($0 % 33 - 16) / 8 }
    let (y, x) = (try backend.matrix(1, n, .float32), try backend.matrix(1, n, .float32))
    try backend.upload(ys, to: y)
    try backend.upload(xs, to: x)
    let angle = try backend.matrix(1, n, .float32)
    try backend.run(.linearCombination(LinearCombination(angle, 1, y, 1, x)))
    let device = try backend.elements(of: angle, as: Float.self)
    #expect(differences(device, hostArcTangent(ys, xs), ys).count == 0)
  }
}
