import COpenCL
import Compute

/// One device's context, queue, memory and programs.
///
/// Commands run in order on one queue. The host waits in `finish`, in downloads, and where too much
/// would pile up, and nowhere longer than `answerTimeout` without a sign of progress. A device that
/// failed or does not answer is lost: every later use throws the same error, and what the driver
/// may still touch is never released.
final class OpenCLSession {
  let device: OpenCLDevice
  let cl: OpenCLLibrary.Functions
  let context: cl_context
  private(set) var queue: cl_command_queue
  private var queueProfiles = false
  /// For downloads beside the commands of `queue`, and for mapping host memory, which waits for
  /// neither; once there was one.
  private var downloadQueue: cl_command_queue?
  private var mappingQueue: cl_command_queue?
  var statistics = BackendStatistics()
  var programs: ProgramLibrary
  var pool = MemoryPool()

  var progress = QueueProgress()
  let waiter: EventWaiter
  /// Seconds without an answer after which a device counts as lost.
  var answerTimeout = OpenCLBackend.defaultAnswerTimeout
  /// Why the session is of no more use.
  private(set) var lost: BackendError?

  var staging = StagingMemory()
  /// Blocks that commands up to a number may still read.
  var staged: [(number: Int, block: StagingMemory.Block)] = []
  /// Downloads that nobody waits for any more.
  var abandoned: [AbandonedDownload] = []
  /// Whether staging memory is the driver's, which devices of their own reach faster.
  var pinsStaging: Bool
  /// Deferred downloads of so many bytes do not hold up the queue.
  var separateDownloadBytes: Int

  var profile: LaunchProfile?
  var recorder: OperationRecorder?

  init(
    _ device: OpenCLDevice, texts: ProgramText, cache: ProgramCache?, options: [String],
    functions cl: OpenCLLibrary.Functions
  ) throws {
    var status: cl_int = 0
    var id: cl_device_id? = device.id
    var properties: [cl_context_properties] = [
      cl_context_properties(CL_CONTEXT_PLATFORM), Int(bitPattern: device.platform), 0,
    ]
    guard let made = cl.pointee.clCreateContext(&properties, 1, &id, nil, nil, &status) else {
      throw OpenCLStatus(status).error("making a context", on: device, otherwise: .launch)
    }
    guard let queue = Self.makeQueue(cl, made, device, profiling: false, &status) else {
      _ = cl.pointee.clReleaseContext(made)
      throw OpenCLStatus(status).error("making a command queue", on: device, otherwise: .launch)
    }
    self.queue = queue
    context = made
    self.device = device
    self.cl = cl
    waiter = EventWaiter(cl)
    pinsStaging = device.kind != .cpu
    separateDownloadBytes = device.kind == .cpu ? .max : 1 << 20
    programs = ProgramLibrary(
      device, context: context, texts: texts, cache: cache, options: options, cl)
  }

  deinit {
    if lost == nil { try? finish() }
    guard lost == nil else { return programs.abandon() }
    profile = nil
    recorder = nil
    programs.release()
    trim()
    releaseStaging()
    for queue in [downloadQueue, mappingQueue, queue].compactMap({ $0 as cl_command_queue? }) {
      _ = cl.pointee.clReleaseCommandQueue(queue)
    }
    _ = cl.pointee.clReleaseContext(context)
    waiter.release()
  }

  // MARK: Errors

  /// Throws the error for "`action` on DEVICE failed" unless a call succeeded.
  func check(
    _ code: cl_int, _ action: @autoclosure () -> String, otherwise cause: BackendError.Cause
  ) throws {
    guard code != CL_SUCCESS else { return }
    throw noted(OpenCLStatus(code).error(action(), on: device, otherwise: cause))
  }

  /// `error`, after which the session is lost if the device is.
  func noted(_ error: BackendError) -> BackendError {
    if error.cause == .device, lost == nil { lost = error }
    return error
  }

  // MARK: Queues

  private static func makeQueue(
    _ cl: OpenCLLibrary.Functions, _ context: cl_context, _ device: OpenCLDevice, profiling: Bool,
    _ status: inout cl_int
  ) -> cl_command_queue? {
    let properties = cl_command_queue_properties(profiling ? CL_QUEUE_PROFILING_ENABLE : 0)
    return cl.pointee.clCreateCommandQueue(context, device.id, properties, &status)
  }

  /// Goes before every use: refuses a lost device, and has a queue that measures if somebody
  /// wants to know.
  func prepare() throws {
    if let lost { throw lost }
    let wanted = profile != nil || recorder != nil
    if wanted != queueProfiles { try replaceQueue(profiling: wanted) }
    if let recorder, recorder.offset == nil { try synchronizeClocks(recorder) }
  }

  private func replaceQueue(profiling: Bool) throws {
    try finish()
    var status: cl_int = 0
    guard let new = Self.makeQueue(cl, context, device, profiling: profiling, &status) else {
      throw noted(
        OpenCLStatus(status).error("making a command queue", on: device, otherwise: .launch))
    }
    _ = cl.pointee.clReleaseCommandQueue(queue)
    queue = new
    queueProfiles = profiling
  }

  enum Purpose { case downloads, mapping }

  /// A queue beside the main one; nil if the driver gives none.
  func queue(for purpose: Purpose) -> cl_command_queue? {
    if let made = purpose == .downloads ? downloadQueue : mappingQueue { return made }
    var status: cl_int = 0
    let made = Self.makeQueue(cl, context, device, profiling: true, &status)
    if purpose == .downloads { downloadQueue = made } else { mappingQueue = made }
    return made
  }

  func kernel(_ function: String, of key: ProgramKey) throws -> KernelFunction {
    do {
      return try programs.kernel(function, of: key)
    } catch let error as BackendError {
      throw noted(error)
    }
  }

  // MARK: Waiting

  /// Some drivers start nothing before this.
  func flush() throws {
    try check(cl.pointee.clFlush(queue), "starting what was enqueued", otherwise: .device)
  }

  /// Waits for everything enqueued.
  func finish() throws {
    if let lost { throw lost }
    let action = "finishing what was enqueued"
    if progress.pending > 0 {
      try wait(for: marker(in: queue), action)
      complete(progress.enqueued)
    }
    if let downloadQueue { try wait(for: marker(in: downloadQueue), action) }
    // Returns at once, and with what went wrong if no event told of it.
    try check(cl.pointee.clFinish(queue), action, otherwise: .device)
    forgetAbandoned()
    recorder?.collect()
    profile?.collect()
  }

  /// Waits for a command and all before it in its queue, which has been flushed.
  ///
  /// - Parameter action: what is waited for, as in "downloading 4 bytes".
  func wait(for event: OpenCLEvent, _ action: @autoclosure () -> String) throws {
    let begin = recorder?.timeline.now
    var answered = SuspendingClock.now
    let timeout = answerTimeout
    let status = waiter.wait(for: event, interval: min(1, timeout / 8)) {
      if progress.look() { answered = .now }
      return SuspendingClock.now - answered >= .seconds(timeout)
    }
    guard let status else {
      throw noted(
        BackendError(
          "\(device.label) did not answer for \(Self.text(timeout)) s while \(action()); "
            + OpenCLStatus.advice(.device), cause: .device))
    }
    if let recorder, let begin { recorder.addWait(for: action(), since: begin) }
    try check(status, action(), otherwise: .device)
  }

  private static func text(_ seconds: Double) -> String {
    seconds == seconds.rounded() && seconds < 1e15 ? "\(Int(seconds))" : "\(seconds)"
  }

  /// A command that ends when all before it have ended.
  private func marker(in queue: cl_command_queue) throws -> OpenCLEvent {
    var event: cl_event?
    let status = cl.pointee.clEnqueueMarkerWithWaitList(queue, 0, nil, &event)
    try check(status, "waiting", otherwise: .device)
    try check(cl.pointee.clFlush(queue), "starting what was enqueued", otherwise: .device)
    return OpenCLEvent(event!, cl)
  }

  /// Waits until command `number` has ended, while later ones may go on.
  func wait(until number: Int, _ action: String) throws {
    guard progress.completed < number else { return }
    if let fence = progress.fence(after: number) {
      try flush()
      try wait(for: fence.event, action)
      complete(fence.number)
    } else {
      let last = progress.enqueued
      try wait(for: marker(in: queue), action)
      complete(last)
    }
  }

  /// Notes that a command and all before it have ended.
  func complete(_ number: Int) {
    progress.complete(number)
    reuseStaged()
  }

  private static let flushInterval = 32
  private static let pendingLimit = 8192

  /// Goes behind every command: starts what was enqueued, and lets no more pile up than drivers
  /// bear. The younger half stays in the queue, so that the device does not run dry.
  func commandAdded() throws {
    if progress.enqueued % Self.flushInterval == 0 { try flush() }
    guard progress.pending >= Self.pendingLimit else { return }
    if progress.look() { reuseStaged() }
    guard progress.pending >= Self.pendingLimit else { return }
    try wait(until: progress.enqueued - Self.pendingLimit / 2, "running what was enqueued")
  }
}
