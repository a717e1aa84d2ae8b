import COpenCL

/// A command in a queue, as the driver reports on it. The last reference releases it.
final class OpenCLEvent {
  let handle: cl_event
  private let cl: OpenCLLibrary.Functions

  init(_ handle: cl_event, _ cl: OpenCLLibrary.Functions) {
    self.handle = handle
    self.cl = cl
  }

  deinit { _ = cl.pointee.clReleaseEvent(handle) }

  /// CL_COMPLETE, a positive number before that, a negative one after a failure.
  var status: cl_int {
    var status = cl_int(CL_QUEUED)
    let result = cl.pointee.clGetEventInfo(
      handle, cl_event_info(CL_EVENT_COMMAND_EXECUTION_STATUS), MemoryLayout<cl_int>.size, &status,
      nil)
    return result == CL_SUCCESS ? status : result
  }

  var hasEnded: Bool { status <= CL_COMPLETE }

  /// When the device began and ended it, in nanoseconds of its clock; nil if it does not say.
  var times: (start: UInt64, end: UInt64)? {
    func time(_ parameter: Int32) -> cl_ulong {
      OpenCLLibrary.scalar(0) {
        cl.pointee.clGetEventProfilingInfo(handle, cl_profiling_info(parameter), $0, $1, $2)
      }
    }
    let (start, end) = (time(CL_PROFILING_COMMAND_START), time(CL_PROFILING_COMMAND_END))
    return start > 0 && end >= start ? (start, end) : nil
  }
}
