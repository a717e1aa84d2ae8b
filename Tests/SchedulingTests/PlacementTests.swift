import Compute
import Scheduling
import Testing

/// Profiles that nobody measured: a host, and devices that differ from it in known ways.
private func profile(
  launch: Double = 1e-6, opening: Double = 0, latency: Double = 10e-6, transfer: Double = 1e10
) -> DeviceProfile {
  DeviceProfile(
    launch: launch, opening: opening, transferLatency: latency, uploadRate: transfer,
    downloadRate: transfer, memoryRate: 1e10, elementwiseRate: 1e11, contractionRate: 1e11)
}

private let pair = [profile(), profile()]

/// Decides the same operation again and again, as a loop that keeps its data at home.
private func decide(
  _ cost: [Double], times: Int, resident: Int, _ profiles: [DeviceProfile] = pair,
  change: (inout Placement.Residency) -> Void = { _ in }
) -> (homes: [Int], places: [Int]) {
  var residency = Placement.Residency(places: profiles.count)
  residency.resident = .init(bytes: resident, pieces: 1)
  change(&residency)
  var (homes, places): ([Int], [Int]) = ([], [])
  for _ in 0..<times {
    let decision = Placement.choose(cost, residency, profiles)
    residency.home = decision.home
    residency.regret = decision.regret
    homes.append(decision.home)
    places.append(decision.place)
  }
  return (homes, places)
}

@Suite struct PlacementTests {
  @Test func theSlowerPlaceIsNeverChosen() {
    let run = decide([1e-4, 2e-4], times: 1000, resident: 0)
    #expect(run.places.allSatisfy { $0 == 0 })
  }

  @Test func homeMovesOnceTheRegretExceedsThePriceOfMoving() {
    // 1 ms against 0.1 ms: 0.89 ms of regret each time; 100 MB take 10 ms and the latency.
    let run = decide([1e-3, 1e-4], times: 40, resident: 100_000_000) { residency in
      // An excursion never pays: what is written takes longer to come back.
      residency.written = .init(bytes: 50_000_000, pieces: 1)
    }
    let expected = Int(((100e6 / 1e10 + 10e-6) / (1e-3 - 1.1e-4)).rounded(.up))
    #expect(run.homes.firstIndex(of: 1) == expected - 1)
    #expect(run.homes[(expected - 1)...].allSatisfy { $0 == 1 })
  }

  @Test func anAccelerationThatPaysAtOnceIsTakenAtOnce() {
    // 50 ms against 1 ms, and 3 ms of copies: an excursion, until home has moved too.
    let run = decide([50e-3, 1e-3], times: 100, resident: 1_000_000_000) { residency in
      residency.missing[1][0] = .init(bytes: 20_000_000, pieces: 2)
      residency.written = .init(bytes: 10_000_000, pieces: 1)
    }
    #expect(run.places.allSatisfy { $0 == 1 })
    #expect(run.homes.first == 0 && run.homes.last == 1)
  }

  @Test func aClosedDeviceMustEarnItsOpening() {
    let slow = [profile(), profile(opening: 0.2)]
    let run = decide([1e-3, 1e-4], times: 400, resident: 0, slow) { $0.isOpen[1] = false }
    let first = run.places.firstIndex(of: 1)
    #expect(first == Int((0.2 / (1e-3 - 1.1e-4)).rounded(.down)))
  }

  @Test func anUnusableDeviceIsNeverChosen() {
    let run = decide([1, 1e-6], times: 100, resident: 0) { $0.isUsable[1] = false }
    #expect(run.places.allSatisfy { $0 == 0 } && run.homes.allSatisfy { $0 == 0 })
  }

  @Test func aGainWithinTheMarginMovesNothing() {
    let run = decide([1e-3, 0.95e-3], times: 10_000, resident: 1000) { residency in
      residency.missing[1][0] = .init(bytes: 1_000_000, pieces: 1)
    }
    #expect(run.homes.allSatisfy { $0 == 0 })
  }

  @Test func aDeviceOnTheSameProcessorsTakesAllOrNothing() {
    // So much faster that any other device would be chosen for the single operation.
    let single = decide([1, 0.1], times: 1, resident: 1 << 40) { $0.sharesProcessors[1] = true }
    #expect(single.places == [0])
    #expect(decide([1, 0.1], times: 1, resident: 1 << 40).places == [1])
    let little = decide([1, 0.85], times: 1000, resident: 1000) { $0.sharesProcessors[1] = true }
    #expect(little.homes.allSatisfy { $0 == 0 })
    let much = decide([1, 0.7], times: 1000, resident: 1000) { $0.sharesProcessors[1] = true }
    #expect(much.homes.last == 1)
  }

  @Test func theBestOfSeveralDevicesBecomesHome() {
    let three = [profile(), profile(), profile()]
    let run = decide([1e-3, 5e-4, 1e-4], times: 100, resident: 10_000_000, three) { residency in
      residency.written = .init(bytes: 50_000_000, pieces: 1)
    }
    #expect(run.homes.last == 2)
    #expect(!run.homes.contains(1))
  }

  @Test func dataOnAnotherDeviceCostBothCopies() {
    var residency = Placement.Residency(places: 3)
    residency.home = 1
    residency.missing[2][1] = .init(bytes: 10_000_000, pieces: 1)
    residency.resident = .init(bytes: 1 << 40, pieces: 1)
    let three = [profile(), profile(), profile()]
    // Down and up again: 2 ms and two latencies; and the margin.
    let price = 2e-3 + 20e-6 + 0.01 * (1 - 1 / 1.1)
    func place(_ gain: Double) -> Int {
      Placement.choose([1, 0.01, 0.01 - gain], residency, three).place
    }
    #expect(place(price + 1e-6) == 2)
    #expect(place(price - 1e-6) == 1)
  }

  /// Costs of random phases, each long: never worse than a small multiple of the better of the two
  /// fixed homes, moves included.
  @Test func noSequenceIsMuchWorseThanTheBetterHome() {
    var state: UInt64 = 1
    func random() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 40) * 0x1p-24
    }
    for _ in 0..<50 {
      let resident = Int(1e6 + 2e8 * random())
      var residency = Placement.Residency(places: 2)
      residency.resident = .init(bytes: resident, pieces: 1)
      residency.written = .init(bytes: 1_000_000_000, pieces: 1)
      var (paid, fixed) = (0.0, [0.0, 0.0])
      for _ in 0..<10 {
        let cost = [1e-4 + 1e-3 * random(), 1e-4 + 1e-3 * random()]
        for _ in 0..<Int(1 + 200 * random()) {
          let decision = Placement.choose(cost, residency, pair)
          if decision.home != residency.home {
            paid += Placement.moving(to: decision.home, residency, pair)
          }
          residency.home = decision.home
          residency.regret = decision.regret
          paid += cost[decision.place]
          for place in 0..<2 { fixed[place] += cost[place] }
        }
      }
      let moving = Placement.moving(to: 1 - residency.home, residency, pair)
      #expect(paid <= 3 * min(fixed[0], fixed[1]) + 2 * moving)
    }
  }
}
