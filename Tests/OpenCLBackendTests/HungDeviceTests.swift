import COpenCL
import Compute
import Glibc
import Testing

@testable import OpenCLBackend

/// A device that does not answer ends nothing but itself.
@Suite struct HungDeviceTests {
  /// What the backend is asked for while its queue stands still.
  enum Wait: String, CaseIterable {
    case download, stridedDownload, largeDownload, finish, deferredDownload, launches, profile
    case timeline
  }

  @Test(arguments: Wait.allCases)
  func waitsEnd(_ wait: Wait) throws {
    var backend: OpenCLBackend? = try makeBackend()
    let device = backend!.device
    let x = try backend!.matrix(1, 800_000, .float32)
    let y = try backend!.matrix(1, 8, .float32, (0..<8).map(Double.init))
    try backend!.finish()
    if wait == .profile { try backend!.startProfiling() }
    if wait == .timeline { backend!.timeline = Timeline() }
    try backend!.run(.fill(Fill(y, value: 2)))
    backend!.answerTimeout = 0.25
    let gate = try Gate(backend!.session)
    try backend!.run(.fill(Fill(x, value: 1)))
    // What a caller owns must not be written once the call has returned.
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: 3_200_000, alignment: 64)
    defer { target.deallocate() }
    memset(target.baseAddress!, 0x5a, target.count)
    let start = ContinuousClock.now
    let error = #expect(throws: BackendError.self) {
      switch wait {
      case .download: try backend!.download(y, into: target)
      case .stridedDownload:
        let view = Matrix(x.buffer, offset: 3, rows: 5, columns: 7, stride: 100)
        try backend!.download(view, into: target)
      case .largeDownload: try backend!.download(x, into: target)
      case .finish: try backend!.finish()
      case .deferredDownload: _ = try backend!.startDownload(y).wait()
      case .launches: for _ in 0..<9000 { try backend!.run(.fill(Fill(y, value: 3))) }
      case .profile: _ = try backend!.profile()
      case .timeline:
        backend!.timeline = nil
        try backend!.finish()
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(seconds >= 0.25 && seconds < 20, "\(seconds) s")
    #expect(error?.cause == .device)
    let text = error?.description ?? ""
    #expect(text.hasPrefix("opencl:0 \(device.name) did not answer for 0.25 s while "), "\(text)")
    // From here on only the same sentence.
    for attempt in [
      { try backend!.finish() }, { _ = try backend!.allocate(1, .float32) },
      { try backend!.upload([Float](repeating: 1, count: 8), to: y) },
      { try backend!.download(y, into: target) }, { _ = try backend!.startDownload(y) },
      { try backend!.run(.fill(Fill(y, value: 1))) },
    ] as [() throws -> Void] {
      let again = #expect(throws: BackendError.self) { try attempt() }
      #expect(again?.description == text)
    }
    // The end of the backend waits for nothing, and another one works beside it.
    let end = ContinuousClock.now
    backend = nil
    let other = try makeBackend()
    let z = try other.matrix(1, 4, .float32, [1, 2, 3, 4])
    #expect(try other.download(z) == [1, 2, 3, 4])
    #expect(ContinuousClock.now - end < .seconds(10))
    gate.open()
    usleep(100_000)
    #expect(target.allSatisfy { $0 == 0x5a })
  }

  /// Slow is not hung: every command ends within the timeout, all of them together do not.
  @Test func slowDeviceIsWaitedFor() throws {
    let backend = try makeBackend()
    let matrix = try backend.matrix(1, 1 << 20, .int32)
    backend.answerTimeout = 0.5
    try backend.finish()
    var gates: [Gate] = []
    for number in 0..<8 {
      gates.append(try Gate(backend.session))
      // 4 MiB each, so that each is a fence.
      try backend.upload([Int32](repeating: Int32(number), count: 1 << 20), to: matrix)
    }
    for (number, gate) in gates.enumerated() { gate.open(after: 0.2 * Double(number + 1)) }
    let start = ContinuousClock.now
    let values = try backend.elements(of: matrix.element(99), as: Int32.self)
    #expect(values == [7])
    #expect(ContinuousClock.now - start > .seconds(1.4))
  }

  @Test func timeoutComesFromTheEnvironment() async {
    await #expect(processExitsWith: .success) {
      #expect(OpenCLBackend.defaultAnswerTimeout == 300)
      setenv("MACLAURIN_DEVICE_TIMEOUT", "12.5", 1)
      #expect((try? OpenCLBackend(deviceIndex: 0))?.answerTimeout == 12.5)
      for text in ["", "-1", "soon", "nan"] {
        setenv("MACLAURIN_DEVICE_TIMEOUT", text, 1)
        #expect(OpenCLBackend.defaultAnswerTimeout == 300)
      }
    }
  }
}
