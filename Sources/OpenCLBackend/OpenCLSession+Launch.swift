import COpenCL
import Compute

extension OpenCLSession {
  /// How many work-groups a launch may have along its second and third dimension: NVIDIA's
  /// devices take no more.
  static let groupLimit = 65_535

  private static let flushInterval = 32
  private static let pendingLimit = 8192

  /// Enqueues a kernel function whose arguments are set. `groups` and `local` are one extent per
  /// dimension; `origin` moves the global identifiers of dimension 1.
  func enqueue(
    _ kernel: KernelFunction, groups: [Int], local: [Int], origin: Int = 0
  ) throws {
    var global = zip(groups, local).map { $0 * $1 }
    var local = local
    var offset = groups.indices.map { $0 == 1 ? origin : 0 }
    var event: cl_event?
    func attempt() -> OpenCLStatus {
      // Without a place for it no event object is made.
      let status =
        profile == nil
        ? cl.pointee.clEnqueueNDRangeKernel(
          queue, kernel.handle, cl_uint(groups.count), &offset, &global, &local, 0, nil, nil)
        : cl.pointee.clEnqueueNDRangeKernel(
          queue, kernel.handle, cl_uint(groups.count), &offset, &global, &local, 0, nil, &event)
      return OpenCLStatus(status)
    }
    var status = attempt()
    if status.isOutOfMemory {
      // Some drivers give a buffer its memory at its first use: make room and try again.
      try finish()
      trim()
      status = attempt()
    }
    guard !status.isOutOfMemory else { throw shortage(launching: kernel.name, status) }
    try status.check("launching \(kernel.name) on \(device.name)")
    statistics.count(kernel.name)
    pendingLaunches += 1
    if let event {
      profile?.add(event, of: kernel.name)
      if profile!.isFull {
        try finish()
        profile?.collect(cl)
      }
    }
    // Some drivers start nothing before a flush, and some queue without limit.
    if pendingLaunches >= Self.pendingLimit {
      try finish()
    } else if pendingLaunches % Self.flushInterval == 0 {
      _ = cl.pointee.clFlush(queue)
    }
  }

  /// Enqueues a portable kernel function; nothing if it has no items.
  func enqueue(_ launch: Launch) throws {
    let range = launch.range
    guard range.items > 0, range.columns > 0 else { return }
    let program = ProgramKey(
      launch.source, defines: launch.defines, isDouble: launch.type == .float64)
    let kernel = try programs.kernel(launch.function, of: program)
    try kernel.set(0, range)
    try launch.parameters.withUnsafeBytes { try kernel.set(1, bytes: $0) }
    for (index, argument) in launch.arguments.enumerated() {
      try kernel.set(2 + index, memory(of: argument))
    }
    let limit = min(kernel.maximumWorkGroup, device.maximumWorkGroup)
    switch launch.extent {
    case .items(let items):
      let local = min(128, limit)
      try enqueue(kernel, groups: [(items + local - 1) / local], local: [local])
    case .grid(let rows, let columns):
      // Two shapes only, because some compilers build a kernel function once per shape.
      let local = limit < 64 ? [limit, 1] : columns > 16 ? [64, 1] : [8, 8]
      let width = (columns + local[0] - 1) / local[0]
      for row in stride(from: 0, to: rows, by: Self.groupLimit * local[1]) {
        let height = min(Self.groupLimit, (rows - row + local[1] - 1) / local[1])
        try enqueue(kernel, groups: [width, height], local: local, origin: row)
      }
    }
  }
}
