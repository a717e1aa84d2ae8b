import Compute
import TestSupport
import Testing

@testable import OpenCLBackend

/// Parts of a device, and several backends at once.
@Suite struct PartsTests {
  private func whole() throws -> OpenCLDevice { try OpenCLDevices.device(0) }

  @Test func partsAreDevices() throws {
    let device = try whole()
    let parts = try device.subdevices(computeUnits: 1)
    #expect(parts.count == device.computeUnits)
    for (number, part) in parts.enumerated() {
      #expect(part.backendName == "opencl:0.\(number)" && part.index == 0 && part.part == [number])
      #expect(part.computeUnits == 1 && part.name == device.name)
      #expect(part.globalMemory == device.globalMemory)
      let backend = try OpenCLBackend(device: part, cacheFolder: nil)
      #expect(backend.name == "opencl:0.\(number)")
    }
    // The same handles again.
    #expect(try device.subdevices(computeUnits: 1).map(\.id) == parts.map(\.id))
    let counted = try device.subdevices(computeUnits: [1])
    #expect(counted.count == 1 && counted[0].computeUnits == 1)
    #expect(counted[0].id != parts[0].id)
  }

  @Test func impossibleDivisionsAreErrors() throws {
    let device = try whole()
    for attempt in [
      { try device.subdevices(computeUnits: 0) },
      { try device.subdevices(computeUnits: device.computeUnits + 1) },
      { try device.subdevices(computeUnits: []) },
      { try device.subdevices(computeUnits: [1, -1]) },
      { try device.subdevices(computeUnits: [device.computeUnits, 1]) },
    ] as [() throws -> [OpenCLDevice]] {
      let error = #expect(throws: BackendError.self) { _ = try attempt() }
      #expect(error?.description.contains(device.label) == true)
      #expect(error?.cause == .request)
    }
  }

  /// Operations of a few kinds on one backend, one at a time, and what they leave.
  private struct Work {
    let backend: OpenCLBackend
    let a, b, c, sum: Matrix

    init(_ backend: OpenCLBackend) throws {
      self.backend = backend
      a = try backend.matrix(37, 1100, .float32, OpenCLBackendTests.sample(37 * 1100, seed: 1))
      b = try backend.matrix(41, 1100, .float32, OpenCLBackendTests.sample(41 * 1100, seed: 2))
      c = try backend.matrix(37, 41, .float32)
      sum = try backend.matrix(1, 1, .float32)
    }

    func step(_ number: Int) throws -> (any Download)? {
      switch number % 4 {
      case 0: try backend.run(.contraction(Contraction(a, b, into: c, transposeB: true)))
      case 1: try backend.run(.linearCombination(LinearCombination(a.flat, 0.99, a.flat)))
      case 2: try backend.run(.reduction(Reduction(.sumOfSquares, of: c.flat, into: sum)))
      default: return try backend.startDownload(sum)
      }
      return nil
    }
  }

  /// Two parts, the same device twice, and both families, all at once: the same bits everywhere.
  @Test func backendsWorkAtOnce() throws {
    let device = try whole()
    let places =
      try device.subdevices(computeUnits: 1).prefix(2).map { ($0, KernelFamily.host) }
      + [(device, .host), (device, .host), (device, .device)]
    let works = try places.map { place, family in
      try Work(OpenCLBackend(device: place, family: family, cacheFolder: nil))
    }
    var sums = [[[UInt8]]](repeating: [], count: works.count)
    for number in 0..<24 {
      let downloads = try works.map { try $0.step(number) }
      for (index, download) in downloads.enumerated() {
        if let download { sums[index].append(try download.wait()) }
      }
    }
    #expect(Set(sums[0]).count == 6, "every round changes the sum")
    for other in sums.dropFirst() { #expect(other == sums[0]) }
    let results = try works.map { try bits($0.c, on: $0.backend) }
    for other in results.dropFirst() { #expect(other == results[0]) }
  }

  /// One domain each, at the same time.
  @Test func backendsWorkOnThreads() async throws {
    let device = try whole()
    let results = try await withThrowingTaskGroup(of: [UInt64].self) { group in
      for place in try device.subdevices(computeUnits: 1).prefix(2) + [device] {
        group.addTask {
          let work = try Work(OpenCLBackend(device: place, cacheFolder: nil))
          for number in 0..<40 { _ = try work.step(number)?.wait() }
          return try bits(work.c, on: work.backend)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    for other in results.dropFirst() { #expect(other == results[0]) }
  }
}
