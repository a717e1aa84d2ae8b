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
  /// One launch (device family), or two packing launches and one of register blocks (host family),
  /// for as many products as one launch may have.
  func run(_ operation: Contraction) throws {
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
      case .host: try runPacked(part)
      case .device: try runTiled(part)
      }
    }
  }

  private func runTiled(_ operation: Contraction) throws {
    let tile =
      contractionTile
      ?? .choose(m: operation.m, n: operation.n, batch: operation.batch, on: device)
    var defines = tile.defines
    if operation.transposeA { defines.append(("A_TRANSPOSED", 1)) }
    if operation.transposeB { defines.append(("B_TRANSPOSED", 1)) }
    let kernel = try session.programs.kernel(
      "contraction",
      of: ProgramKey("contraction", defines: defines, isDouble: operation.c.type == .float64))
    try checkWorkGroup(tile.workItems, kernel)
    try kernel.set(1, session.memory(of: operation.a))
    try kernel.set(2, session.memory(of: operation.b))
    try kernel.set(3, session.memory(of: operation.c))
    try kernel.set(4, session.memory(of: operation.scale ?? operation.a))
    let columns = (operation.n + tile.columns - 1) / tile.columns
    var p = operation.parameters
    let step = OpenCLSession.groupLimit * tile.rows
    for row in stride(from: 0, to: operation.m, by: step) {
      p.m = min(step, operation.m - row)
      p.aOffset = operation.a.offset + row * p.aRow
      p.cOffset = operation.c.offset + row * p.cRow
      try kernel.set(0, p)
      try session.enqueue(
        kernel, groups: [columns, (p.m + tile.rows - 1) / tile.rows, operation.batch],
        local: [tile.workItems, 1, 1])
    }
  }

  func checkWorkGroup(_ items: Int, _ kernel: KernelFunction) throws {
    guard items > kernel.maximumWorkGroup else { return }
    throw BackendError(
      "\(device.name) runs \(kernel.name) with at most \(kernel.maximumWorkGroup) work-items per "
        + "group, which is fewer than \(items); use --kernel-family host")
  }

  private func runPacked(_ operation: Contraction) throws {
    let type = operation.c.type
    let block = contractionBlock
    let packing = block.packing(operation)
    let workspace = try session.allocate(max(1, packing.countA + packing.countB), type)
    var p = operation.parameters
    (p.aPacked, p.bPacked) = (0, packing.countA)

    let program = ProgramKey(
      "contraction_host", defines: block.defines, isDouble: type == .float64)
    let one = [1, 1, 1]
    func pack(_ name: String, _ source: Matrix, panels: Int, matrices: Int) throws {
      guard operation.k > 0 else { return }
      let depths = (operation.k + ContractionBlock.packingDepth - 1) / ContractionBlock.packingDepth
      let kernel = try session.programs.kernel(name, of: program)
      try kernel.set(0, p)
      try kernel.set(1, session.memory(of: source))
      try kernel.set(2, workspace.memory)
      try session.enqueue(kernel, groups: [depths, panels, matrices], local: one)
    }
    try pack(
      "contraction_pack_a", operation.a, panels: packing.rowPanels, matrices: packing.matricesA)
    if let streams = packing.streams {
      let stream = try session.programs.kernel("contraction_stream", of: program)
      try stream.set(0, p)
      try stream.set(1, session.memory(of: operation.b))
      try stream.set(2, workspace.memory)
      try stream.set(3, session.memory(of: operation.c))
      try stream.set(4, session.memory(of: operation.scale ?? operation.c))
      try session.enqueue(stream, groups: [streams, 1, 1], local: one)
      return
    }
    try pack(
      "contraction_pack_b", operation.b, panels: packing.columnPanels, matrices: packing.matricesB)
    let multiply = try session.programs.kernel("contraction_multiply", of: program)
    try multiply.set(0, p)
    try multiply.set(1, workspace.memory)
    try multiply.set(2, session.memory(of: operation.c))
    try multiply.set(3, session.memory(of: operation.scale ?? operation.c))
    try session.enqueue(
      multiply,
      groups: [
        min(packing.rowPanels, ContractionBlock.groupPanels), packing.columnPanels,
        operation.batch * packing.groups,
      ], local: one)
  }
}
