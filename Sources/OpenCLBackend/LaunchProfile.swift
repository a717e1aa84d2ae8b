import COpenCL

/// Device time by kernel function, from the events of a profiling queue.
struct LaunchProfile {
  private var events: [(function: String, event: cl_event)] = []
  private(set) var seconds: [String: Double] = [:]

  /// Thousands of live events slow some drivers: `isFull` asks for `collect` before that.
  var isFull: Bool { events.count >= 1024 }

  mutating func add(_ event: cl_event, of function: String) { events.append((function, event)) }

  /// Reads and releases the events, all of which must be complete.
  mutating func collect(_ cl: OpenCLLibrary.Functions) {
    for (function, event) in events {
      func time(_ parameter: Int32) -> cl_ulong {
        OpenCLLibrary.scalar(0) {
          cl.pointee.clGetEventProfilingInfo(event, cl_profiling_info(parameter), $0, $1, $2)
        }
      }
      let (start, end) = (time(CL_PROFILING_COMMAND_START), time(CL_PROFILING_COMMAND_END))
      seconds[function, default: 0] += end > start ? Double(end - start) * 1e-9 : 0
    }
    discard(cl)
  }

  mutating func discard(_ cl: OpenCLLibrary.Functions) {
    for (_, event) in events { _ = cl.pointee.clReleaseEvent(event) }
    events = []
  }
}
