import Compute
import DataSets
import Networks
import OpenBLASBackend
import Scheduling
import TangentKernels
import TestSupport
import Testing

/// Tiles on several devices.
@BackendActor @Suite struct KernelSpreadTests {
  private static func kernel(on backend: any Backend) throws -> any TiledKernel {
    let text = """
      {"input": [8], "layers": [{"dense": {"units": 16}}, "tanh", {"dense": {"units": 2}}]}
      """
    let network = try Network(NetworkDescription(json: Array(text.utf8), named: "network.json"))
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 1, on: backend)
    let values = (0..<90 * 8).map { Double($0 % 19) / 19 - 0.5 }
    return try EmpiricalKernel(
      network, .ntk, at: center, backend.matrix(90, 8, .float32, values), outputs: .full,
      on: backend)
  }

  private static func compute(
    on backend: any Backend, _ name: String, in folder: KernelFolder
  ) throws -> [UInt8] {
    let kernel = try kernel(on: backend)
    let record = KernelRecord(
      settings: [:], shape: kernel.shape, type: kernel.type, isSymmetric: true, side: 9)
    #expect(try folder.open(name, record).compute(kernel, on: backend, pending: 4))
    return try folder.bytes(name)
  }

  private static func profile(rate: Double) -> DeviceProfile {
    DeviceProfile(
      launch: 1e-6, opening: 0, transferLatency: 1e-6, uploadRate: 1e10, downloadRate: 1e10,
      memoryRate: rate, elementwiseRate: rate, contractionRate: rate)
  }

  /// Of devices that are three times as fast as the host, each gets some of the tiles, and the file is
  /// that of one device.
  @Test func theSchedulerSpreadsTiles() throws {
    let folder = KernelFolder()
    let expected = try Self.compute(on: OpenBLASBackend(threads: 1), "one.npy", in: folder)
    var downloads = [0, 0, 0]
    func observed(_ place: Int) throws -> any Backend {
      ObservedBackend(try OpenBLASBackend(threads: 1)) { event in
        switch event {
        case .startDownload, .download: downloads[place] += 1
        default: break
        }
      }
    }
    let accelerators = try (1...2).map { place in
      let backend = try observed(place)
      return Accelerator(
        name: "accelerator \(place)", profile: Self.profile(rate: 3e8), open: { backend },
        measure: { Self.profile(rate: 3e8) })
    }
    let scheduler = Scheduler(
      host: try observed(0), hostProfile: Self.profile(rate: 1e8),
      measureHost: { Self.profile(rate: 1e8) }, accelerators: accelerators)
    let spread = try Self.compute(on: scheduler, "spread.npy", in: folder)
    #expect(spread == expected)
    // 55 tiles at 1 : 3 : 3.
    #expect(downloads[1] >= 10 && downloads[2] >= 10, "\(downloads)")
  }

  /// A device that is lost costs what was on its way, and another one goes on.
  @Test func anotherDeviceGoesOn() throws {
    let folder = KernelFolder()
    let expected = try Self.compute(on: OpenBLASBackend(threads: 1), "one.npy", in: folder)
    let failing = ObservedBackend(try OpenBLASBackend(threads: 1)) { event in
      if event == .wait(number: 20) { throw BackendError("lost", cause: .device) }
    }
    let kernel = try Self.kernel(on: failing)
    let record = KernelRecord(
      settings: [:], shape: kernel.shape, type: kernel.type, isSymmetric: true, side: 9)
    let file = try folder.open("k.npy", record)
    #expect(throws: BackendError.self) { try file.compute(kernel, on: failing) }
    #expect(file.finishedCount == 20)
    let host = try OpenBLASBackend(threads: 1)
    #expect(try file.compute(Self.kernel(on: host), on: host))
    #expect(try folder.bytes("k.npy") == expected)
  }
}
