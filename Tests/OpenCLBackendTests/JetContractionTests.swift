import Compute
import Testing

@testable import OpenCLBackend

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
    /// Of the device family; nil for its choice.
    var tile: ContractionTile?
    var isInterpolated = false
    var isZeroGiven = false
    var description: String {
      "\(sense) \(block)·\(inputs)→\(outputs) degree \(inputDegree)→\(outputDegree) "
        + "×\(directions)\(hasDisplacement ? "" : " without displacement")"
        + (isInterpolated ? " interpolated" : "") + (isZeroGiven ? " from 1" : "")
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
    // Vectors.
    Shape(
      sense: .forward, block: 9, inputs: 36, outputs: 132, inputDegree: 2, outputDegree: 3,
      directions: 2, tile: .wide),
    Shape(
      sense: .adjoint, block: 12, inputs: 20, outputs: 1028, inputDegree: 3, outputDegree: 3,
      tile: .narrow),
  ]

  static let interpolated = [
    Shape(sense: .forward, block: 5, inputs: 7, outputs: 9, inputDegree: 1, outputDegree: 2),
    Shape(
      sense: .forward, block: 3, inputs: 1030, outputs: 18, inputDegree: 3, outputDegree: 3,
      tile: .flat),
    Shape(
      sense: .forward, block: 20, inputs: 36, outputs: 20, inputDegree: 4, outputDegree: 4,
      tile: .flat),
    Shape(
      sense: .forward, block: 17, inputs: 20, outputs: 36, inputDegree: 7, outputDegree: 8,
      tile: .tall),
    Shape(sense: .forward, block: 6, inputs: 5, outputs: 66, inputDegree: 6, outputDegree: 6),
    Shape(sense: .adjoint, block: 5, inputs: 7, outputs: 9, inputDegree: 4, outputDegree: 4),
    Shape(
      sense: .adjoint, block: 20, inputs: 36, outputs: 20, inputDegree: 5, outputDegree: 4,
      tile: .flat),
    Shape(
      sense: .adjoint, block: 9, inputs: 68, outputs: 12, inputDegree: 8, outputDegree: 8,
      tile: .small),
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
      alpha: 0.75, scale: hasDisplacement ? scale : nil, isZeroGiven: shape.isZeroGiven,
      plan: shape.isInterpolated
        ? .interpolated(
          sense: shape.sense, inputDegree: shape.inputDegree, outputDegree: shape.outputDegree)
        : .schoolbook)
  }

  @Test(arguments: shapes, [ScalarType.float32, .float64])
  func familiesAgree(_ shape: Shape, _ type: ScalarType) throws {
    let reference = ReferenceBackend()
    let defined = try make(shape, type, on: reference)
    reference.run(.jetContraction(defined))
    var results: [[UInt64]] = []
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      backend.contractionTile = shape.tile
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

  /// The device combines weights where it loads them; the host family has a matrix for them.
  @Test(arguments: interpolated)
  func interpolatedFamiliesAgree(_ shape: Shape) throws {
    for type in shape.block == 20 ? [ScalarType.float32, .float64] : [.float32] {
      try expectAgreement(shape, type)
    }
  }

  private func expectAgreement(_ shape: Shape, _ type: ScalarType) throws {
    var shape = shape
    shape.isInterpolated = true
    let reference = ReferenceBackend()
    let defined = try make(shape, type, on: reference)
    reference.run(.jetContraction(defined))
    var results: [[UInt64]] = []
    for family in KernelFamily.allCases {
      let backend = try makeBackend(family)
      backend.contractionTile = shape.tile
      let operation = try make(shape, type, on: backend)
      #expect(operation.plan.isInterpolated)
      try backend.run(.jetContraction(operation))
      try expectWithinBound(
        operation.output.matrix, on: backend, defined.output.matrix, of: reference,
        "\(family) \(shape)")
      results.append(try bits(operation.output.matrix, on: backend))
      if family == .device {
        #expect(
          backend.statistics.launches == ["block_combination": 2, "jet_contraction_nodes": 1])
      }
    }
    #expect(results[0] == results[1], "\(shape)")
  }
}
