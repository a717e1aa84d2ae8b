import Compute
import Glibc
import OpenBLASBackend
import OpenCLBackend
import Scheduling

extension ProfileKey {
  /// The key of an OpenCL device's profile for computing in `type`.
  init(_ device: OpenCLDevice, family: KernelFamily?, numerics: Numerics, type: ScalarType) {
    self.init(
      backend: "opencl", device: device.name, driver: device.driverVersion,
      platform: "\(device.platformName) \(device.platformVersion)",
      computeUnits: device.computeUnits, family: (family ?? device.family).rawValue,
      numerics: numerics, type: type)
  }

  /// The key of the CPU path's.
  init(_ host: OpenBLASBackend, type: ScalarType) {
    self.init(
      backend: "openblas", device: Self.processor,
      driver: OpenBLASBackend.instructionSets.first ?? "",
      computeUnits: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), threads: host.threads,
      numerics: host.numerics, type: type)
  }

  /// The processor's name as the system gives it, or nothing.
  private static let processor: String = {
    guard let file = fopen("/proc/cpuinfo", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let parts = text.split(separator: ":", maxSplits: 1)
      if parts.count == 2, text.hasPrefix("model name") {
        return parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
    }
    return ""
  }()
}

extension BackendSelection {
  /// The profile of this back end: the kept one, or one that is measured now on a back end made
  /// for it, opening included. Nil for `auto`, which is no device.
  public func profile(
    numerics: Numerics = .reproducible, threads: Int = 0, family: KernelFamily? = nil,
    type: ScalarType = .float32, policy: ProfilePolicy = .cached,
    cache: ProfileCache = ProfileCache()
  ) throws -> DeviceProfile? {
    let start = MonotonicClock.seconds
    switch self {
    case .auto: return nil
    case .openblas:
      let backend = try OpenBLASBackend(numerics: numerics, threads: threads)
      // The CPU path is always open.
      return try cache.profile(for: ProfileKey(backend, type: type), policy) {
        try ProfileMeasurement.measure(backend, type: type, opening: 0)
      }
    case .opencl(let index):
      let device = try OpenCLDevices.device(index)
      let key = ProfileKey(device, family: family, numerics: numerics, type: type)
      return try cache.profile(for: key, policy) {
        let backend = try OpenCLBackend(device: device, numerics: numerics, family: family)
        return try ProfileMeasurement.measure(
          backend, type: type, opening: MonotonicClock.seconds - start)
      }
    }
  }

  /// Profiles that are kept of this back end, of `auto` those of all its devices; nothing is
  /// measured.
  public func knownProfiles(
    numerics: Numerics = .reproducible, threads: Int = 0, family: KernelFamily? = nil,
    type: ScalarType = .float32, cache: ProfileCache = ProfileCache()
  ) throws -> [DeviceProfile] {
    let devices: [OpenCLDevice]
    switch self {
    case .openblas: devices = []
    case .opencl(let index): devices = [try OpenCLDevices.device(index)]
    case .auto: devices = Self.accelerators(numerics: numerics, needsDouble: type == .float64)
    }
    var keys = devices.map { ProfileKey($0, family: family, numerics: numerics, type: type) }
    if case .opencl = self {
    } else {
      keys.append(ProfileKey(try OpenBLASBackend(numerics: numerics, threads: threads), type: type))
    }
    return keys.compactMap { cache.profile(for: $0) }
  }
}
