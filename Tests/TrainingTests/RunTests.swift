import Compute
import DataSets
import FoundationEssentials
import Networks
import TestSupport
import Testing
import Training

/// What a run does besides its steps: early stop, the best parameters, failures, resuming.
@BackendActor @Suite struct RunTests {
  private let backend: any Backend

  init() throws { backend = try BackendUnderTest.openblas2.backend() }

  private func settings(_ order: Int, steps: Int = 12) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: .momentum, learningRate: 0.1, batchSize: 25,
      steps: steps, seed: 5, logEvery: 1)
  }

  // MARK: Validation

  /// With learning rate 0 no evaluation is better than the first: the run ends after as many as
  /// `earlyStop` says, and the best parameters are the start.
  @Test func stopsEarly() throws {
    let problem = try Problem.digits(.tanh)
    var settings = settings(1)
    settings.learningRate = 0
    settings.evaluateEvery = 2
    settings.earlyStop = 3
    let folder = TemporaryFolder("early")
    let trainer = try problem.trainer(
      settings, on: backend, directory: makeDirectory(folder), validates: true)
    let result = try trainer.run()
    #expect(result.stoppedEarly && result.steps == 6)
    let best = try problem.network.readParameters(
      SafetensorsFile(folder.path + "/best.safetensors"))
    #expect(best == problem.start)
  }

  /// best.safetensors holds the parameters of the evaluation with the least validation loss: those
  /// of a run that ends there.
  @Test func keepsTheBestParameters() throws {
    let problem = try Problem.digits(.relu)
    var settings = settings(0, steps: 40)
    // So large that the validation loss rises again.
    settings.learningRate = 0.5
    settings.evaluateEvery = 1
    let folder = TemporaryFolder("best")
    let directory = try makeDirectory(folder)
    let result = try problem.trainer(
      settings, on: backend, directory: directory, validates: true
    ).run()
    #expect(!result.stoppedEarly && result.steps == 40)
    let losses = try directory.metrics().compactMap { record -> (step: Int, loss: Double)? in
      guard case .number(let step)? = record["step"],
        case .number(let loss)? = record["validation_loss"]
      else { return nil }
      return (Int(step), loss)
    }
    #expect(losses.count == 41)
    let best = try #require(losses.min { $0.loss < $1.loss })
    #expect(best.step > 0 && best.step < 40, "not a case that shows anything: step \(best.step)")
    settings.steps = best.step
    let shorter = try problem.trainer(settings, on: backend)
    _ = try shorter.run()
    let kept = try problem.network.readParameters(
      SafetensorsFile(folder.path + "/best.safetensors"))
    #expect(bits(kept) == bits(try shorter.parameters()))
  }

  // MARK: Failures

  /// A loss that is not finite stops the run with the step's number, whenever losses are read.
  @Test func divergenceNamesTheStep() throws {
    let problem = try Problem.digits(.relu)
    var sentences: Set<String> = []
    for logEvery in [1, 5, 10] {
      var settings = settings(2, steps: 30)
      settings.learningRate = 1e4
      settings.logEvery = logEvery
      let trainer = try problem.trainer(settings, on: backend)
      let error = #expect(throws: TrainingError.self) { _ = try trainer.run() }
      sentences.insert(try #require(error).description)
    }
    #expect(sentences.count == 1)
    let sentence = try #require(sentences.first)
    #expect(sentence.firstMatch(of: /the loss became \S+ at step (\d+)/) != nil, "\(sentence)")
    #expect(!sentence.contains("\n"))
  }

  /// Parameters that overflow in an update whose loss was still finite are neither kept in a
  /// checkpoint nor given out as a result.
  @Test(arguments: [1, 4])
  func overflowInAnUpdateStopsTheRun(_ steps: Int) throws {
    let problem = try Problem.digits(.relu)
    var settings = settings(0, steps: steps)
    settings.learningRate = 1e39
    settings.checkpointEvery = 1
    let folder = TemporaryFolder("overflow")
    let trainer = try problem.trainer(settings, on: backend, directory: makeDirectory(folder))
    let error = #expect(throws: TrainingError.self) { _ = try trainer.run() }
    #expect(error?.description.contains("step 1") == true)
    #expect(folder.contents("checkpoints").isEmpty)
    #expect(!folder.contents().contains("final.safetensors"))
  }

  @Test func batchLargerThanTheSet() throws {
    let problem = try Problem.digits(.relu)
    var settings = settings(0)
    settings.batchSize = 61
    let error = #expect(throws: TrainingError.self) {
      _ = try problem.trainer(settings, on: backend)
    }
    #expect(error?.description.contains("61") == true && error?.description.contains("60") == true)
  }

  // MARK: Resuming

  struct Variant: Sendable, CustomStringConvertible {
    var order: Int
    var optimizer: TrainingSettings.Optimizer
    var relinearization = Relinearization.never
    var kernelProbes: Int?
    var description: String { "order \(order), \(optimizer), \(relinearization)" }
  }

  /// A run that was stopped and resumed, from its last checkpoint or from the one before, ends
  /// with the same bits and the same metrics as an unbroken one.
  @Test(arguments: [
    Variant(order: 0, optimizer: .adam), Variant(order: 2, optimizer: .momentum),
    Variant(order: 1, optimizer: .sgd, relinearization: .every(4)),
    Variant(
      order: 2, optimizer: .momentum,
      relinearization: Relinearization(.periodic(every: 2, growth: 1.5), state: .reset),
      kernelProbes: 3),
    Variant(
      order: 1, optimizer: .adam,
      relinearization: Relinearization(.trust(share: 0.05, every: 1), state: .reset)),
    Variant(
      order: 1, optimizer: .sgd,
      relinearization: Relinearization(.adaptiveOrder(tolerance: 0.05, largest: 3, every: 1)),
      kernelProbes: 2),
  ])
  func resumedRunsHaveTheSameBits(_ variant: Variant) throws {
    let problem = try Problem.digits(.tanh)
    var settings = settings(variant.order)
    settings.optimizer = variant.optimizer
    settings.relinearization = variant.relinearization
    settings.kernelProbes = variant.kernelProbes
    settings.checkpointEvery = 5
    settings.evaluateEvery = 4
    settings.saveLogits = true

    let unbroken = TemporaryFolder("unbroken")
    let expected = try problem.trainer(
      settings, on: backend, directory: makeDirectory(unbroken), validates: true
    ).run()
    if variant.relinearization != .never {
      let counts = try metric("expansions", RunDirectory(unbroken.path, resume: true))
      #expect((counts.last ?? 0) > 0, "not a case that shows anything")
    }

    for losesLast in [false, true] {
      let folder = TemporaryFolder("broken")
      let first = try problem.trainer(
        settings, on: backend, directory: makeDirectory(folder), validates: true)
      var step = 0
      first.shouldStop = {
        step += 1
        return step == 7
      }
      let interrupted = try first.run()
      #expect(interrupted.wasInterrupted && interrupted.steps == 7)
      #expect(
        folder.contents("checkpoints") == ["step-5.safetensors", "step-7.safetensors"])
      if losesLast {
        try FileManager.default.removeItem(
          atPath: folder.path + "/checkpoints/step-7.safetensors")
      }
      let second = try problem.trainer(
        settings, on: backend, directory: makeDirectory(folder, resume: true), validates: true)
      #expect(second.lastCheckpointStep == (losesLast ? 5 : 7))
      let result = try second.run()
      #expect(result.parametersSHA256 == expected.parametersSHA256)
      #expect(result.train == expected.train && result.test == expected.test)
      for file in [
        "metrics.jsonl", "metrics.csv", "final.safetensors", "best.safetensors",
        "checkpoints/step-12.safetensors", "logits/step-12.npy",
      ] {
        let read = { try [UInt8](Data(contentsOf: URL(filePath: $0 + "/" + file))) }
        #expect(try read(folder.path) == read(unbroken.path), "\(file)")
      }
    }
  }

  /// Runs from before there were counters of re-expansions and their columns: they go on with the
  /// same bits, and in the columns that they have.
  @Test func olderCheckpointsAreGoneOnWith() throws {
    let problem = try Problem.digits(.tanh)
    var settings = settings(1)
    settings.relinearization = .every(3)
    settings.evaluateEvery = 4
    let expected = try problem.hash(settings, on: backend)
    let folder = TemporaryFolder("older")
    let first = try problem.trainer(settings, on: backend, directory: makeDirectory(folder))
    var step = 0
    first.shouldStop = {
      step += 1
      return step == 8
    }
    _ = try first.run()
    let path = folder.path + "/checkpoints/step-8.safetensors"
    let file = try SafetensorsFile(path)
    #expect(file.metadata["expansions"] == "2" && file.metadata["last_expansion"] == "6")
    try SafetensorsFile.write(
      file.names.map { ($0, try file.tensor($0)) },
      metadata: file.metadata.filter { !$0.key.contains("expansion") }, to: path)
    func lines() throws -> [[Substring]] {
      try String(
        decoding: Data(contentsOf: URL(filePath: folder.path + "/metrics.csv")), as: UTF8.self
      )
      .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }
    let gone = try #require(lines()[0].firstIndex(of: "expansions"))
    let older = try lines().map { cells in
      cells.enumerated().filter { $0.offset != gone }.map(\.element).joined(separator: ",")
    }
    try AtomicFile.write(folder.path + "/metrics.csv", older.joined(separator: "\n") + "\n")
    let second = try problem.trainer(
      settings, on: backend, directory: makeDirectory(folder, resume: true))
    #expect(try second.run().parametersSHA256 == expected)
    let found = try lines()
    #expect(found.allSatisfy { $0.count == found[0].count } && !found[0].contains("expansions"))
    #expect(found.count > older.count)
  }

  /// Resuming a run that has ended gives its result again and leaves its files as they were.
  @Test func finishedRunsAreLeftAlone() throws {
    let problem = try Problem.digits(.tanh)
    var settings = settings(2)
    settings.evaluateEvery = 4
    let folder = TemporaryFolder("finished")
    let first = try problem.trainer(settings, on: backend, directory: makeDirectory(folder)).run()
    let files = ["metrics.jsonl", "metrics.csv", "final.safetensors"]
    func read() throws -> [[UInt8]] {
      try files.map { try [UInt8](Data(contentsOf: URL(filePath: folder.path + "/" + $0))) }
    }
    let before = try read()
    let again = try problem.trainer(
      settings, on: backend, directory: makeDirectory(folder, resume: true)
    ).run()
    #expect(again.parametersSHA256 == first.parametersSHA256)
    #expect(again.train == first.train && again.test == first.test && again.steps == first.steps)
    for (file, bytes) in zip(files, zip(before, try read())) {
      #expect(bytes.0.elementsEqual(bytes.1), "\(file)")
    }
  }

  @Test func checkpointsOfTheLastThreeAreKept() throws {
    var settings = settings(1)
    settings.checkpointEvery = 2
    let folder = TemporaryFolder("kept")
    let problem = try Problem.digits(.relu)
    _ = try problem.trainer(settings, on: backend, directory: makeDirectory(folder)).run()
    #expect(
      folder.contents("checkpoints") == [
        "step-10.safetensors", "step-12.safetensors", "step-8.safetensors",
      ])
  }

  @Test func foldersThatCannotBeUsed() throws {
    let folder = TemporaryFolder("used")
    _ = try makeDirectory(folder)
    var error = #expect(throws: TrainingError.self) {
      _ = try RunDirectory(folder.path, resume: false)
    }
    #expect(error?.description.contains("--resume") == true)
    let other = TemporaryFolder("other")
    try AtomicFile.write(other.path + "/thesis.txt", "text")
    error = #expect(throws: TrainingError.self) { _ = try RunDirectory(other.path, resume: true) }
    #expect(error?.description.contains("other files") == true)
    error = #expect(throws: TrainingError.self) {
      _ = try RunDirectory(other.path + "/thesis.txt", resume: false)
    }
    #expect(error?.description.contains("is a file") == true)
    #expect(other.contents() == ["thesis.txt"])
    // A missing or empty folder starts a run.
    _ = try RunDirectory(TemporaryFolder("empty").path + "/new/run", resume: true)
  }
}
