import COpenCL
import Compute

/// A download that has begun: its event, and the host memory that it fills.
final class OpenCLDownload: Download {
  private let session: OpenCLSession
  private let byteCount: Int
  /// The number of the command in the session's queue; nil in the other queue.
  private let number: Int?
  private var transfer: (event: OpenCLEvent, block: StagingMemory.Block)?
  /// What is copied, if that is no matrix of the caller's.
  private var snapshot: DeviceMemory?
  private var result: [UInt8] = []

  init(
    _ session: OpenCLSession, _ byteCount: Int, number: Int?, _ event: OpenCLEvent,
    _ block: StagingMemory.Block, snapshot: DeviceMemory? = nil
  ) {
    self.session = session
    self.byteCount = byteCount
    self.number = number
    transfer = (event, block)
    self.snapshot = snapshot
  }

  func wait() throws -> [UInt8] {
    guard let transfer else { return result }
    if let lost = session.lost { throw lost }
    try session.wait(for: transfer.event, "downloading \(byteCount) bytes")
    if let number { session.complete(number) }
    result = Array(UnsafeRawBufferPointer(start: transfer.block.pointer, count: byteCount))
    session.staging.give(transfer.block)
    self.transfer = nil
    snapshot = nil
    return result
  }

  deinit {
    guard let transfer else { return }
    session.abandoned.append(
      AbandonedDownload(
        event: transfer.event, block: transfer.block, snapshot: snapshot?.detach()))
  }
}

/// What a download that nobody waits for holds until its command has ended.
struct AbandonedDownload {
  let event: OpenCLEvent
  let block: StagingMemory.Block
  let snapshot: (memory: cl_mem, capacity: Int)?
}

extension OpenCLSession {
  /// Enqueues a copy of `matrix` to the host. A large one from a device with memory of its own
  /// goes through another queue, from a snapshot, so that later commands run beside it.
  func startDownload(_ matrix: Matrix) throws -> any Download {
    try prepare()
    let whole = TransferPiece(matrix)
    guard whole.bytes > 0 else { return FinishedDownload([]) }
    forgetAbandoned()
    recorder?.begin(.download, bytes: whole.bytes)
    defer { recorder?.end() }
    let block =
      whole.bytes <= StagingMemory.pieceLimit
      ? try stage(whole.bytes) : try singleBlock(whole.bytes)
    statistics.downloadedBytes += whole.bytes
    if whole.bytes >= separateDownloadBytes,
      let download = try startSeparately(whole, matrix, block)
    {
      return download
    }
    let event = try enqueue(.download, whole, memory(of: matrix), block.pointer)!
    let number = progress.enqueued
    try flush()
    try commandAdded()
    return OpenCLDownload(self, whole.bytes, number: number, event, block)
  }

  /// Nil, with nothing done, if there is no memory or no queue for it.
  private func startSeparately(
    _ whole: TransferPiece, _ matrix: Matrix, _ block: StagingMemory.Block
  ) throws -> OpenCLDownload? {
    guard let queue = queue(for: .downloads),
      let snapshot = allocateIfPlenty(matrix.count, matrix.type)
    else { return nil }
    var handle: cl_event?
    var (from, to) = ([whole.offset, 0, 0], [0, 0, 0])
    var region = [whole.rowBytes, whole.rows, 1]
    let status =
      whole.rows == 1
      ? cl.pointee.clEnqueueCopyBuffer(
        self.queue, memory(of: matrix), snapshot.memory, whole.offset, 0, whole.bytes, 0, nil,
        &handle)
      : cl.pointee.clEnqueueCopyBufferRect(
        self.queue, memory(of: matrix), snapshot.memory, &from, &to, &region, whole.pitch, 0,
        whole.rowBytes, 0, 0, nil, &handle)
    guard status == CL_SUCCESS, let handle else { return nil }
    let copied = OpenCLEvent(handle, cl)
    progress.add(progress.needsFence ? copied : nil, bytes: whole.bytes)
    try flush()
    var contiguous = whole
    (contiguous.offset, contiguous.rowBytes, contiguous.rows) = (0, whole.bytes, 1)
    var read: cl_event?
    try check(
      enqueue(
        .download, contiguous, snapshot.memory, block.pointer, in: queue, after: [copied.handle],
        &read), "downloading \(whole.bytes) bytes", otherwise: .device)
    try check(cl.pointee.clFlush(queue), "starting a download", otherwise: .device)
    let event = OpenCLEvent(read!, cl)
    recorder?.add(event)
    return OpenCLDownload(self, whole.bytes, number: nil, event, block, snapshot: snapshot)
  }

  /// Takes back what downloads held that have ended without somebody waiting.
  func forgetAbandoned() {
    guard !abandoned.isEmpty else { return }
    abandoned.removeAll { download in
      guard download.event.hasEnded else { return false }
      staging.give(download.block)
      if let (memory, capacity) = download.snapshot { pool.give(memory, capacity: capacity) }
      return true
    }
  }
}
