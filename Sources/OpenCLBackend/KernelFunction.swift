import COpenCL
import Compute

/// A compiled kernel function.
final class KernelFunction {
  let name: String
  let handle: cl_kernel
  /// The largest work-group that its registers and local memory allow.
  let maximumWorkGroup: Int
  private let cl: OpenCLLibrary.Functions

  init(
    _ name: String, _ handle: cl_kernel, on device: OpenCLDevice, _ cl: OpenCLLibrary.Functions
  ) {
    self.name = name
    self.handle = handle
    self.cl = cl
    maximumWorkGroup = OpenCLLibrary.scalar(1) { size, value, written in
      cl.pointee.clGetKernelWorkGroupInfo(
        handle, device.id, cl_kernel_work_group_info(CL_KERNEL_WORK_GROUP_SIZE), size, value,
        written)
    }
  }

  func set<Value: BitwiseCopyable>(_ index: Int, _ value: Value) -> cl_int {
    withUnsafeBytes(of: value) { set(index, bytes: $0) }
  }

  func set(_ index: Int, bytes: UnsafeRawBufferPointer) -> cl_int {
    cl.pointee.clSetKernelArg(handle, cl_uint(index), bytes.count, bytes.baseAddress)
  }

  deinit { _ = cl.pointee.clReleaseKernel(handle) }
}
