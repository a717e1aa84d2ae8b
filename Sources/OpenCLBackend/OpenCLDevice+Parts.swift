import COpenCL
import Compute
import Synchronization

extension OpenCLDevice {
  /// Equal parts of the device, `computeUnits` compute units each; what does not fill another part
  /// is left over. They share the device's memory, and each can be opened like a device.
  ///
  /// - Throws: `BackendError` where the driver cannot divide the device so: by far not all can.
  public func subdevices(computeUnits units: Int) throws -> [OpenCLDevice] {
    guard units > 0, units <= computeUnits else { throw refusal("\(units) compute units each") }
    return try divided(
      [Int(CL_DEVICE_PARTITION_EQUALLY), units, 0], "\(units) compute units each",
      count: computeUnits / units)
  }

  /// Parts with these numbers of compute units, which together are at most the device's.
  public func subdevices(computeUnits units: [Int]) throws -> [OpenCLDevice] {
    let text = "\(units.map(String.init).joined(separator: " + ")) compute units"
    guard !units.isEmpty, units.allSatisfy({ $0 > 0 }), units.reduce(0, +) <= computeUnits
    else { throw refusal(text) }
    return try divided(
      [Int(CL_DEVICE_PARTITION_BY_COUNTS)] + units + [0, 0], text, count: units.count)
  }

  private func refusal(_ parts: String, _ status: OpenCLStatus? = nil) -> BackendError {
    BackendError(
      "\(label), which has \(computeUnits) compute units, cannot be divided into parts of \(parts)"
        + (status.map { ": \($0)" } ?? "") + "; use the whole device")
  }

  private func divided(
    _ properties: [Int], _ parts: String, count: Int
  ) throws -> [OpenCLDevice] {
    // The same division twice gives the same parts, whose handles live as long as the process.
    let key = [Int(bitPattern: UInt(bitPattern: id))] + properties
    return try Self.divisions.withLock { known in
      if let devices = known[key] { return devices }
      let cl = try OpenCLLibrary.functions()
      var properties = properties.map { cl_device_partition_property($0) }
      var ids = [cl_device_id?](repeating: nil, count: count)
      var made: cl_uint = 0
      let status = OpenCLStatus(
        cl.pointee.clCreateSubDevices(id, &properties, cl_uint(count), &ids, &made))
      guard status.isSuccess, made > 0 else { throw refusal(parts, status) }
      let devices = ids.prefix(Int(made)).compactMap { $0 }.enumerated().map { number, id in
        OpenCLDevice(id, of: platform, index: index, part: part + [number], cl)
      }
      known[key] = devices
      return devices
    }
  }

  private static let divisions = Mutex<[[Int]: [OpenCLDevice]]>([:])
}
