import COpenCL
import Compute
import Glibc

/// One device's context, queue, memory and programs.
///
/// The queue is in order; nothing but `finish` and blocking transfers waits. No event objects are
/// made unless profiling.
final class OpenCLSession {
  let device: OpenCLDevice
  let cl: OpenCLLibrary.Functions
  let context: cl_context
  private(set) var queue: cl_command_queue
  var statistics = BackendStatistics()
  var programs: ProgramLibrary
  private(set) var pool = MemoryPool()
  var profile: LaunchProfile?
  /// Launches since the queue was last empty.
  var pendingLaunches = 0
  /// Copies of uploaded bytes that commands in the queue may still read.
  private var staged: [UnsafeMutableRawPointer] = []
  private var stagedBytes = 0

  /// Uploads up to this size are copied and do not wait.
  private static let stagingLimit = 1 << 20
  /// So many copied bytes may pile up before one upload waits.
  private static let stagedBytesLimit = 16 << 20

  init(
    _ device: OpenCLDevice, texts: ProgramText, cache: ProgramCache?, options: [String]
  ) throws {
    let cl = try OpenCLLibrary.functions()
    var status: cl_int = 0
    var id: cl_device_id? = device.id
    var properties: [cl_context_properties] = [
      cl_context_properties(CL_CONTEXT_PLATFORM), Int(bitPattern: device.platform), 0,
    ]
    let made = cl.pointee.clCreateContext(&properties, 1, &id, nil, nil, &status)
    try OpenCLStatus(status).check("opening \(device.name)")
    context = made!
    queue = try Self.makeQueue(cl, context, device, profiling: false)
    self.device = device
    self.cl = cl
    programs = ProgramLibrary(
      device, context: context, texts: texts, cache: cache, options: options, cl)
  }

  deinit {
    _ = cl.pointee.clFinish(queue)
    discardStaged()
    profile?.discard(cl)
    programs.release()
    trim()
    _ = cl.pointee.clReleaseCommandQueue(queue)
    _ = cl.pointee.clReleaseContext(context)
  }

  private static func makeQueue(
    _ cl: OpenCLLibrary.Functions, _ context: cl_context, _ device: OpenCLDevice, profiling: Bool
  ) throws -> cl_command_queue {
    var status: cl_int = 0
    let properties = cl_command_queue_properties(profiling ? CL_QUEUE_PROFILING_ENABLE : 0)
    let queue = cl.pointee.clCreateCommandQueue(context, device.id, properties, &status)
    try OpenCLStatus(status).check("making a command queue on \(device.name)")
    return queue!
  }

  /// Waits for everything enqueued.
  func finish() throws {
    let status = OpenCLStatus(cl.pointee.clFinish(queue))
    pendingLaunches = 0
    discardStaged()
    try status.check("waiting for \(device.name)")
  }

  /// Goes on with a queue that measures launches, or with one that does not.
  func replaceQueue(profiling: Bool) throws {
    try finish()
    let new = try Self.makeQueue(cl, context, device, profiling: profiling)
    _ = cl.pointee.clReleaseCommandQueue(queue)
    queue = new
  }

  // MARK: Memory

  func allocate(_ count: Int, _ type: ScalarType) throws -> DeviceMemory {
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

  /// Returns the memory of all free blocks to the driver.
  func trim() {
    for block in pool.drain() { _ = cl.pointee.clReleaseMemObject(block) }
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
    if let memory = attempt(capacity) { return (memory, capacity) }
    if OpenCLStatus(status).isOutOfMemory {
      try finish()
      trim()
      let exact = (asked + 255) / 256 * 256
      if let memory = attempt(exact) { return (memory, exact) }
    }
    throw shortage(asked, OpenCLStatus(status))
  }

  private func shortage(_ asked: Int, _ status: OpenCLStatus) -> BackendError {
    guard status.isOutOfMemory else {
      return BackendError("allocating \(asked) bytes on \(device.name) failed: \(status)")
    }
    return BackendError(
      "out of memory on \(device.name): \(megabytes(asked)) asked for, "
        + "\(megabytes(device.globalMemory - pool.reservedBytes)) of "
        + "\(megabytes(device.globalMemory)) free, \(megabytes(device.maximumAllocation)) at most "
        + "in one piece; use a smaller batch or model")
  }

  /// The error for a launch that found no memory.
  func shortage(launching function: String, _ status: OpenCLStatus) -> BackendError {
    BackendError(
      "out of memory or resources on \(device.name) while launching \(function) (\(status)): "
        + "\(megabytes(pool.reservedBytes)) of \(megabytes(device.globalMemory)) are in use by this "
        + "run; use a smaller batch or model")
  }

  private func megabytes(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes) bytes" : "\((bytes + 1 << 19) >> 20) MiB"
  }

  // MARK: Transfers

  /// The rows of a matrix as a copy between contiguous host memory and the buffer.
  private struct Rectangle {
    var bufferOrigin: [Int]
    var hostOrigin = [0, 0, 0]
    var region: [Int]
    var bufferPitch: Int
    var hostPitch: Int

    init(_ matrix: Matrix) {
      let size = matrix.type.byteCount
      bufferOrigin = [matrix.offset * size, 0, 0]
      region = [matrix.columns * size, matrix.rows, 1]
      bufferPitch = matrix.stride * size
      hostPitch = matrix.columns * size
    }
  }

  func write(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    let bytes = matrix.count * matrix.type.byteCount
    precondition(source.count >= bytes, "fewer bytes than elements")
    guard bytes > 0 else { return }
    let memory = try self.memory(of: matrix)
    var from = source.baseAddress!
    let isStaged = bytes <= Self.stagingLimit
    if isStaged {
      if stagedBytes + bytes > Self.stagedBytesLimit { try finish() }
      let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      copy.copyMemory(from: from, byteCount: bytes)
      staged.append(copy)
      stagedBytes += bytes
      from = UnsafeRawPointer(copy)
    }
    let blocking = cl_bool(isStaged ? CL_FALSE : CL_TRUE)
    let status: cl_int
    if matrix.isContiguous {
      status = cl.pointee.clEnqueueWriteBuffer(
        queue, memory, blocking, matrix.offset * matrix.type.byteCount, bytes, from, 0, nil, nil)
    } else {
      var r = Rectangle(matrix)
      status = cl.pointee.clEnqueueWriteBufferRect(
        queue, memory, blocking, &r.bufferOrigin, &r.hostOrigin, &r.region, r.bufferPitch, 0,
        r.hostPitch, 0, from, 0, nil, nil)
    }
    try OpenCLStatus(status).check("uploading \(bytes) bytes to \(device.name)")
    statistics.uploadedBytes += bytes
  }

  func read(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    let bytes = matrix.count * matrix.type.byteCount
    precondition(target.count >= bytes, "less room than elements")
    guard bytes > 0 else { return }
    let memory = try self.memory(of: matrix)
    let blocking = cl_bool(CL_TRUE)
    let status: cl_int
    if matrix.isContiguous {
      status = cl.pointee.clEnqueueReadBuffer(
        queue, memory, blocking, matrix.offset * matrix.type.byteCount, bytes, target.baseAddress,
        0, nil, nil)
    } else {
      var r = Rectangle(matrix)
      status = cl.pointee.clEnqueueReadBufferRect(
        queue, memory, blocking, &r.bufferOrigin, &r.hostOrigin, &r.region, r.bufferPitch, 0,
        r.hostPitch, 0, target.baseAddress, 0, nil, nil)
    }
    try OpenCLStatus(status).check("downloading \(bytes) bytes from \(device.name)")
    pendingLaunches = 0
    discardStaged()
    statistics.downloadedBytes += bytes
  }

  /// Only when nothing in the queue can still read them.
  private func discardStaged() {
    for copy in staged { copy.deallocate() }
    staged = []
    stagedBytes = 0
  }

  func memory(of matrix: Matrix) throws -> cl_mem {
    guard let memory = matrix.buffer as? DeviceMemory, memory.session === self else {
      preconditionFailure("a buffer of another backend on \(device.name)")
    }
    return memory.memory
  }
}
