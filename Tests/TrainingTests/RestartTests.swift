import Compute
import DataSets
import FoundationEssentials
import Networks
import TestSupport
import Testing
import Training

/// A run whose backend fails is gone on with on another one, in the same process.
@BackendActor @Suite struct RestartTests {
  struct Variant: Sendable, CustomStringConvertible {
    var order: Int
    var optimizer: TrainingSettings.Optimizer
    var relinearization = Relinearization.never
    var kernelProbes: Int?
    var checkpointEvery: Int
    var description: String {
      "order \(order), \(optimizer), \(relinearization), "
        + "checkpoints \(checkpointEvery)"
    }
  }

  private func settings(_ variant: Variant) -> TrainingSettings {
    var settings = TrainingSettings(
      order: variant.order, loss: .crossEntropy, optimizer: variant.optimizer,
      learningRate: 0.02, batchSize: 25, steps: 12,
      relinearization: variant.relinearization, seed: 5, logEvery: 2)
    settings.checkpointEvery = variant.checkpointEvery
    settings.evaluateEvery = 4
    settings.saveLogits = true
    settings.kernelProbes = variant.kernelProbes
    return settings
  }

  /// A backend that is gone from the `number`th call on (from 1).
  private func failing(at number: Int, _ counter: Counter) throws -> ObservedBackend {
    ObservedBackend(try BackendUnderTest.openblas1.backend()) { _ in
      counter.calls += 1
      if counter.isArmed, counter.calls >= number {
        throw BackendError("the device does not answer", cause: .device)
      }
    }
  }

  private final class Counter {
    var calls = 0
    var isArmed = false
  }

  /// Runs a trainer until its backend fails at call `number` after the run's begin; the calls of a
  /// run that does not fail.
  @discardableResult
  private func fail(
    at number: Int, _ problem: Problem, _ settings: TrainingSettings, _ directory: RunDirectory?
  ) throws -> Int {
    let counter = Counter()
    let backend = try failing(at: number, counter)
    let trainer = try problem.trainer(
      settings, on: backend, directory: directory, validates: true)
    counter.calls = 0
    counter.isArmed = true
    do {
      _ = try trainer.run()
    } catch let error as BackendError {
      #expect(error.cause == .device && counter.calls == number)
    }
    return counter.calls
  }

  /// All files below a run's folder, and their bytes.
  private func files(_ folder: TemporaryFolder) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for part in ["", "checkpoints/", "logits/"] {
      for name in folder.contents(part) {
        guard let data = FileManager.default.contents(atPath: "\(folder.path)/\(part)\(name)")
        else { continue }
        files[part + name] = [UInt8](data)
      }
    }
    return files
  }

  /// Wherever it fails, the run ends with the bits, the files and the metrics of an unbroken one,
  /// and at no time does it hold a checkpoint that an unbroken run would not have written.
  @Test(arguments: [
    Variant(order: 0, optimizer: .adam, checkpointEvery: 5),
    Variant(order: 2, optimizer: .momentum, checkpointEvery: 5),
    Variant(order: 1, optimizer: .sgd, relinearization: .every(4), checkpointEvery: 4),
    Variant(
      order: 1, optimizer: .adam,
      relinearization: Relinearization(
        .adaptiveOrder(tolerance: 0.02, largest: 2, every: 1), state: .reset),
      kernelProbes: 2, checkpointEvery: 5),
    Variant(order: 2, optimizer: .adam, checkpointEvery: 0),
  ])
  func endsAsIfUnbroken(_ variant: Variant) throws {
    let problem = try Problem.digits(.tanh)
    let settings = settings(variant)
    let unbroken = TemporaryFolder("unbroken")
    let expected = try problem.trainer(
      settings, on: BackendUnderTest.openblas2.backend(), directory: makeDirectory(unbroken),
      validates: true
    ).run()
    let expectedFiles = try files(unbroken)
    #expect(expectedFiles.count > 8)
    // No checkpoint of this run has been removed again.
    let written =
      variant.checkpointEvery == 0
      ? 1
      : (12 + variant.checkpointEvery - 1)
        / variant.checkpointEvery
    #expect(unbroken.contents("checkpoints").count == written)

    let counted = TemporaryFolder("counted")
    let calls = try fail(at: .max, problem, settings, makeDirectory(counted))
    #expect(try files(counted) == expectedFiles)
    #expect(calls > 500)
    let places: [BackendUnderTest] = [.openblas2, .openclHost, .openclDevice]
    for (round, number) in stride(from: 1, through: calls, by: 37).enumerated() {
      let folder = TemporaryFolder("broken")
      let directory = try makeDirectory(folder)
      #expect(try fail(at: number, problem, settings, directory) == number)
      // The next one fails early: while it loads a checkpoint, if there is one.
      try fail(at: 1 + round % 9, problem, settings, directory)
      for (name, bytes) in try files(folder) where name.hasPrefix("checkpoints/") {
        #expect(bytes == expectedFiles[name], "\(name) after call \(number)")
      }
      let result = try problem.trainer(
        settings, on: places[round % places.count].backend(), directory: directory,
        validates: true
      ).run()
      #expect(result.parametersSHA256 == expected.parametersSHA256, "call \(number)")
      #expect(
        result.train == expected.train && result.validation == expected.validation
          && result.test == expected.test && result.steps == 12)
      let found = try files(folder)
      #expect(found.keys.sorted() == expectedFiles.keys.sorted())
      for (name, bytes) in found {
        #expect(bytes == expectedFiles[name], "\(name) after call \(number)")
      }
    }
  }

  /// Without a directory there is nothing to go on from: the run starts over.
  @Test func startsOverWithoutADirectory() throws {
    let problem = try Problem.digits(.tanh)
    let settings = settings(Variant(order: 2, optimizer: .momentum, checkpointEvery: 5))
    let backend = try BackendUnderTest.openblas2.backend()
    let expected = try problem.hash(settings, on: backend)
    let calls = try fail(at: .max, problem, settings, nil)
    for number in stride(from: 1, through: calls, by: calls / 6) {
      #expect(try fail(at: number, problem, settings, nil) == number)
      #expect(try problem.hash(settings, on: backend) == expected)
    }
  }

  /// A download that fails ends the run, and nothing is written after it: for every download.
  @Test func noFileComesFromAFailedDownload() throws {
    let problem = try Problem.digits(.tanh)
    let settings = settings(Variant(order: 1, optimizer: .adam, checkpointEvery: 5))
    let unbroken = TemporaryFolder("unbroken")
    _ = try problem.trainer(
      settings, on: BackendUnderTest.openblas1.backend(), directory: makeDirectory(unbroken),
      validates: true
    ).run()
    let expected = try files(unbroken)

    /// Fails once, at the `number`th wait, download or finish of the run; whether there was one.
    func failsOnce(_ number: Int, _ folder: TemporaryFolder) throws -> Bool {
      let counter = Counter()
      let backend = ObservedBackend(try BackendUnderTest.openblas1.backend()) { event in
        switch event {
        case .wait, .download, .finish: counter.calls += 1
        default: return
        }
        if counter.isArmed, counter.calls == number {
          throw BackendError("the transfer failed", cause: .device)
        }
      }
      let trainer = try problem.trainer(
        settings, on: backend, directory: makeDirectory(folder), validates: true)
      (counter.calls, counter.isArmed) = (0, true)
      do {
        _ = try trainer.run()
        return false
      } catch is BackendError {
        #expect(counter.calls == number, "something was read after the failure")
        return true
      }
    }
    var number = 1
    while true {
      let folder = TemporaryFolder("transfers")
      guard try failsOnce(number, folder) else { break }
      for (name, bytes) in try files(folder) {
        let whole = try #require(expected[name], "\(name) after transfer \(number)")
        if name.hasPrefix("metrics") {
          #expect(whole.starts(with: bytes), "\(name) after transfer \(number)")
        } else if name != "best.safetensors" {
          #expect(whole == bytes, "\(name) after transfer \(number)")
        }
      }
      number += 1
    }
    #expect(number > 30)
  }
}
