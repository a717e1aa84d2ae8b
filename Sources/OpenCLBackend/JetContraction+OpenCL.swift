import COpenCL
import Compute
import Kernels

extension JetContraction {
  /// The parameter block of jet_contraction.cl; nil if it does not cover the operation.
  var parameters: JetContractionParameters? {
    let isAdjoint = sense == .adjoint
    guard displacement.map({ $0.stride == center.stride }) ?? true,
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
  /// Device family: one launch for all coefficients and directions. Host family: the contractions
  /// that define the operation.
  func run(_ operation: JetContraction) throws {
    guard operation.input.block > 0, operation.output.columns > 0 else { return }
    // A cotangent without coefficients.
    if operation.sense == .adjoint && min(operation.input.degree, operation.output.degree) < 1 {
      return
    }
    if family == .device, let parameters = operation.parameters,
      try runTiled(operation, parameters)
    {
      return
    }
    for fill in operation.fills { try run(.fill(fill)) }
    for contraction in operation.contractions { try run(contraction) }
  }

  /// Returns false, with nothing done, if the launch would have too many groups.
  private func runTiled(
    _ operation: JetContraction, _ parameters: JetContractionParameters
  ) throws -> Bool {
    let output = operation.output
    let coefficients = output.degree + (operation.sense == .forward ? 1 : 0)
    let rows = coefficients * output.block
    let tile =
      contractionTile
      ?? .choose(m: rows, n: output.columns, batch: output.directions, on: device)
    let groups = [
      (output.columns + tile.columns - 1) / tile.columns, (rows + tile.rows - 1) / tile.rows,
      output.directions,
    ]
    guard groups[1...].allSatisfy({ $0 <= OpenCLSession.groupLimit }) else { return false }
    let defines =
      tile.defines + (operation.sense == .forward ? [(name: "B_TRANSPOSED", value: 1)] : [])
    let kernel = try session.programs.kernel(
      "jet_contraction",
      of: ProgramKey("jet_contraction", defines: defines, isDouble: output.type == .float64))
    try checkWorkGroup(tile.workItems, kernel)
    try kernel.set(0, parameters)
    try kernel.set(1, session.memory(of: operation.input.matrix))
    try kernel.set(2, session.memory(of: operation.center))
    try kernel.set(3, session.memory(of: operation.displacement ?? operation.center))
    try kernel.set(4, session.memory(of: output.matrix))
    try kernel.set(5, session.memory(of: operation.scale ?? operation.center))
    try session.enqueue(kernel, groups: groups, local: [tile.workItems, 1, 1])
    return true
  }
}
