import Compute
import Glibc
import OpenBLASBackend
import TestSupport
import Testing

@testable import Scheduling

@Suite struct ProfileMeasurementTests {
  private static func profile(
    of device: SimulatedBackend, type: ScalarType = .float32, budget: Double = 2
  ) throws -> DeviceProfile {
    try ProfileMeasurement.measure(
      device, type: type, opening: 0.25, budget: budget, now: { device.time })
  }

  private static func contraction(
    _ m: Int, _ n: Int, _ k: Int, transposeA: Bool = false, transposeB: Bool = false
  ) -> Compute.Operation {
    let backend = NullBackend()
    func matrix(_ rows: Int, _ columns: Int, _ exchanged: Bool) -> Matrix {
      let buffer = backend.allocate(rows * columns, .float32)
      return Matrix(buffer, rows: exchanged ? columns : rows, columns: exchanged ? rows : columns)
    }
    return .contraction(
      Contraction(
        matrix(m, k, transposeA), matrix(k, n, transposeB), into: matrix(m, n, false),
        transposeA: transposeA, transposeB: transposeB))
  }

  /// Launch and flops, A transposed three times as slow; other operations also move bytes.
  private static func roofline(
    launch: Double, rate: Double
  ) -> (Compute.Operation) -> Double {
    return { operation in
      let cost = operation.cost
      switch operation {
      case .contraction(let contraction):
        return launch + (contraction.transposeA ? 3 : 1) * cost.flops / rate
      default: return launch + cost.flops / rate + cost.bytes / 1e11
      }
    }
  }

  /// Knots are two doublings apart; on a slow device the time may suffice for the coarse grid only,
  /// where they are four.
  @Test(arguments: [(1e10, 4), (1e11, 2), (1e12, 2), (1e14, 2)])
  func aRooflineIsRecovered(_ rate: Double, _ cell: Double) throws {
    let seconds = Self.roofline(launch: 5e-6, rate: rate)
    let profile = try Self.profile(of: SimulatedBackend(seconds: seconds))
    #expect(profile.isValid)
    var random = SystemRandomNumberGenerator()
    var worst = (low: 1.0, high: 1.0)
    for _ in 0..<500 {
      func extent() -> Int { Int(8 * (1 << Int.random(in: 0...7, using: &random))) }
      let (m, n, k) = (
        extent() + Int.random(in: 0...7), extent() + Int.random(in: 0...7),
        extent() + Int.random(in: 0...7)
      )
      let form = Int.random(in: 0...2)
      let operation = Self.contraction(m, n, k, transposeA: form == 1, transposeB: form == 2)
      let ratio = profile.seconds(operation) / seconds(operation)
      worst = (min(worst.low, ratio), max(worst.high, ratio))
    }
    print("estimates are \(worst.low) to \(worst.high) times the time at \(rate) flops per second")
    // A thousandth for the rounding of what is kept.
    let bound = 1 + ProfileTableTests.convexity(cell: cell)
    #expect(worst.low > 0.999 && worst.high < 1.001 * bound)
  }

  @Test func latenciesAndRatesAreRecovered() throws {
    let device = SimulatedBackend(
      latency: 2e-5, rate: 4e9, seconds: Self.roofline(launch: 5e-6, rate: 1e12))
    let profile = try Self.profile(of: device)
    #expect(abs(profile.transferLatency / 2e-5 - 1) < 0.01)
    #expect(abs(profile.uploadRate / 4e9 - 1) < 0.01)
    #expect(abs(profile.downloadRate / 4e9 - 1) < 0.01)
    #expect(abs(profile.launch / 5e-6 - 1) < 0.01)
    // Launch (0.7 %) and the two flops per element (1.7 %) count as memory.
    #expect(profile.memoryRate < 1e11 && profile.memoryRate > 0.97e11)
    // The transposed form is slower; the highest rate is that of the others.
    let largest = Self.contraction(2048, 2048, 2048)
    let time = Self.roofline(launch: 5e-6, rate: 1e12)(largest)
    #expect(abs(profile.contractionRate / (largest.cost.flops / time) - 1) < 0.001)
    #expect(profile.opening == 0.25)
    #expect(profile.type == .float32)
    #expect(profile.fusesJets)
  }

  /// However slow the device: only the smallest size of each table is measured in any case.
  @Test(arguments: [1e6, 1e8, 1e10]) func theBudgetHolds(_ rate: Double) throws {
    let device = SimulatedBackend(seconds: Self.roofline(launch: 1e-5, rate: rate))
    let profile = try Self.profile(of: device, budget: 0.5)
    // 11 tables, whose smallest sizes have at most 10⁴ flops, 194 times each.
    let forced = 11 * 194 * (1e-5 + 1e4 / rate)
    // The arenas: two flops for each of their elements, of which there are 2¹⁸ at least.
    let filling = max(0.2, 2 * 2.2 * exp2(18.0) / rate)
    #expect(device.time < 0.5 + forced + filling)
    #expect(profile.isValid)
    #expect(profile.note != nil)
    print("\(rate) flops per second: \(device.time) s; \(profile.note ?? "")")
  }

  /// Compiling delays the measurement but takes nothing from it.
  @Test func compilingIsNotCounted() throws {
    let seconds = Self.roofline(launch: 1e-5, rate: 1e11)
    let quick = SimulatedBackend(seconds: seconds)
    let slow = SimulatedBackend(compiling: 3, seconds: seconds)
    let expected = try Self.profile(of: quick, budget: 100)
    let profile = try Self.profile(of: slow, budget: 100)
    #expect(profile.contractions == expected.contractions)
    #expect(profile.elementwise == expected.elementwise)
    #expect(slow.operations == quick.operations)
    #expect(slow.time > quick.time + 20)
  }

  @Test func aSmallDeviceHasSmallOperands() throws {
    let device = SimulatedBackend(
      memory: 40 << 20, seconds: Self.roofline(launch: 1e-5, rate: 1e12))
    let profile = try Self.profile(of: device)
    #expect(profile.isValid)
    #expect(profile.note != nil)
    let none = SimulatedBackend(memory: 1 << 20, seconds: { _ in 1e-5 })
    #expect(throws: BackendError.self) { try Self.profile(of: none) }
  }

  @Test(arguments: [ScalarType.float32, .float64])
  @BackendActor func theCPUPathHasAProfile(_ type: ScalarType) throws {
    let backend = try OpenBLASBackend()
    let profile = try ProfileMeasurement.measure(backend, type: type, budget: 0.1)
    #expect(profile.isValid)
    #expect(!profile.fusesJets)
    #expect(profile.type == type)
    #expect(profile.contractions != nil && profile.elementwise != nil)
    for extent in [1, 10, 100, 1000] {
      let seconds = profile.seconds(Self.contraction(extent, extent, extent))
      #expect(seconds > 0 && seconds < 10)
    }
  }
}
