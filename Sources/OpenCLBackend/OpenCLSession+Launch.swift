import COpenCL
import Compute

extension OpenCLSession {
  /// How many work-groups a launch may have along its second and third dimension: NVIDIA's
  /// devices take no more.
  static let groupLimit = 65_535

  /// The launches of a portable kernel function, with its kernel built; none if it has no items.
  func lower(_ launch: Launch, into lowering: inout Lowering) throws {
    let range = launch.range
    guard range.items > 0, range.columns > 0 else { return }
    let program = ProgramKey(
      launch.source, defines: launch.defines, isDouble: launch.type == .float64)
    let kernel = try kernel(launch.function, of: program)
    var arguments: [PreparedLaunch.Argument] = []
    arguments.reserveCapacity(2 + launch.arguments.count)
    arguments.append(.parameters(range))
    arguments.append(.bytes(launch.parameters))
    for argument in launch.arguments { arguments.append(.memory(memory(of: argument))) }
    let limit = min(kernel.maximumWorkGroup, device.maximumWorkGroup)
    switch launch.extent {
    case .items(let items):
      let local = min(128, limit)
      lowering.launches.append(
        PreparedLaunch(
          kernel, arguments, groups: [(items + local - 1) / local], local: [local]))
    case .grid(let rows, let columns):
      // Two shapes only, because some compilers build a kernel function once per shape.
      let local = limit < 64 ? [limit, 1] : columns > 16 ? [64, 1] : [8, 8]
      let width = (columns + local[0] - 1) / local[0]
      for row in stride(from: 0, to: rows, by: Self.groupLimit * local[1]) {
        let height = min(Self.groupLimit, (rows - row + local[1] - 1) / local[1])
        lowering.launches.append(
          PreparedLaunch(
            kernel, arguments, groups: [width, height], local: local, origin: row))
      }
    }
  }

  /// Enqueues the launches of an operation. If the driver refuses one after another has written to
  /// the operation's results, the session is lost, because nobody could tell what they hold.
  func enqueue(_ lowering: Lowering, of operation: Operation) throws {
    let launches = lowering.launches
    let workspace =
      lowering.workspaceCount > 0
      ? try allocate(lowering.workspaceCount, lowering.workspaceType) : nil
    // They go back to the pool behind the last launch; the queue's order keeps them valid.
    defer { withExtendedLifetime((lowering.buffers, workspace)) {} }
    recorder?.begin(operation)
    for (index, launch) in launches.enumerated() {
      do {
        try enqueue(launch, workspace)
      } catch let error as BackendError {
        recorder?.end()
        guard error.cause != .device, writesResults(launches[..<index], operation) else {
          throw error
        }
        throw noted(
          BackendError(
            "\(error.description); \(operation.name) had begun, so its results are lost",
            cause: .device))
      }
    }
    recorder?.end()
    if let event = recorder?.surplus ?? profile?.surplus {
      try flush()
      try wait(for: event, "running what was enqueued")
      recorder?.collect()
      profile?.collect()
    }
  }

  private func writesResults(
    _ launches: ArraySlice<PreparedLaunch>, _ operation: Operation
  ) -> Bool {
    var results: [cl_mem] = []
    var operation = operation
    operation.visitOperands { matrix, access in
      if access.writes { results.append(memory(of: matrix)) }
    }
    return launches.contains { launch in
      launch.arguments.contains { argument in
        if case .memory(let memory) = argument { results.contains(memory) } else { false }
      }
    }
  }

  private func enqueue(_ launch: PreparedLaunch, _ workspace: DeviceMemory?) throws {
    let kernel = launch.kernel
    for (index, argument) in launch.arguments.enumerated() {
      let status =
        switch argument {
        case .bytes(let bytes): bytes.withUnsafeBytes { kernel.set(index, bytes: $0) }
        case .memory(let memory): kernel.set(index, memory)
        case .workspace: kernel.set(index, workspace!.memory)
        }
      try check(status, "setting argument \(index) of \(kernel.name)", otherwise: .launch)
    }
    let isFence = progress.needsFence
    // Without a place for it no event object is made.
    let needsEvent = isFence || profile != nil || recorder != nil
    var event: cl_event?
    var status = attempt(launch, &event, needsEvent)
    if status.isOutOfMemory {
      // Some drivers give a buffer its memory at its first use: make room and try again.
      try makeRoom()
      status = attempt(launch, &event, needsEvent)
    }
    guard !status.isOutOfMemory else { throw shortage(launching: kernel.name, status) }
    try check(status.code, "launching \(kernel.name)", otherwise: .launch)
    statistics.count(kernel.name)
    let made = event.map { OpenCLEvent($0, cl) }
    progress.add(isFence ? made : nil, flops: launch.flops)
    if let made {
      recorder?.add(made)
      profile?.add(made, of: kernel.name)
    }
    try commandAdded()
  }

  private func attempt(
    _ launch: PreparedLaunch, _ event: inout cl_event?, _ needsEvent: Bool
  ) -> OpenCLStatus {
    let count = launch.groups.count
    // Work-items, then where their identifiers begin, of up to three dimensions each.
    var sizes = (0, 0, 0, 0, 0, 0)
    return withUnsafeMutablePointer(to: &event) { event in
      withUnsafeMutableBytes(of: &sizes) { bytes in
        let sizes = bytes.assumingMemoryBound(to: Int.self).baseAddress!
        for dimension in 0..<count {
          sizes[dimension] = launch.groups[dimension] * launch.local[dimension]
          sizes[3 + dimension] = dimension == 1 ? launch.origin : 0
        }
        return launch.local.withUnsafeBufferPointer { local in
          OpenCLStatus(
            cl.pointee.clEnqueueNDRangeKernel(
              queue, launch.kernel.handle, cl_uint(count), sizes + 3, sizes, local.baseAddress, 0,
              nil, needsEvent ? event : nil))
        }
      }
    }
  }
}
