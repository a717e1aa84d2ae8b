import COpenCL
import Compute

extension OpenCLSession {
  func allocate(_ count: Int, _ type: ScalarType) throws -> DeviceMemory {
    if let lost { throw lost }
    let bytes = max(1, count) * type.byteCount
    let capacity = MemoryPool.capacity(for: bytes)
    let block = try pool.take(capacity) ?? make(capacity, asked: bytes)
    let memory = DeviceMemory(
      count: count, type: type, memory: block.0, capacity: block.1, session: self)
    statistics.allocated(memory.byteCount)
    return memory
  }

  func release(_ memory: cl_mem, capacity: Int, bytes: Int) {
    pool.give(memory, capacity: capacity)
    statistics.released(bytes)
  }

  /// Returns the memory of free blocks to the driver, until at most `limit` bytes are left.
  func trim(to limit: Int = 0) {
    for block in pool.drain(to: limit) { _ = cl.pointee.clReleaseMemObject(block) }
  }

  /// Free blocks of other sizes than are asked for must not pile up. Memory of its own a device may
  /// keep up to a half; a device that shares the machine's keeps a quarter of what is in use.
  private func trimBeforeMaking() {
    let usual =
      device.kind == .cpu
      ? max(256 << 20, (pool.reservedBytes - pool.freeBytes) / 4) : device.globalMemory / 2
    if pool.freeBytes > usual { trim(to: usual) }
  }

  /// Ends what was enqueued and gives unused memory back, so that another attempt may succeed.
  func makeRoom() throws {
    try finish()
    trim()
  }

  /// Memory for a copy of `count` elements, only if there is plenty.
  func allocateIfPlenty(_ count: Int, _ type: ScalarType) -> DeviceMemory? {
    let capacity = MemoryPool.capacity(for: count * type.byteCount)
    guard pool.reservedBytes + capacity <= device.globalMemory / 4 * 3,
      capacity <= device.maximumAllocation
    else { return nil }
    return try? allocate(count, type)
  }

  /// A new block of `capacity` bytes; if memory is short, without the free blocks of the pool and
  /// without rounding up.
  private func make(_ capacity: Int, asked: Int) throws -> (memory: cl_mem, capacity: Int) {
    var status: cl_int = 0
    func attempt(_ capacity: Int) -> cl_mem? {
      // Some drivers accept more than there is and fail at the first use.
      guard pool.reservedBytes + capacity <= device.globalMemory else {
        status = CL_MEM_OBJECT_ALLOCATION_FAILURE
        return nil
      }
      let memory = cl.pointee.clCreateBuffer(
        context, cl_mem_flags(CL_MEM_READ_WRITE), capacity, nil, &status)
      if memory != nil { pool.made(capacity) }
      return memory
    }
    trimBeforeMaking()
    if let memory = attempt(capacity) { return (memory, capacity) }
    if OpenCLStatus(status).isOutOfMemory {
      try makeRoom()
      let exact = (asked + 255) / 256 * 256
      if let memory = attempt(exact) { return (memory, exact) }
    }
    throw shortage(asked, OpenCLStatus(status))
  }

  private func shortage(_ asked: Int, _ status: OpenCLStatus) -> BackendError {
    guard status.isOutOfMemory else {
      return noted(status.error("allocating \(asked) bytes", on: device, otherwise: .launch))
    }
    return BackendError(
      "out of memory on \(device.label) (\(status)): \(megabytes(asked)) asked for, "
        + "\(megabytes(device.globalMemory - pool.reservedBytes)) of "
        + "\(megabytes(device.globalMemory)) free, \(megabytes(device.maximumAllocation)) at most "
        + "in one piece; use a smaller batch or model", cause: .memory)
  }

  /// The error for a launch that found no memory.
  func shortage(launching function: String, _ status: OpenCLStatus) -> BackendError {
    BackendError(
      "out of memory or resources on \(device.label) while launching \(function) (\(status)): "
        + "\(megabytes(pool.reservedBytes)) of \(megabytes(device.globalMemory)) are in use by this "
        + "run; use a smaller batch or model", cause: .memory)
  }

  private func megabytes(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes) bytes" : "\((bytes + 1 << 19) >> 20) MiB"
  }

  func memory(of matrix: Matrix) -> cl_mem {
    guard let memory = matrix.buffer as? DeviceMemory, memory.session === self else {
      preconditionFailure("a buffer of another backend on \(device.label)")
    }
    return memory.memory
  }

  // MARK: Staging

  /// Host memory for a piece of a transfer. Where all of it is in use, waits for the older half
  /// of the uploads.
  func stage(_ bytes: Int) throws -> StagingMemory.Block {
    if let block = staging.take(bytes, slab: makeSlab) { return block }
    if progress.look() { reuseStaged() }
    forgetAbandoned()
    while true {
      if let block = staging.take(bytes, slab: makeSlab) { return block }
      guard !staged.isEmpty else { break }
      try wait(until: staged[staged.count / 2].number, "uploading")
    }
    // Downloads that have begun hold all of it.
    return try singleBlock(bytes)
  }

  /// Host memory of any size for one transfer.
  func singleBlock(_ bytes: Int) throws -> StagingMemory.Block {
    if let block = StagingMemory.single(bytes) { return block }
    throw BackendError(
      "out of memory on this machine: \(megabytes(bytes)) asked for, for a transfer of "
        + "\(device.label); use a smaller batch or model", cause: .memory)
  }

  /// Puts blocks back whose commands have ended.
  func reuseStaged() {
    let count = staged.firstIndex { $0.number > progress.completed } ?? staged.count
    for entry in staged[..<count] { staging.give(entry.block) }
    staged.removeFirst(count)
  }

  /// Memory of the driver's where that is wanted and had, otherwise of the host's.
  private func makeSlab(_ bytes: Int) -> StagingMemory.Slab? {
    if pinsStaging, let slab = makePinnedSlab(bytes) { return slab }
    return StagingMemory.hostMemory(bytes).map { StagingMemory.Slab(pointer: $0, memory: nil) }
  }

  private func makePinnedSlab(_ bytes: Int) -> StagingMemory.Slab? {
    var status: cl_int = 0
    let flags = cl_mem_flags(CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR)
    guard let queue = queue(for: .mapping),
      let memory = cl.pointee.clCreateBuffer(context, flags, bytes, nil, &status)
    else { return nil }
    var event: cl_event?
    let pointer = cl.pointee.clEnqueueMapBuffer(
      queue, memory, cl_bool(CL_FALSE), cl_map_flags(CL_MAP_READ | CL_MAP_WRITE), 0, bytes, 0, nil,
      &event, &status)
    guard let pointer, let event else {
      _ = cl.pointee.clReleaseMemObject(memory)
      return nil
    }
    // A slab that failed to appear stays as it is: the driver may still be at it.
    guard cl.pointee.clFlush(queue) == CL_SUCCESS,
      (try? wait(for: OpenCLEvent(event, cl), "mapping \(bytes) bytes")) != nil
    else { return nil }
    return StagingMemory.Slab(pointer: pointer, memory: memory)
  }

  /// At the end, when nothing is in the queues.
  func releaseStaging() {
    for slab in staging.slabs {
      if let memory = slab.memory, let queue = queue(for: .mapping) {
        _ = cl.pointee.clEnqueueUnmapMemObject(queue, memory, slab.pointer, 0, nil, nil)
        _ = cl.pointee.clReleaseMemObject(memory)
      } else {
        StagingMemory.release(slab.pointer)
      }
    }
  }
}
