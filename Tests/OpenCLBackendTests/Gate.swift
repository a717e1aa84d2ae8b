import COpenCL
import Glibc
import Testing

@testable import OpenCLBackend

/// A command that does not end before it is opened, in front of all later ones of a queue.
final class Gate: @unchecked Sendable {
  private let event: cl_event
  private let cl: OpenCLLibrary.Functions

  init(_ session: OpenCLSession, queue: cl_command_queue? = nil) throws {
    cl = session.cl
    var status: cl_int = 0
    event = try #require(cl.pointee.clCreateUserEvent(session.context, &status))
    var list: [cl_event?] = [event]
    try #require(
      cl.pointee.clEnqueueMarkerWithWaitList(queue ?? session.queue, 1, &list, nil) == CL_SUCCESS)
  }

  /// Lets the queue go on.
  func open() { _ = cl.pointee.clSetUserEventStatus(event, CL_COMPLETE) }

  /// Opens it from another thread.
  func open(after seconds: Double) {
    let gate = Unmanaged.passRetained(Delayed(self, seconds))
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { argument in
        let delayed = Unmanaged<Delayed>.fromOpaque(argument!).takeRetainedValue()
        usleep(useconds_t(delayed.seconds * 1e6))
        delayed.gate.open()
        return nil
      }, gate.toOpaque())
    pthread_detach(thread)
  }

  private final class Delayed {
    let gate: Gate
    let seconds: Double
    init(_ gate: Gate, _ seconds: Double) {
      self.gate = gate
      self.seconds = seconds
    }
  }
}
