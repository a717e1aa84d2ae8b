import Compute
import DataSets
import FoundationEssentials
import Networks
import TestSupport
import Testing
import Training

/// A group whose backend fails is gone on with on another one, from what it has kept.
@BackendActor @Suite struct StudyGroupTests {
  private static let orders = [2, 0, 1]

  private var settings: TrainingSettings {
    var settings = TrainingSettings(
      order: 0, loss: .crossEntropy, optimizer: .momentum, learningRate: 0.05, batchSize: 25,
      steps: 12, seed: 5, logEvery: 2)
    settings.checkpointEvery = 5
    settings.evaluateEvery = 4
    settings.evaluatesEarly = true
    return settings
  }

  private func group(
    _ problem: Problem, on backend: any Backend, _ directories: [RunDirectory]
  ) throws -> StudyGroup {
    func resident(_ examples: Examples) throws -> ResidentExamples {
      try ResidentExamples(examples, type: .float32, on: backend)
    }
    return try StudyGroup(
      problem.network, settings, Self.orders.map { StudyVariant(order: $0) },
      start: backend.matrix(1, problem.start.count, .float32, problem.start),
      train: resident(problem.train), test: problem.test.map(resident), directories: directories,
      probes: 3, on: backend)
  }

  private func directories(_ folder: TemporaryFolder) throws -> [RunDirectory] {
    try Self.orders.map { order in
      let directory = try RunDirectory("\(folder.path)/order-\(order)", resume: false)
      try directory.write("run.json", Array("{}".utf8))
      return directory
    }
  }

  private func files(_ folder: TemporaryFolder) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for order in Self.orders {
      for part in ["", "checkpoints/", "logits/"] {
        for name in folder.contents("order-\(order)/\(part)") where name.contains(".") {
          let path = "order-\(order)/\(part)\(name)"
          files[path] = try [UInt8](Data(contentsOf: URL(filePath: "\(folder.path)/\(path)")))
        }
      }
    }
    return files
  }

  @Test func endsAsIfUnbroken() throws {
    let problem = try Problem.digits(.tanh)
    let whole = TemporaryFolder("whole")
    let unbroken = try group(
      problem, on: BackendUnderTest.openblas2.backend(), directories(whole))
    #expect(try unbroken.run())
    let expected = try files(whole)
    let rows = unbroken.progress.rows
    #expect(expected.count > 20)
    #expect(rows.map(\.step) == [0, 1, 2, 4, 8, 12].flatMap { [$0, $0, $0] })
    #expect(rows.prefix(3).map(\.variant.name) == ["2", "full", "1"])
    #expect(unbroken.members.allSatisfy { $0.result?.steps == 12 })

    // Where it fails, from the first step to the last download.
    var number = 40
    var failures = 0
    while true {
      let folder = TemporaryFolder("broken")
      let directories = try directories(folder)
      var calls = 0
      var isArmed = false
      let faulty = ObservedBackend(try BackendUnderTest.openblas1.backend()) { _ in
        calls += 1
        if isArmed, calls >= number {
          throw BackendError("the device does not answer", cause: .device)
        }
      }
      var kept: StudyProgress?
      let first = try group(problem, on: faulty, directories)
      first.onCheckpoint = { kept = $0 }
      (calls, isArmed) = (0, true)
      var hasFailed = false
      do {
        _ = try first.run()
      } catch is BackendError {
        hasFailed = true
      }
      guard hasFailed else { break }
      failures += 1
      let places: [BackendUnderTest] = [.openblas2, .openclHost]
      let second = try group(
        problem, on: places[failures % 2].backend(), directories)
      #expect(try second.run(from: kept))
      #expect(second.progress.rows == rows, "after call \(number)")
      let found = try files(folder)
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, bytes) in found {
        #expect(bytes == expected[name], "\(name) after call \(number)")
      }
      number += 331
    }
    #expect(failures > 5)
  }

  /// Every few steps somebody may ask for a stop; what is kept then is enough.
  @Test func stopsBetweenCheckpoints() throws {
    let problem = try Problem.digits(.tanh)
    let whole = TemporaryFolder("whole")
    let backend = try BackendUnderTest.openblas2.backend()
    let unbroken = try group(problem, on: backend, directories(whole))
    #expect(try unbroken.run())
    let folder = TemporaryFolder("stopped")
    let directories = try directories(folder)
    var kept: StudyProgress?
    var steps: [Int] = []
    while true {
      let next = try group(problem, on: backend, directories)
      next.onCheckpoint = { kept = $0 }
      next.shouldStop = { true }
      let isFinished = try next.run(from: kept)
      steps.append(next.progress.step)
      if isFinished {
        #expect(next.progress.rows == unbroken.progress.rows)
        break
      }
    }
    #expect(steps == [1, 2, 4, 5, 8, 10, 12])
    for (name, bytes) in try files(folder) where !name.contains("checkpoints/") {
      #expect(try files(whole)[name] == bytes, "\(name)")
    }
  }
}
