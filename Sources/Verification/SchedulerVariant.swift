import Compute
import OpenBLASBackend
import OpenCLBackend
import Scheduling

/// A way in which the scheduler may place a run's operations. Results may not depend on it.
enum SchedulerVariant: CaseIterable {
  /// The scheduler chooses; its profiles say that the device is twice as fast as the host, so that
  /// the run moves there after its first steps.
  case automatic
  /// The same with two devices, over which independent operations are spread.
  case twoDevices
  /// A random place for each operation.
  case random

  /// In place of a contraction family in a case's label.
  var label: String {
    switch self {
    case .automatic: "auto"
    case .twoDevices: "auto, two sub-devices"
    case .random: "random placement"
    }
  }

  /// - Parameter open: makes accelerator `index` of `count`.
  func backend(
    threads: Int, open: @escaping (_ index: Int, _ count: Int) throws -> any Backend
  ) throws -> Scheduler {
    func profile(_ speed: Double) -> DeviceProfile {
      // So slow that a small run is worth opening and moving.
      DeviceProfile(
        launch: 1e-6, opening: 1e-3, transferLatency: 1e-6, uploadRate: 1e11, downloadRate: 1e11,
        memoryRate: 1e9 * speed, elementwiseRate: 1e9 * speed, contractionRate: 1e8 * speed)
    }
    let count = self == .automatic ? 1 : 2
    let accelerators = (0..<count).map { index in
      Accelerator(
        name: "accelerator \(index)", profile: profile(2), open: { try open(index, count) },
        measure: { profile(2) })
    }
    var policy = Scheduler.Policy.automatic
    if self == .random {
      policy = .forced { number in
        let words = Philox.words(seed: 5, purpose: .test, tensor: 0, block: UInt64(number))
        return Int(words[0] % UInt32(count + 1))
      }
    }
    return Scheduler(
      host: try OpenBLASBackend(threads: threads), hostProfile: profile(1),
      measureHost: { profile(1) }, accelerators: accelerators, policy: policy)
  }
}
