import Compute
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// A kernel's bits do not depend on where it is computed, how it is cut, or what else is computed.
@BackendActor @Suite struct EmpiricalBitsTests {
  private struct Case {
    let network: Network
    let theta: [Double]
    let x: [Double]
    let outputs: KernelOutputs

    init(_ index: Int, examples: Int, _ outputs: KernelOutputs) throws {
      network = try ExplicitKernel.network(ExplicitKernel.networks[index].json)
      theta = network.sampleParameters(seed: 21)
      x = sample(examples * network.inputCount, seed: 22)
      self.outputs = outputs
    }

    @BackendActor func kernel(
      _ kind: KernelKind = .ntk, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
      passBytes: Int = EmpiricalKernel.defaultPassBytes, on backend: any Backend
    ) throws -> EmpiricalKernel {
      func part(_ rows: Range<Int>) -> [Double] {
        Array(
          x[(rows.lowerBound * network.inputCount)..<(rows.upperBound * network.inputCount)])
      }
      return try ExplicitKernel.structured(
        network, theta, rows.map(part) ?? x, columns.map(part), kind: kind, outputs: outputs,
        type: .float32, passBytes: passBytes, on: backend)
    }
  }

  /// CPU path with one and two threads, OpenCL with its host's and its device's kernels.
  @Test(arguments: ExplicitKernel.networks.indices)
  func everyBackendHasTheSameBits(_ index: Int) throws {
    let outputs = KernelOutputs.allCases[index % 3]
    let own = try Case(index, examples: 3, outputs)
    let results = try BackendUnderTest.onEach { backend in
      try bits(backend.download(own.kernel(on: backend).whole()))
        + bits(
          backend.download(own.kernel(rows: 0..<2, columns: 1..<3, on: backend).whole()))
    }
    for other in results.dropFirst() {
      #expect(other.result == results[0].result, "\(other.backend)")
    }
  }

  @Test func everyBackendHasTheSameCovariances() throws {
    let own = try Case(1, examples: 5, .diagonal)
    let results = try BackendUnderTest.onEach { backend in
      bits(try backend.download(own.kernel(.nngp, on: backend).whole()))
    }
    for other in results.dropFirst() {
      #expect(other.result == results[0].result, "\(other.backend)")
    }
  }

  /// Tiles in any place, passes of a single example or output, and workspaces of a single image.
  @Test(arguments: ExplicitKernel.networks.indices, KernelOutputs.allCases)
  func cuts(_ index: Int, _ outputs: KernelOutputs) throws {
    let own = try Case(index, examples: 5, outputs)
    let backend = try BackendUnderTest.openblas2.backend()
    let kernel = try own.kernel(on: backend)
    let entries = kernel.entryCount
    let whole = bits(try backend.download(kernel.whole()))
    for passBytes in [EmpiricalKernel.defaultPassBytes, 40_000, 1] {
      let kernel = try own.kernel(passBytes: passBytes, on: backend)
      #expect(bits(try backend.download(kernel.whole())) == whole, "\(passBytes)")
      for (rows, columns) in [(0..<2, 2..<5), (1..<4, 1..<4), (1..<4, 2..<5)] {
        let block = bits(try backend.download(kernel.block(rows: rows, columns: columns)))
        let expected = rows.flatMap { row in
          whole[
            ((row * 5 + columns.lowerBound) * entries)..<((row * 5 + columns.upperBound) * entries)]
        }
        #expect(block == expected, "\(rows) \(columns)")
      }
    }
    let bytes = backend.workspaceBytes
    defer { backend.workspaceBytes = bytes }
    backend.workspaceBytes = 1
    #expect(bits(try backend.download(kernel.whole())) == whole)
  }

  /// Θ(x, x′)_{oo′} = Θ(x′, x)_{o′o} to the last bit, within a kernel and between two.
  @Test(arguments: ExplicitKernel.networks.indices)
  func symmetry(_ index: Int) throws {
    let own = try Case(index, examples: 5, .full)
    let backend = try BackendUnderTest.openblas2.backend()
    func check(_ kernel: [Double], _ mirror: [Double], _ rows: Int, _ columns: Int) {
      for e in 0..<rows {
        for f in 0..<columns {
          for o in 0..<3 {
            for p in 0..<3 {
              #expect(
                kernel[((e * columns + f) * 3 + o) * 3 + p]
                  == mirror[((f * rows + e) * 3 + p) * 3 + o])
            }
          }
        }
      }
    }
    let whole = try backend.download(own.kernel(on: backend).whole())
    check(whole, whole, 5, 5)
    check(
      try backend.download(own.kernel(rows: 0..<2, columns: 2..<5, on: backend).whole()),
      try backend.download(own.kernel(rows: 2..<5, columns: 0..<2, on: backend).whole()), 2, 3)
  }

  /// A symmetric block of many examples, of which half is mirrored, against the block between the same
  /// examples given twice; also as a part of a kernel, and in several passes.
  @Test(arguments: [ScalarType.float32, .float64], [nil, [2, 0, 0.5, 3, 1, 0.1, 1, 1]])
  func mirroredHalves(_ type: ScalarType, _ scales: [Double]?) throws {
    let network = try ExplicitKernel.network(
      """
      {"input": [3], "layers": [{"dense": {"units": 5}}, {"layer_norm": {"affine": true}}, "tanh",
       {"residual": {"main": [{"dense": {"units": 5}}]}}, "relu", {"dense": {"units": 2}}]}
      """)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = try backend.matrix(
      1, network.parameterCount, type, network.sampleParameters(seed: 31))
    let x = try backend.matrix(270, 3, type, sample(270 * 3, seed: 32))
    func kernel(_ x2: Matrix?, passBytes: Int = EmpiricalKernel.defaultPassBytes) throws
      -> EmpiricalKernel
    {
      try EmpiricalKernel(
        network, .ntk, at: theta, x, x2, outputs: .full,
        isTrainable: scales.map { $0.map { $0 != 0 } }, tensorScales: scales,
        passBytes: passBytes, on: backend)
    }
    let whole = try kernel(nil)
    #expect(whole.stripRows(270) == 64 && whole.stripRows(100) == nil)
    let twice = try backend.download(kernel(x).block(rows: 0..<270, columns: 0..<270))
    #expect(
      bits(try backend.download(whole.block(rows: 0..<270, columns: 0..<270))) == bits(twice))
    let part = try backend.download(whole.block(rows: 70..<230, columns: 70..<230))
    var expected: [Double] = []
    for row in 70..<230 {
      let first = (row * 270 + 70) * 4
      expected += twice[first..<(first + 160 * 4)]
    }
    #expect(bits(part) == bits(expected))
    for passBytes in [3 << 20, 1 << 20] {
      let cut = try kernel(nil, passBytes: passBytes).block(rows: 0..<270, columns: 0..<270)
      #expect(bits(try backend.download(cut)) == bits(twice))
    }
  }
}
