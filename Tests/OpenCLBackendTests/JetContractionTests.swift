import Compute
import OpenCLBackend
import Testing

/// Jet contractions of both kernel families against the definition and against each other.
@Suite struct JetContractionTests {
  struct Shape: CustomStringConvertible, Sendable {
    var sense: JetContraction.Sense
    var block: Int
    var inputs: Int
    var outputs: Int
    var inputDegree: Int
    var outputDegree: Int
    var directions = 1
    var hasDisplacement = true
    var isZeroGiven = false
    var description: String {
      "\(sense) \(block)·\(inputs)→\(outputs) degree \(inputDegree)→\(outputDegree) "
        + "×\(directions)\(hasDisplacement ? "" : " without displacement")"
        + (isZeroGiven ? " from 1" : "")
    }
  }

  static let shapes = [
    Shape(
      sense: .forward, block: 3, inputs: 5, outputs: 7, inputDegree: 0, outputDegree: 0,
      hasDisplacement: false),
    Shape(sense: .forward, block: 3, inputs: 5, outputs: 7, inputDegree: 0, outputDegree: 1),
    Shape(sense: .forward, block: 17, inputs: 33, outputs: 65, inputDegree: 2, outputDegree: 3),
    Shape(sense: .forward, block: 13, inputs: 1030, outputs: 9, inputDegree: 4, outputDegree: 4),
    Shape(
      sense: .forward, block: 5, inputs: 6, outputs: 70, inputDegree: 2, outputDegree: 3,
      directions: 3),
    Shape(
      sense: .forward, block: 5, inputs: 6, outputs: 7, inputDegree: 0, outputDegree: 1,
      directions: 4),
    Shape(
      sense: .forward, block: 3, inputs: 5, outputs: 7, inputDegree: 0, outputDegree: 1,
      isZeroGiven: true),
    Shape(
      sense: .forward, block: 17, inputs: 33, outputs: 65, inputDegree: 2, outputDegree: 3,
      isZeroGiven: true),
    Shape(
      sense: .forward, block: 13, inputs: 1030, outputs: 9, inputDegree: 4, outputDegree: 4,
      isZeroGiven: true),
    Shape(
      sense: .forward, block: 5, inputs: 6, outputs: 70, inputDegree: 2, outputDegree: 3,
      directions: 3, isZeroGiven: true),
    Shape(
      sense: .forward, block: 5, inputs: 6, outputs: 7, inputDegree: 0, outputDegree: 1,
      directions: 4, isZeroGiven: true),
    Shape(sense: .adjoint, block: 3, inputs: 5, outputs: 7, inputDegree: 1, outputDegree: 1),
    Shape(sense: .adjoint, block: 17, inputs: 33, outputs: 65, inputDegree: 4, outputDegree: 4),
    Shape(sense: .adjoint, block: 17, inputs: 3, outputs: 65, inputDegree: 3, outputDegree: 2),
    Shape(
      sense: .adjoint, block: 9, inputs: 5, outputs: 7, inputDegree: 1, outputDegree: 1,
      hasDisplacement: false),
    Shape(
      sense: .adjoint, block: 5, inputs: 66, outputs: 7, inputDegree: 3, outputDegree: 3,
      directions: 3),
  ]

  private func make(
    _ shape: Shape, _ type: ScalarType, on backend: any Backend
  ) throws -> JetContraction {
    let isForward = shape.sense == .forward
    func jet(_ columns: Int, _ degree: Int, seed: UInt64) throws -> JetView {
      let capacity = max(1, degree + 1)
      let rows = shape.block * ((isForward ? 1 : 0) + shape.directions * capacity)
      let values = sample(rows * columns, seed: seed, bits: type.sampleBits)
      return JetView(
        try backend.matrix(rows, columns, type, values), block: shape.block, degree: degree,
        capacity: capacity, directions: shape.directions,
        hasZero: isForward)
    }
    let size = shape.inputs * shape.outputs
    func weights(_ count: Int, seed: UInt64) throws -> Matrix {
      let values = sample(count * size, seed: seed, bits: type.sampleBits)
      return try backend.matrix(count * shape.outputs, shape.inputs, type, values)
    }
    let hasDisplacement = shape.hasDisplacement
    let scale = try backend.matrix(1, 1, type, [0.5])
    let input = try jet(isForward ? shape.inputs : shape.outputs, shape.inputDegree, seed: 1)
    return JetContraction(
      shape.sense, input,
      center: try weights(1, seed: 2),
      displacement: hasDisplacement
        ? try weights(shape.directions, seed: 3).rows(0..<shape.outputs) : nil,
      displacementStride: size,
      into: try jet(isForward ? shape.outputs : shape.inputs, shape.outputDegree, seed: 4),
      alpha: 0.75, scale: hasDisplacement ? scale : nil, isZeroGiven: shape.isZeroGiven)
  }

  @Test(arguments: shapes, [ScalarType.float32, .float64])
  func familiesAgree(_ shape: Shape, _ type: ScalarType) throws {
    let reference = ReferenceBackend()
    let defined = try make(shape, type, on: reference)
    reference.run(.jetContraction(defined))
    var results: [[UInt64]] = []
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      let operation = try make(shape, type, on: backend)
      try backend.run(.jetContraction(operation))
      // All rows: what the operation does not write keeps its content.
      try expectWithinBound(
        operation.output.matrix, on: backend, defined.output.matrix, of: reference,
        "\(family) \(shape)")
      results.append(try bits(operation.output.matrix, on: backend))
      if family == .device { #expect(backend.statistics.launches == ["jet_contraction": 1]) }
    }
    #expect(results[0] == results[1], "\(shape)")
  }
}
