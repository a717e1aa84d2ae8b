import Compute

/// A device that the scheduler may use besides the host.
public struct Accelerator {
  /// As `--backend` names it: "opencl:0".
  public var name: String
  /// Known without opening the device, if it was measured before.
  public var profile: DeviceProfile?
  public var open: () throws -> any Backend
  /// Measures the device, which it opens for itself.
  public var measure: () throws -> DeviceProfile
  /// Whether it computes on the host's own processors. Then one of the two has nothing to gain from
  /// the other while it works: the device takes all operations or none.
  public var sharesProcessors: Bool

  public init(
    name: String, profile: DeviceProfile?, sharesProcessors: Bool = false,
    open: @escaping () throws -> any Backend, measure: @escaping () throws -> DeviceProfile
  ) {
    self.name = name
    self.profile = profile
    self.sharesProcessors = sharesProcessors
    self.open = open
    self.measure = measure
  }
}

/// Where a scheduler runs operations: the host, or an accelerator.
final class Place {
  enum State: Equatable {
    /// Not opened yet.
    case closed
    case open
    /// Takes no more operations, but what it holds can be downloaded.
    case retired
    /// What it holds is gone.
    case lost
  }

  let name: String
  private let accelerator: Accelerator?
  private(set) var backend: (any Backend)?
  private(set) var state: State
  var profile: DeviceProfile?
  /// Why what it holds cannot be had any more.
  private(set) var loss: BackendError?

  // What ran here.
  private(set) var operations = 0
  private(set) var flops = 0.0
  /// Seconds at work: measured around every operation on the host, and on a device from the first
  /// operation in an empty queue to the end of the wait that empties it.
  private(set) var seconds = 0.0
  private var busySince: Double?
  var incoming = Placement.Traffic()
  /// How its times compare with its profile's.
  var calibration = Calibration()

  init(host: any Backend, profile: DeviceProfile?) {
    name = host.name
    accelerator = nil
    backend = host
    state = .open
    self.profile = profile
  }

  init(_ accelerator: Accelerator) {
    name = accelerator.name
    self.accelerator = accelerator
    state = .closed
    profile = accelerator.profile
  }

  var isHost: Bool { accelerator == nil }
  var sharesProcessors: Bool { accelerator?.sharesProcessors ?? false }
  var isUsable: Bool { state == .open || state == .closed }

  func open() throws -> any Backend {
    if let backend { return backend }
    let made = try accelerator!.open()
    backend = made
    state = .open
    return made
  }

  func measure() throws -> DeviceProfile { try accelerator!.measure() }

  /// Takes no more operations after `error`; after a device's own failure nothing at all.
  func retire(_ error: BackendError) {
    state = .retired
    guard error.cause == .device else { return }
    state = .lost
    loss = error
  }

  /// Counts an operation whose flops and time another one stands for.
  func ran() { operations += 1 }

  /// Counts an operation; `seconds` is 0 where they are measured by `began` and `ended`.
  func ran(_ flops: Double, seconds: Double) {
    operations += 1
    self.flops += flops
    self.seconds += seconds
  }

  func began() {
    if busySince == nil { busySince = MonotonicClock.seconds }
  }

  func ended() {
    guard let since = busySince else { return }
    let busy = MonotonicClock.seconds - since
    seconds += busy
    calibration.took(busy)
    busySince = nil
  }
}
