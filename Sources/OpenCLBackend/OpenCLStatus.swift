import COpenCL
import Compute

/// What an OpenCL function returned, or the execution status of an event.
struct OpenCLStatus: CustomStringConvertible {
  let code: cl_int

  init(_ code: cl_int) { self.code = code }

  var isSuccess: Bool { code == CL_SUCCESS }

  /// The ways in which drivers say that memory has run out.
  var isOutOfMemory: Bool {
    [CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY]
      .contains(code) || code == CL_INVALID_BUFFER_SIZE
  }

  /// The ways in which drivers say that the device, or everything made on it, is gone, whatever
  /// was asked. −9999 is NVIDIA's word for a kernel that touched memory it must not touch.
  var isLoss: Bool {
    [CL_DEVICE_NOT_AVAILABLE, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST].contains(code)
      || [CL_INVALID_DEVICE, CL_INVALID_CONTEXT, CL_INVALID_COMMAND_QUEUE, -9999].contains(code)
  }

  /// The error for "`action` on DEVICE failed", with what to do.
  ///
  /// - Parameter cause: what follows where the status alone does not say that memory ran out or
  ///   that the device is gone.
  func error(
    _ action: String, on device: OpenCLDevice, otherwise cause: BackendError.Cause
  ) -> BackendError {
    let cause: BackendError.Cause =
      isLoss || cause == .device ? .device : isOutOfMemory ? .memory : cause
    return BackendError(
      "\(action) on \(device.label) failed: \(self); \(Self.advice(cause))", cause: cause)
  }

  static func advice(_ cause: BackendError.Cause) -> String {
    switch cause {
    case .memory: "use a smaller batch or model, or --backend openblas"
    case .launch: "update the device's driver, or use --backend openblas"
    case .device:
      "what it held is lost: look into the system's log, then start again (train with --resume), "
        + "if need be with --backend openblas"
    case .request: "see maclaurin devices --explain, or use --backend openblas"
    }
  }

  var description: String {
    Self.names[code].map { "\($0) (\(code))" } ?? "OpenCL error \(code)"
  }

  private static let names: [cl_int: String] = [
    -1: "CL_DEVICE_NOT_FOUND", -2: "CL_DEVICE_NOT_AVAILABLE", -3: "CL_COMPILER_NOT_AVAILABLE",
    -4: "CL_MEM_OBJECT_ALLOCATION_FAILURE", -5: "CL_OUT_OF_RESOURCES",
    -6: "CL_OUT_OF_HOST_MEMORY", -7: "CL_PROFILING_INFO_NOT_AVAILABLE",
    -8: "CL_MEM_COPY_OVERLAP", -11: "CL_BUILD_PROGRAM_FAILURE", -12: "CL_MAP_FAILURE",
    -13: "CL_MISALIGNED_SUB_BUFFER_OFFSET", -14: "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
    -15: "CL_COMPILE_PROGRAM_FAILURE", -16: "CL_LINKER_NOT_AVAILABLE",
    -17: "CL_LINK_PROGRAM_FAILURE", -18: "CL_DEVICE_PARTITION_FAILED",
    -30: "CL_INVALID_VALUE", -32: "CL_INVALID_PLATFORM", -33: "CL_INVALID_DEVICE",
    -34: "CL_INVALID_CONTEXT", -35: "CL_INVALID_QUEUE_PROPERTIES",
    -36: "CL_INVALID_COMMAND_QUEUE", -38: "CL_INVALID_MEM_OBJECT", -42: "CL_INVALID_BINARY",
    -43: "CL_INVALID_BUILD_OPTIONS", -44: "CL_INVALID_PROGRAM",
    -45: "CL_INVALID_PROGRAM_EXECUTABLE", -46: "CL_INVALID_KERNEL_NAME",
    -47: "CL_INVALID_KERNEL_DEFINITION", -48: "CL_INVALID_KERNEL", -49: "CL_INVALID_ARG_INDEX",
    -50: "CL_INVALID_ARG_VALUE", -51: "CL_INVALID_ARG_SIZE", -52: "CL_INVALID_KERNEL_ARGS",
    -53: "CL_INVALID_WORK_DIMENSION", -54: "CL_INVALID_WORK_GROUP_SIZE",
    -55: "CL_INVALID_WORK_ITEM_SIZE", -56: "CL_INVALID_GLOBAL_OFFSET",
    -57: "CL_INVALID_EVENT_WAIT_LIST", -58: "CL_INVALID_EVENT", -59: "CL_INVALID_OPERATION",
    -61: "CL_INVALID_BUFFER_SIZE", -63: "CL_INVALID_GLOBAL_WORK_SIZE",
    -68: "CL_INVALID_DEVICE_PARTITION_COUNT", -1001: "CL_PLATFORM_NOT_FOUND_KHR",
    -9999: "illegal access to memory by a kernel",
  ]
}
