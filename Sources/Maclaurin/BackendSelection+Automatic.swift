import Compute
import OpenBLASBackend
import OpenCLBackend
import Scheduling

extension BackendSelection {
  /// Devices that `auto` may use besides the CPU path: GPUs and other accelerators; where there is
  /// none, the first OpenCL device that runs on the processors, which may still suit them better.
  public static func accelerators(numerics: Numerics, needsDouble: Bool) -> [OpenCLDevice] {
    let usable = OpenCLDevices.list().filter { device in
      (!needsDouble || device.hasFloat64) && (numerics == .fast || device.isReproducible)
    }
    let accelerators = usable.filter { $0.kind != .cpu }
    return accelerators.isEmpty ? Array(usable.prefix(1)) : accelerators
  }

  /// The scheduler over all of them, or the CPU path where there is none.
  func makeScheduler(
    numerics: Numerics, threads: Int, family: KernelFamily?, needsDouble: Bool,
    profiles policy: ProfilePolicy, cache: ProfileCache
  ) throws -> any Backend {
    let host = try OpenBLASBackend(numerics: numerics, threads: threads)
    let devices = Self.accelerators(numerics: numerics, needsDouble: needsDouble)
    guard !devices.isEmpty else { return host }
    let type = needsDouble ? ScalarType.float64 : .float32
    let hostKey = ProfileKey(host, type: type)
    func known(_ key: ProfileKey) -> DeviceProfile? {
      policy == .refresh ? nil : cache.profile(for: key)
    }
    // A backend of its own: what measuring allocates and counts goes with it.
    func measure(
      _ key: ProfileKey, _ open: () throws -> any Backend
    ) throws -> DeviceProfile {
      let clock = ContinuousClock.now
      let backend = try open()
      let opening = (ContinuousClock.now - clock) / .seconds(1)
      return try cache.profile(for: key, .refresh) {
        try ProfileMeasurement.measure(
          backend, type: type, opening: key == hostKey ? 0 : opening)
      }
    }
    let accelerators = devices.map { device in
      let key = ProfileKey(device, family: family, numerics: numerics, type: type)
      func open() throws -> OpenCLBackend {
        try OpenCLBackend(device: device, numerics: numerics, family: family)
      }
      return Accelerator(
        name: device.backendName, profile: known(key), open: open,
        measure: { try measure(key, open) })
    }
    return Scheduler(
      host: host, hostProfile: known(hostKey),
      measureHost: {
        try measure(hostKey) { try OpenBLASBackend(numerics: numerics, threads: threads) }
      }, accelerators: accelerators)
  }
}
