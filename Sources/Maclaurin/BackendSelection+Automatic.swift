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
    profiles policy: ProfilePolicy, cache: ProfileCache, programSources: [String: String]
  ) throws -> any Backend {
    let host = try OpenBLASBackend(numerics: numerics, threads: threads)
    let devices = Self.accelerators(numerics: numerics, needsDouble: needsDouble)
    guard !devices.isEmpty else { return host }
    let type = needsDouble ? ScalarType.float64 : .float32
    func known(_ key: ProfileKey) -> DeviceProfile? {
      policy == .refresh ? nil : cache.profile(for: key)
    }
    // On a back end of its own: what measuring allocates and counts goes with it.
    func measure(_ selection: BackendSelection) throws -> DeviceProfile {
      try selection.profile(
        numerics: numerics, threads: threads, family: family, type: type, policy: .refresh,
        cache: cache)!
    }
    let accelerators = devices.map { device in
      Accelerator(
        name: device.backendName,
        profile: known(ProfileKey(device, family: family, numerics: numerics, type: type)),
        sharesProcessors: device.kind == .cpu,
        open: {
          try OpenCLBackend(
            device: device, numerics: numerics, family: family,
            programSourceOverride: programSources)
        },
        measure: { try measure(.opencl(device.index)) })
    }
    return Scheduler(
      host: host, hostProfile: known(ProfileKey(host, type: type)),
      measureHost: { try measure(.openblas) }, accelerators: accelerators)
  }
}
