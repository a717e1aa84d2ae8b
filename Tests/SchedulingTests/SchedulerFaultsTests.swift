import Compute
import OpenBLASBackend
import Scheduling
import TestSupport
import Testing

/// Every fault of an accelerator, at every place of a short training run: the run survives it with
/// the right bits, or ends in the documented error, and the second attempt has the right bits.
@BackendActor @Suite struct SchedulerFaultsTests {
  private let host: OpenBLASBackend
  private let device: OpenBLASBackend
  private let run: SmallRun
  private let expected: String

  init() throws {
    host = try OpenBLASBackend(threads: 1)
    device = try OpenBLASBackend(threads: 2)
    run = try SmallRun(order: 2, steps: 2)
    expected = try run.hash(on: host)
  }

  /// The host and a faulty accelerator, operations placed by turns or all on the accelerator.
  private func scheduler(
    _ faulty: FaultyBackend, alternates: Bool, onNotice: @escaping (String) -> Void
  ) -> Scheduler {
    let scheduler = Scheduler(
      host: host, hostProfile: nil, measureHost: { preconditionFailure("nothing is measured") },
      accelerators: [
        Accelerator(
          name: "accelerator", profile: nil, open: { faulty },
          measure: { preconditionFailure("nothing is measured") })
      ], policy: .forced { alternates ? ($0 / 2) % 2 : 1 })
    scheduler.onNotice = onNotice
    return scheduler
  }

  private func counts(alternates: Bool) throws -> FaultyBackend {
    let counter = FaultyBackend(device)
    let hash = try run.hash(on: scheduler(counter, alternates: alternates) { _ in })
    #expect(hash == expected)
    return counter
  }

  /// Ends a run under `fault`; what it said, and the error if it did not survive.
  private func end(
    _ fault: FaultyBackend.Fault, alternates: Bool
  ) throws -> (notices: [String], error: BackendError?, faulty: FaultyBackend) {
    let faulty = FaultyBackend(device)
    faulty.fault = fault
    var notices: [String] = []
    let scheduler = scheduler(faulty, alternates: alternates) { notices.append($0) }
    var lost: BackendError?
    let hash = try withFallback(
      scheduler, to: { host },
      reason: { error in
        lost = error as? BackendError
        return lost?.cause == .device ? "\(error)" : nil
      }, onNotice: { _ in }, run.hash(on:))
    #expect(hash == expected, "\(fault)")
    return (notices, lost, faulty)
  }

  @Test(arguments: [false, true])
  func whatChangesNothingIsSurvived(alternates: Bool) throws {
    let counter = try counts(alternates: alternates)
    let faults =
      (0..<counter.allocations).map { FaultyBackend.Fault.allocation($0) }
      + (0..<counter.operations).map { .launch(operation: $0) }
    #expect(faults.count > 50)
    for fault in faults {
      let (notices, error, faulty) = try end(fault, alternates: alternates)
      #expect(faulty.isDone, "\(fault)")
      #expect(error == nil, "\(fault): \(String(describing: error))")
      #expect(notices.count == 1 && notices[0].contains("accelerator"), "\(fault)")
    }
  }

  @Test(arguments: [false, true])
  func aLostDeviceIsSurvivedOrSaid(alternates: Bool) throws {
    let counter = try counts(alternates: alternates)
    let faults = (0..<counter.downloads).flatMap { number in
      [FaultyBackend.Fault.download(number), .hang(download: number)]
    }
    #expect(faults.count > 4)
    var survived = 0
    for fault in faults {
      let (notices, error, faulty) = try end(fault, alternates: alternates)
      #expect(faulty.isDone, "\(fault)")
      if let error {
        #expect(error.cause == .device && !error.description.isEmpty)
      } else {
        survived += 1
      }
      #expect(notices.count == 1, "\(fault)")
    }
    print("lost devices: \(survived) of \(faults.count) survived in place")
  }

  /// Under whole checks any flipped bit is found, whatever place it happens at, and the second
  /// attempt on the CPU path has the right bits.
  @Test func flippedBitsAreFoundThroughTheScheduler() throws {
    let counter = try counts(alternates: true)
    for operation in 0..<counter.operations {
      let faulty = FaultyBackend(device)
      faulty.fault = .flip(operation: operation, element: 3 * operation, bit: operation % 32)
      let scheduler = scheduler(faulty, alternates: true) { _ in }
      let checked = try CheckedBackend(scheduler, against: device, level: .whole(every: 1))
      var disagreement: Disagreement?
      let hash = try withFallback(
        checked, to: { host },
        reason: { error in
          disagreement = error as? Disagreement
          return disagreement.map { "\($0)" }
        }, onNotice: { _ in }, run.hash(on:))
      #expect(disagreement != nil || !faulty.isDone, "operation \(operation)")
      #expect(hash == expected)
    }
  }
}
