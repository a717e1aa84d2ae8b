import Compute
import OpenBLASBackend
import OpenCLBackend
import Scheduling
import TestSupport
import Testing

@testable import Verification

/// Every case of `verify` under every level of checking: nothing right is called wrong.
@BackendActor @Suite struct CheckedCasesTests {
  private func run(
    _ cases: [VerificationCase], on device: any Backend, level: CheckLevel
  ) throws -> (checks: CheckStatistics, operations: Int) {
    var operations = 0
    let cpu = try OpenBLASBackend(threads: 1)
    let checked = try CheckedBackend(device, against: cpu, level: level, seed: 3)
    for (number, one) in cases.enumerated() {
      let bench = Workbench(checked, type: one.type, inputs: Workbench.Inputs(number: number))
      let prepared = try one.prepare(bench)
      operations += 1
      // Projections check what an interpolated product consists of.
      if level == .freivalds, case .jetContraction(let product) = prepared.operation,
        product.plan.isInterpolated
      {
        operations += try product.lowered(workspace: checked.allocate).count - 1
      }
      do {
        try checked.run(prepared.operation)
        try checked.finish()
      } catch let error as Disagreement {
        Issue.record("\(one.operation), \(one.label): \(error)")
      }
    }
    return (checked.checks, operations)
  }

  @Test(arguments: [CheckLevel.elements, .freivalds, .whole(every: 1)])
  func nothingRightIsCalledWrong(_ level: CheckLevel) throws {
    var cases = VerificationCase.all(quick: false)
    // The others are checked as by `elements`.
    if level == .freivalds { cases = cases.filter { $0.operation.hasSuffix("contraction") } }
    let (statistics, operations) = try run(cases, on: OpenBLASBackend(threads: 2), level: level)
    #expect(statistics.operations == operations && operations >= cases.count)
    #expect(statistics.checkedOperations <= cases.count)
    let own = ["projection", "projection_residual", "extraction"]
    if level == .whole(every: 1) {
      #expect(statistics.unchecked.isEmpty)
    } else {
      // Long sums only.
      #expect(statistics.unchecked.keys.allSatisfy { $0 == "reduction" || own.contains($0) })
    }
    if level == .freivalds {
      #expect(statistics.projections == cases.count)
    } else {
      #expect(statistics.checkedOperations > cases.count * 9 / 10)
      #expect(statistics.oracleChecks > cases.count / 20)
    }
  }

  @Test(
    arguments: [CheckLevel.elements, .freivalds, .whole(every: 1)],
    [BackendUnderTest.openclHost, .openclDevice])
  func neitherOnADevice(_ level: CheckLevel, _ place: BackendUnderTest) throws {
    let cases = VerificationCase.all(quick: true)
    let (statistics, operations) = try run(cases, on: place.backend(), level: level)
    #expect(statistics.operations == operations)
  }

  /// Fast contractions are judged by the definition's bound.
  @Test(arguments: [CheckLevel.elements, .freivalds, .whole(every: 1)])
  func neitherInFastNumerics(_ level: CheckLevel) throws {
    let cases = VerificationCase.all(quick: true).filter { $0.oracle != .bits }
    let device: OpenBLASBackend
    do {
      device = try OpenBLASBackend(numerics: .fast, threads: 2)
    } catch {
      return
    }
    let (statistics, operations) = try run(cases, on: device, level: level)
    #expect(statistics.operations == operations)
  }
}
