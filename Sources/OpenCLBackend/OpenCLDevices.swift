import COpenCL
import Compute

/// The OpenCL devices of this machine.
public enum OpenCLDevices {
  /// All devices of all platforms, in the loader's order; empty without a loader or a driver
  /// (`explain` says why). They are looked up once: drivers initialise themselves on the first
  /// look, and not all of them bear two at a time.
  public static func list() -> [OpenCLDevice] { all }

  private static let all: [OpenCLDevice] = {
    guard let cl = try? OpenCLLibrary.functions() else { return [] }
    var devices: [OpenCLDevice] = []
    for platform in platforms(cl) {
      for id in ids(of: platform, cl) {
        devices.append(OpenCLDevice(id, of: platform, index: devices.count, cl))
      }
    }
    return devices
  }()

  /// Device `index`, or an error that says which there are.
  public static func device(_ index: Int) throws -> OpenCLDevice {
    let devices = list()
    if devices.indices.contains(index) { return devices[index] }
    guard !devices.isEmpty else {
      let reason = explain().split(separator: "\n").last ?? ""
      throw BackendError("there is no OpenCL device (devices --explain says more). \(reason)")
    }
    let names = devices.map { "opencl:\($0.index) (\($0.name))" }.joined(separator: ", ")
    throw BackendError("there is no device opencl:\(index); this machine has \(names)")
  }

  static func platforms(_ cl: OpenCLLibrary.Functions) -> [cl_platform_id] {
    var count: cl_uint = 0
    guard cl.pointee.clGetPlatformIDs(0, nil, &count) == CL_SUCCESS, count > 0 else { return [] }
    var platforms = [cl_platform_id?](repeating: nil, count: Int(count))
    guard cl.pointee.clGetPlatformIDs(count, &platforms, nil) == CL_SUCCESS else { return [] }
    return platforms.compactMap { $0 }
  }

  static func ids(of platform: cl_platform_id, _ cl: OpenCLLibrary.Functions) -> [cl_device_id] {
    let all = cl_device_type(CL_DEVICE_TYPE_ALL)
    var count: cl_uint = 0
    guard cl.pointee.clGetDeviceIDs(platform, all, 0, nil, &count) == CL_SUCCESS, count > 0
    else { return [] }
    var devices = [cl_device_id?](repeating: nil, count: Int(count))
    guard cl.pointee.clGetDeviceIDs(platform, all, count, &devices, nil) == CL_SUCCESS
    else { return [] }
    return devices.compactMap { $0 }
  }
}
