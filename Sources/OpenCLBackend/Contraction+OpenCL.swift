import COpenCL
import Compute
import Kernels

extension Contraction {
  /// The parameter block of contraction.cl and contraction_host.cl.
  var parameters: ContractionParameters {
    var p = ContractionParameters()
    (p.m, p.n, p.k) = (m, n, k)
    (p.aRow, p.aColumn) = transposeA ? (1, a.stride) : (a.stride, 1)
    (p.bRow, p.bColumn) = transposeB ? (1, b.stride) : (b.stride, 1)
    (p.cRow, p.cColumn) = (c.stride, 1)
    (p.aBatch, p.bBatch, p.cBatch) = (strideA, strideB, strideC)
    p.batch = batch
    p.alpha = c.type.realBits(alpha)
    p.beta = c.type.realBits(beta)
    p.hasScale = scale == nil ? 0 : 1
    (p.aOffset, p.bOffset, p.cOffset) = (a.offset, b.offset, c.offset)
    p.scaleOffset = scale?.offset ?? 0
    return p
  }
}

extension ScalarType {
  /// The bits in which a real scalar reaches a parameter block (REAL() of dialect.cl).
  func realBits(_ value: Double) -> Int {
    self == .float64 ? Int(bitPattern: UInt(value.bitPattern)) : Int(Float(value).bitPattern)
  }
}

extension OpenCLBackend {
  /// One launch or, with split chains, a few (device family), or two packing launches and one of register blocks (host family),
  /// for as many products as one launch may have.
  func lower(_ operation: Contraction, into lowering: inout Lowering) throws {
    guard operation.m > 0, operation.n > 0 else { return }
    let perProduct = family == .host ? contractionBlock.panels(operation.m).groups : 1
    let limit = max(1, OpenCLSession.groupLimit / perProduct)
    for first in stride(from: 0, to: operation.batch, by: limit) {
      var part = operation
      part.batch = min(limit, operation.batch - first)
      part.a = part.a.moved(by: first * part.strideA)
      part.b = part.b.moved(by: first * part.strideB)
      part.c = part.c.moved(by: first * part.strideC)
      switch family {
      case .host: try lowerPacked(part, into: &lowering)
      case .device: try lowerTiled(part, into: &lowering)
      }
    }
  }

  /// One launch; where chains are split, one that computes them and one that folds them, for as many
  /// chains as the workspace has room for.
  private func lowerTiled(_ operation: Contraction, into lowering: inout Lowering) throws {
    let layout = layout(operation)
    let tile = layout.tile
    var vectors = ContractionTile.Vectors(operation)
    let chains = layout.chains.map { min($0, OpenCLSession.groupLimit / operation.batch) } ?? 0
    if chains > 0 { vectors.c = false }
    var defines = tile.defines(vectors, type: operation.c.type)
    if operation.transposeA { defines.append(("A_TRANSPOSED", 1)) }
    if operation.transposeB { defines.append(("B_TRANSPOSED", 1)) }
    if chains > 0 { defines.append(("CHAIN_SUMS", 1)) }
    let program = ProgramKey(
      "contraction", defines: defines, isDouble: operation.c.type == .float64)
    let kernel = try session.kernel(
      chains > 0 ? "contraction_chains" : "contraction", of: program)
    try checkWorkGroup(tile.workItems, kernel)
    let (a, b, c, scale) = (
      PreparedLaunch.Argument.memory(session.memory(of: operation.a)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.b)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.c)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.scale ?? operation.a))
    )
    let columns = (operation.n + tile.columns - 1) / tile.columns
    var p = operation.parameters
    let step = OpenCLSession.groupLimit * tile.rows
    for row in stride(from: 0, to: operation.m, by: step) {
      p.m = min(step, operation.m - row)
      p.aOffset = operation.a.offset + row * p.aRow
      p.cOffset = operation.c.offset + row * p.cRow
      let groups = [columns, (p.m + tile.rows - 1) / tile.rows, operation.batch]
      guard chains > 0 else {
        lowering.launches.append(
          PreparedLaunch(
            kernel, [.parameters(p), a, b, c, scale], groups: groups,
            local: [tile.workItems, 1, 1], flops: operation.cost.flops))
        continue
      }
      let folding = try session.kernel("contraction_fold", of: program)
      let items = min(64, folding.maximumWorkGroup)
      lowering.workspaceCount = max(
        lowering.workspaceCount,
        layout.workspaceCount(m: p.m, n: p.n, batch: operation.batch))
      lowering.workspaceType = operation.c.type
      let depth = chains * Contraction.chainLength
      for first in stride(from: 0, to: operation.k, by: depth) {
        var round = p
        round.k = min(depth, operation.k - first)
        round.chains = (round.k + Contraction.chainLength - 1) / Contraction.chainLength
        round.aOffset += first * p.aColumn
        round.bOffset += first * p.bRow
        if first > 0 { round.beta = operation.c.type.realBits(1) }
        lowering.launches.append(
          PreparedLaunch(
            kernel, [.parameters(round), a, b, .workspace],
            groups: groups[..<2] + [operation.batch * round.chains],
            local: [tile.workItems, 1, 1],
            flops: operation.cost.flops * Double(round.k) / Double(operation.k)))
        lowering.launches.append(
          PreparedLaunch(
            folding, [.parameters(round), .workspace, c, scale],
            groups: [(p.m * p.n + items - 1) / items, 1, operation.batch], local: [items, 1, 1]))
      }
    }
  }

  func checkWorkGroup(_ items: Int, _ kernel: KernelFunction) throws {
    guard items > kernel.maximumWorkGroup else { return }
    throw BackendError(
      "\(device.label) runs \(kernel.name) with at most \(kernel.maximumWorkGroup) work-items per "
        + "group, which is fewer than \(items); use --kernel-family host", cause: .launch)
  }

  private func lowerPacked(_ operation: Contraction, into lowering: inout Lowering) throws {
    let block = contractionBlock
    let packing = block.packing(operation)
    lowering.workspaceCount = max(
      lowering.workspaceCount, max(1, packing.countA + packing.countB))
    lowering.workspaceType = operation.c.type
    var p = operation.parameters
    (p.aPacked, p.bPacked) = (0, packing.countA)
    let parameters = PreparedLaunch.Argument.parameters(p)
    let (a, b, c, scale) = (
      PreparedLaunch.Argument.memory(session.memory(of: operation.a)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.b)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.c)),
      PreparedLaunch.Argument.memory(session.memory(of: operation.scale ?? operation.c))
    )
    let program = ProgramKey(
      "contraction_host", defines: block.defines, isDouble: operation.c.type == .float64)
    func add(
      _ name: String, _ arguments: [PreparedLaunch.Argument], _ groups: [Int], flops: Double = 0
    ) throws {
      lowering.launches.append(
        PreparedLaunch(
          try session.kernel(name, of: program), [parameters] + arguments, groups: groups,
          local: [1, 1, 1], flops: flops))
    }
    let flops = operation.cost.flops
    let depths = (operation.k + ContractionBlock.packingDepth - 1) / ContractionBlock.packingDepth
    if operation.k > 0 {
      try add(
        "contraction_pack_a", [a, .workspace], [depths, packing.rowPanels, packing.matricesA])
    }
    if let streams = packing.streams {
      return try add(
        "contraction_stream", [b, .workspace, c, scale], [streams, 1, 1], flops: flops)
    }
    if operation.k > 0 {
      try add(
        "contraction_pack_b", [b, .workspace], [depths, packing.columnPanels, packing.matricesB])
    }
    try add(
      "contraction_multiply", [.workspace, c, scale],
      [
        min(packing.rowPanels, ContractionBlock.groupPanels), packing.columnPanels,
        operation.batch * packing.groups,
      ], flops: flops)
  }
}
