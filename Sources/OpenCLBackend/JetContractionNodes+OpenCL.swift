import COpenCL
import Compute
import Kernels

extension OpenCLBackend {
  /// An interpolated product of the device family: node inputs, the products at all nodes in one
  /// launch of jet_contraction_nodes.cl, their combination.
  ///
  /// - Returns: false if that function does not cover the operation; nothing has been added then.
  func lowerNodes(_ operation: JetContraction, into lowering: inout Lowering) throws -> Bool {
    guard let displacement = operation.displacement,
      displacement.stride == operation.center.stride
    else { return false }
    var buffers: [Buffer] = []
    let frame = try operation.nodeProducts { count, type in
      buffers.append(try session.allocate(count, type))
      return buffers[buffers.count - 1]
    }
    let (input, evaluated) = (operation.input.matrix, frame.evaluation.output)
    let (center, values) = (operation.center, frame.combination.input)
    let (n, k) = (operation.output.columns, operation.input.columns)
    let rows = frame.products.reduce(0) { max($0, $1.x.rows) }
    var vectors = ContractionTile.Vectors(operation, with: evaluated)
    vectors.c = n % values.type.vectorWidth == 0
    let tile =
      contractionTile
      ?? ContractionLayout.choose(
        m: rows, n: n, k: min(k, Contraction.chainLength), batch: frame.products.count,
        hasVectors: vectors.a && vectors.b, units: device.computeUnits
      ).tile
    let groups = [
      (n + tile.columns - 1) / tile.columns, (rows + tile.rows - 1) / tile.rows,
      frame.products.count,
    ]
    guard groups[1] <= OpenCLSession.groupLimit else { return false }
    var defines = tile.defines(vectors, type: values.type)
    defines.append(("B_COMBINED", 1))
    if operation.sense == .forward { defines.append(("B_TRANSPOSED", 1)) }
    let kernel = try session.kernel(
      "jet_contraction_nodes",
      of: ProgramKey(
        "jet_contraction_nodes", defines: defines, isDouble: values.type == .float64))
    try checkWorkGroup(tile.workItems, kernel)

    let operands = [
      input, evaluated, center, displacement, values, operation.scale ?? operation.center,
    ].map { PreparedLaunch.Argument.memory(session.memory(of: $0)) }
    lowering.buffers += buffers
    for part in frame.preparation { try lower(part, into: &lowering) }
    lowering.launches.append(
      PreparedLaunch(
        kernel,
        [.parameters(operation.parameters(of: frame))] + operands, groups: groups,
        local: [tile.workItems, 1, 1], flops: operation.contractionFlops))
    try lower(frame.combination, into: &lowering)
    return true
  }
}

extension JetContraction {
  /// The parameter block of jet_contraction_nodes.cl.
  fileprivate func parameters(of frame: NodeProducts) -> JetNodesParameters {
    var p = JetNodesParameters()
    (p.n, p.k) = (output.columns, input.columns)
    (p.weightRow, p.weightColumn) = sense == .adjoint ? (center.stride, 1) : (1, center.stride)
    p.alpha = center.type.realBits(alpha)
    p.hasScale = scale == nil ? 0 : 1
    p.weightOffset = center.offset
    p.displacementOffset = displacement?.offset ?? 0
    p.scaleOffset = scale?.offset ?? 0
    let evaluated = frame.evaluation.output.buffer
    // Arrays of C are tuples here.
    func set(_ array: WritableKeyPath<JetNodesParameters, NodeArray>, _ value: (Int) -> Int) {
      withUnsafeMutableBytes(of: &p[keyPath: array]) { bytes in
        let words = bytes.assumingMemoryBound(to: Int.self)
        for index in frame.products.indices { words[index] = value(index) }
      }
    }
    set(\.rows) { frame.products[$0].x.rows }
    set(\.kind) {
      switch frame.products[$0].node {
      case .zero: Int(JET_NODE_CENTER)
      case .infinity: Int(JET_NODE_DISPLACEMENT)
      default: Int(JET_NODE_COMBINED)
      }
    }
    set(\.u) { center.type.realBits(frame.products[$0].node.value) }
    set(\.isEvaluated) { frame.products[$0].x.buffer === evaluated ? 1 : 0 }
    set(\.inputOffset) { frame.products[$0].x.offset }
    set(\.valueRow) {
      (frame.products[$0].values.offset - frame.combination.input.offset) / output.columns
    }
    return p
  }

  fileprivate typealias NodeArray = (Int, Int, Int, Int, Int)
}
