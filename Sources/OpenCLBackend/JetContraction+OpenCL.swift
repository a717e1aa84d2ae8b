import COpenCL
import Compute
import Kernels

extension JetContraction {
  /// The parameter block of jet_contraction.cl; nil if it does not cover the operation.
  var parameters: JetContractionParameters? {
    let isAdjoint = sense == .adjoint
    guard !plan.isInterpolated, displacement.map({ $0.stride == center.stride }) ?? true,
      isAdjoint || (input.hasZero && output.hasZero)
    else { return nil }
    var p = JetContractionParameters()
    p.isAdjoint = isAdjoint ? 1 : 0
    p.block = input.block
    (p.n, p.k) = (output.columns, input.columns)
    (p.inputDegree, p.inputCapacity, p.inputRow) = (input.degree, input.capacity, input.columns)
    (p.outputDegree, p.outputCapacity, p.outputRow) =
      (output.degree, output.capacity, output.columns)
    (p.weightRow, p.weightColumn) = isAdjoint ? (center.stride, 1) : (1, center.stride)
    p.hasDisplacement = displacement == nil ? 0 : 1
    p.displacementStride = displacementStride
    p.alpha = center.type.realBits(alpha)
    p.hasScale = scale == nil ? 0 : 1
    p.isZeroGiven = isZeroGiven ? 1 : 0
    p.inputOffset = input.matrix.offset
    p.outputOffset = output.matrix.offset
    // The adjoint's kernel function expects rows that begin with coefficient 1.
    if isAdjoint && input.hasZero { p.inputOffset += input.block * input.columns }
    if isAdjoint && output.hasZero { p.outputOffset += output.block * output.columns }
    p.weightOffset = center.offset
    p.displacementOffset = displacement?.offset ?? 0
    p.scaleOffset = scale?.offset ?? 0
    return p
  }
}

extension OpenCLBackend {
  /// Device family: one launch for all coefficients and directions of a schoolbook product, unless
  /// chains of one of the contractions that define it are split, and one for the products at all nodes
  /// of an interpolated one. Otherwise the operations that define it.
  func lower(_ operation: JetContraction, into lowering: inout Lowering) throws {
    guard operation.input.block > 0, operation.output.columns > 0 else { return }
    // A cotangent without coefficients.
    if operation.sense == .adjoint && min(operation.input.degree, operation.output.degree) < 1 {
      return
    }
    if family == .device {
      if operation.plan.isInterpolated {
        if try lowerNodes(operation, into: &lowering) { return }
      } else if operation.contractions.allSatisfy({ layout($0).chains == nil }),
        let parameters = operation.parameters, let launch = try lowerTiled(operation, parameters)
      {
        return lowering.launches.append(launch)
      }
    }
    let parts = try operation.lowered { count, type in
      let buffer = try session.allocate(count, type)
      lowering.buffers.append(buffer)
      return buffer
    }
    for part in parts {
      switch part {
      case .contraction(let contraction): try lower(contraction, into: &lowering)
      case .blockCombination(let combination): try lower(combination, into: &lowering)
      case .rayWeights(let weights): try lower(weights, into: &lowering)
      case .fill(let fill): try lower(fill, into: &lowering)
      default: preconditionFailure("\(part.name) is no part of a jet contraction")
      }
    }
  }

  /// Nil if the launch would have too many groups.
  private func lowerTiled(
    _ operation: JetContraction, _ parameters: JetContractionParameters
  ) throws -> PreparedLaunch? {
    let output = operation.output
    // Of a direction of its own, where coefficient 0 is given.
    let coefficients =
      output.degree + (operation.sense == .forward && !operation.isZeroGiven ? 1 : 0)
    let rows = coefficients * output.block
    let vectors = ContractionTile.Vectors(operation)
    // Without several chains nothing is split.
    let tile =
      contractionTile
      ?? tunedTile(
        m: rows, n: output.columns, batch: output.directions, transposeA: false,
        transposeB: operation.sense == .forward, type: output.type)
      ?? ContractionLayout.choose(
        m: rows, n: output.columns, k: min(operation.input.columns, Contraction.chainLength),
        batch: output.directions, hasVectors: vectors.a && vectors.b, units: device.computeUnits
      ).tile
    let groups = [
      (output.columns + tile.columns - 1) / tile.columns, (rows + tile.rows - 1) / tile.rows,
      output.directions,
    ]
    guard groups[1...].allSatisfy({ $0 <= OpenCLSession.groupLimit }) else { return nil }
    let defines =
      tile.defines(vectors, type: output.type)
      + (operation.sense == .forward ? [(name: "B_TRANSPOSED", value: 1)] : [])
    let kernel = try session.kernel(
      "jet_contraction",
      of: ProgramKey("jet_contraction", defines: defines, isDouble: output.type == .float64))
    try checkWorkGroup(tile.workItems, kernel)
    let operands = [
      operation.input.matrix, operation.center, operation.displacement ?? operation.center,
      output.matrix, operation.scale ?? operation.center,
    ].map { PreparedLaunch.Argument.memory(session.memory(of: $0)) }
    return PreparedLaunch(
      kernel, [.parameters(parameters)] + operands, groups: groups,
      local: [tile.workItems, 1, 1], flops: operation.cost.flops)
  }
}
