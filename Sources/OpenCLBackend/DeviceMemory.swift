import COpenCL
import Compute

/// A buffer of a session. Its memory goes back to the session's pool with the last reference;
/// the queue is in order, so whatever was enqueued before still sees it.
final class DeviceMemory: Buffer {
  let session: OpenCLSession
  let memory: cl_mem
  /// The block's size, at least `byteCount`.
  let capacity: Int
  private var isDetached = false

  init(count: Int, type: ScalarType, memory: cl_mem, capacity: Int, session: OpenCLSession) {
    self.session = session
    self.memory = memory
    self.capacity = capacity
    super.init(count: count, type: type)
  }

  /// The block, which whoever takes it must give back to the pool.
  func detach() -> (memory: cl_mem, capacity: Int) {
    isDetached = true
    session.statistics.released(byteCount)
    return (memory, capacity)
  }

  deinit {
    if !isDetached { session.release(memory, capacity: capacity, bytes: byteCount) }
  }
}
