import COpenCL
import Glibc

extension OpenCLDevices {
  /// What was looked at to find OpenCL drivers, line by line, and what to do about it (last line).
  ///
  /// The loader library finds drivers through *.icd files, each of which names one library; they
  /// lie in the folder OCL_ICD_VENDORS, else in /etc/OpenCL/vendors.
  public static func explain() -> String { explain(vendors: environment("OCL_ICD_VENDORS")) }

  /// The same with another value of OCL_ICD_VENDORS for the drivers' files.
  static func explain(vendors: String?) -> String {
    var message: UnsafePointer<CChar>?
    guard let cl = opencl_functions(&message) else {
      let reason = message.map { String(cString: $0) } ?? "no reason known"
      return """
        loader library: \(reason)
        To use OpenCL, install a loader (Debian and Ubuntu: apt install ocl-icd-libopencl1) and \
        a driver: your GPU vendor's, or PoCL for the processor (apt install pocl-opencl-icd).
        """
    }
    let devices = list()
    var lines = ["loader library: libOpenCL.so.1 is loaded"]
    let drivers = self.drivers(vendors: vendors)
    lines += drivers.lines
    for platform in platforms(cl) {
      let name = OpenCLLibrary.text {
        cl.pointee.clGetPlatformInfo(platform, cl_platform_info(CL_PLATFORM_NAME), $0, $1, $2)
      }
      let count = ids(of: platform, cl).count
      lines.append("platform \(name): \(count) device\(count == 1 ? "" : "s")")
    }
    lines.append(
      advice(files: drivers.files, loadable: drivers.loadable, devices: devices.count))
    return lines.joined(separator: "\n")
  }

  private static func advice(files: Int, loadable: Int, devices count: Int) -> String {
    let install =
      "install your GPU vendor's OpenCL driver, or PoCL for the processor "
      + "(Debian and Ubuntu: apt install pocl-opencl-icd)"
    if count > 0 {
      return "OpenCL works: \(count) device\(count == 1 ? "" : "s") found."
    }
    if files == 0 {
      return "No driver is registered (no .icd file): \(install). In an NVIDIA container write the "
        + "line libnvidia-opencl.so.1 into /etc/OpenCL/vendors/nvidia.icd and start it with "
        + "NVIDIA_DRIVER_CAPABILITIES=compute,utility."
    }
    if loadable == 0 {
      return "No registered driver can be loaded: install the missing library named above, or "
        + "\(install)."
    }
    return "The drivers load but offer no device: check that the device is visible to this user "
      + "(permissions of /dev/nvidia*, /dev/dri; in a container, the devices passed in)."
  }

  /// The .icd files that the loader reads and what becomes of each.
  private static func drivers(
    vendors: String?
  ) -> (lines: [String], files: Int, loadable: Int) {
    var lines: [String] = []
    var files: [String] = []
    let place = vendors.flatMap { $0.isEmpty ? nil : $0 } ?? "/etc/OpenCL/vendors"
    let origin = vendors?.isEmpty == false ? " (from OCL_ICD_VENDORS)" : ""
    if let entries = entries(of: place) {
      let names = entries.filter { $0.hasSuffix(".icd") }.sorted()
      files = names.map { place.hasSuffix("/") ? place + $0 : "\(place)/\($0)" }
      let count = names.isEmpty ? "no .icd file" : "\(names.count) .icd file(s)"
      lines.append("vendor folder \(place)\(origin): \(count)")
    } else if place.hasSuffix(".icd"), firstLine(of: place) != nil {
      files = [place]
    } else {
      lines.append("vendor folder \(place)\(origin): cannot be read")
    }
    var loadable = 0
    for file in files {
      guard let library = firstLine(of: file), !library.isEmpty else {
        lines.append("\(file): names no library")
        continue
      }
      if let handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL) {
        loadable += 1
        dlclose(handle)
        lines.append("\(file): \(library) can be loaded")
      } else {
        let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
        lines.append("\(file): \(library) cannot be loaded: \(reason)")
      }
    }
    return (lines, files.count, loadable)
  }

  private static func entries(of folder: String) -> [String]? {
    guard let directory = opendir(folder) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      names.append(name)
    }
    return names
  }

  private static func firstLine(of path: String) -> String? {
    guard let bytes = SmallFile.read(path) else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self).trimmed
  }

  /// An environment variable's value.
  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
