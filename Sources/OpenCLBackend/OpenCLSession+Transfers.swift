import COpenCL
import Compute

/// Part of a matrix that one command transfers, to or from contiguous host memory.
struct TransferPiece {
  /// The place in the buffer, in bytes.
  var offset: Int
  /// The place in the contiguous rows, in bytes.
  var hostOffset: Int
  var rowBytes: Int
  var rows: Int
  /// Bytes from one row to the next in the buffer.
  var pitch: Int

  var bytes: Int { rows * rowBytes }

  /// All of a matrix in one piece.
  init(_ matrix: Matrix) {
    let size = matrix.type.byteCount
    let isFlat = matrix.isContiguous
    offset = matrix.offset * size
    hostOffset = 0
    rowBytes = (isFlat ? matrix.count : matrix.columns) * size
    rows = isFlat ? 1 : matrix.rows
    pitch = isFlat ? rowBytes : matrix.stride * size
  }

  /// The piece in parts of at most `limit` bytes, in order.
  func parts(of limit: Int) -> [TransferPiece] {
    if bytes <= limit { return [self] }
    var parts: [TransferPiece] = []
    let height = rowBytes > limit ? 1 : limit / rowBytes
    for row in stride(from: 0, to: rows, by: height) {
      var part = self
      part.rows = min(height, rows - row)
      part.offset += row * pitch
      part.hostOffset += row * rowBytes
      guard rowBytes > limit else {
        parts.append(part)
        continue
      }
      for column in stride(from: 0, to: rowBytes, by: limit) {
        var cell = part
        cell.rowBytes = min(limit, rowBytes - column)
        cell.offset += column
        cell.hostOffset += column
        parts.append(cell)
      }
    }
    return parts
  }
}

extension OpenCLSession {
  enum Direction { case upload, download }

  /// Copies what is to be uploaded, and does not wait unless too much has piled up.
  func write(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    try prepare()
    let whole = TransferPiece(matrix)
    precondition(source.count >= whole.bytes, "fewer bytes than elements")
    guard whole.bytes > 0, let base = source.baseAddress else { return }
    let memory = memory(of: matrix)
    recorder?.begin(.upload, bytes: whole.bytes)
    defer { recorder?.end() }
    statistics.uploadedBytes += whole.bytes
    if !pinsStaging, whole.bytes > Self.directUploadBytes {
      return try transferDirectly(.upload, whole, memory, UnsafeMutableRawPointer(mutating: base))
    }
    for piece in whole.parts(of: StagingMemory.pieceLimit) {
      let block = try stage(piece.bytes)
      block.pointer.copyMemory(from: base + piece.hostOffset, byteCount: piece.bytes)
      do {
        _ = try enqueue(.upload, piece, memory, block.pointer)
      } catch {
        if lost == nil { staging.give(block) }
        throw error
      }
      staged.append((progress.enqueued, block))
      try commandAdded()
    }
  }

  /// From these sizes on a transfer of a processor's memory waits for what was enqueued before and
  /// then needs no copy: an upload, a download.
  private static let directUploadBytes = 8 << 20
  private static let directDownloadBytes = 1 << 20

  /// The only command in the queue can hardly hang while it is at the caller's memory.
  private func transferDirectly(
    _ direction: Direction, _ whole: TransferPiece, _ memory: cl_mem,
    _ host: UnsafeMutableRawPointer
  ) throws {
    try finish()
    guard let event = try enqueue(direction, whole, memory, host, wantsEvent: true) else { return }
    let number = progress.enqueued
    try flush()
    try wait(for: event, action(direction, whole.bytes))
    complete(number)
  }

  private func action(_ direction: Direction, _ bytes: Int) -> String {
    "\(direction == .upload ? "uploading" : "downloading") \(bytes) bytes"
  }

  /// Waits for everything enqueued before. Two pieces are on their way at a time.
  func read(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    try prepare()
    let whole = TransferPiece(matrix)
    precondition(target.count >= whole.bytes, "less room than elements")
    guard whole.bytes > 0, let base = target.baseAddress else { return }
    let memory = memory(of: matrix)
    recorder?.begin(.download, bytes: whole.bytes)
    defer { recorder?.end() }
    statistics.downloadedBytes += whole.bytes
    if !pinsStaging, whole.bytes > Self.directDownloadBytes {
      return try transferDirectly(.download, whole, memory, base)
    }
    guard whole.bytes > StagingMemory.pieceLimit else {
      return try end(begin(whole, memory), base)
    }
    var begun: BegunDownload?
    for piece in whole.parts(of: StagingMemory.pieceLimit) {
      let next = try begin(piece, memory)
      if let begun { try end(begun, base) }
      begun = next
    }
    if let begun { try end(begun, base) }
  }

  private struct BegunDownload {
    var piece: TransferPiece
    var block: StagingMemory.Block
    var event: OpenCLEvent
    var number: Int
  }

  private func begin(_ piece: TransferPiece, _ memory: cl_mem) throws -> BegunDownload {
    let block = try stage(piece.bytes)
    let event = try enqueue(.download, piece, memory, block.pointer)!
    try flush()
    return BegunDownload(piece: piece, block: block, event: event, number: progress.enqueued)
  }

  private func end(_ download: BegunDownload, _ target: UnsafeMutableRawPointer) throws {
    try wait(for: download.event, action(.download, download.piece.bytes))
    complete(download.number)
    (target + download.piece.hostOffset).copyMemory(
      from: download.block.pointer, byteCount: download.piece.bytes)
    staging.give(download.block)
  }

  /// Enqueues one command between `memory` and `host`, with an event if one is needed: always for
  /// a download.
  func enqueue(
    _ direction: Direction, _ piece: TransferPiece, _ memory: cl_mem,
    _ host: UnsafeMutableRawPointer, wantsEvent: Bool = false
  ) throws -> OpenCLEvent? {
    let isFence = progress.needsFence
    let needsEvent = isFence || wantsEvent || direction == .download || recorder != nil
    var event: cl_event?
    func attempt() -> cl_int {
      withUnsafeMutablePointer(to: &event) { place in
        enqueue(direction, piece, memory, host, in: queue, needsEvent ? place : nil)
      }
    }
    var status = attempt()
    if OpenCLStatus(status).isOutOfMemory {
      // Some drivers give a buffer its memory at its first use.
      try makeRoom()
      status = attempt()
    }
    try check(
      status, action(direction, piece.bytes),
      otherwise: direction == .upload ? .launch : .device)
    let made = event.map { OpenCLEvent($0, cl) }
    progress.add(isFence ? made : nil, bytes: piece.bytes)
    if let made { recorder?.add(made) }
    return made
  }

  /// One call of the driver, after the events in `waitList`.
  func enqueue(
    _ direction: Direction, _ piece: TransferPiece, _ memory: cl_mem,
    _ host: UnsafeMutableRawPointer, in queue: cl_command_queue, after waitList: [cl_event?] = [],
    _ event: UnsafeMutablePointer<cl_event?>?
  ) -> cl_int {
    let (blocking, waits) = (cl_bool(CL_FALSE), cl_uint(waitList.count))
    return waitList.withUnsafeBufferPointer { list in
      let list = waitList.isEmpty ? nil : list.baseAddress
      guard piece.rows > 1 else {
        return direction == .upload
          ? cl.pointee.clEnqueueWriteBuffer(
            queue, memory, blocking, piece.offset, piece.bytes, host, waits, list, event)
          : cl.pointee.clEnqueueReadBuffer(
            queue, memory, blocking, piece.offset, piece.bytes, host, waits, list, event)
      }
      var (bufferOrigin, hostOrigin) = ([piece.offset, 0, 0], [0, 0, 0])
      var region = [piece.rowBytes, piece.rows, 1]
      return direction == .upload
        ? cl.pointee.clEnqueueWriteBufferRect(
          queue, memory, blocking, &bufferOrigin, &hostOrigin, &region, piece.pitch, 0,
          piece.rowBytes, 0, host, waits, list, event)
        : cl.pointee.clEnqueueReadBufferRect(
          queue, memory, blocking, &bufferOrigin, &hostOrigin, &region, piece.pitch, 0,
          piece.rowBytes, 0, host, waits, list, event)
    }
  }
}
