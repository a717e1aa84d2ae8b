import Compute
import Networks
import TestSupport
import Testing
import Training

/// The host enqueues; it waits only where it reads a value, and reads when there is other work.
@BackendActor @Suite struct OverlapTests {
  private typealias Event = ObservedBackend.Event
  private static let step = Event.run("optimizer_update")

  private func settings(logEvery: Int, steps: Int = 23, batch: Int = 25) -> TrainingSettings {
    TrainingSettings(
      order: 2, loss: .crossEntropy, optimizer: .momentum, learningRate: 0.05, batchSize: batch,
      steps: steps, seed: 2, logEvery: logEvery)
  }

  /// Everything that a run asks of its backend, and the run's metrics folder.
  private func events(
    _ settings: TrainingSettings, _ folder: TemporaryFolder, validates: Bool = false
  ) throws -> [Event] {
    let log = Log()
    let backend = ObservedBackend(try BackendUnderTest.openblas2.backend()) {
      log.events.append($0)
    }
    let trainer = try Problem.digits(.tanh).trainer(
      settings, on: backend, directory: makeDirectory(folder), validates: validates)
    log.events = []
    _ = try trainer.run()
    return log.events
  }

  private final class Log { var events: [Event] = [] }

  /// Number and place of every start of a download, and of every wait.
  private func downloads(_ events: [Event]) -> (started: [Int: Int], waited: [Int: Int]) {
    var (started, waited) = ([Int: Int](), [Int: Int]())
    for (place, event) in events.enumerated() {
      switch event {
      case .startDownload(let number, _): started[number] = place
      case .wait(let number): waited[number] = place
      default: break
      }
    }
    return (started, waited)
  }

  // MARK: Steps

  /// From the first step to the last, within and across intervals, nothing waits for what was just
  /// enqueued: at least one step is enqueued between a download's start and its wait. An interval
  /// costs one download, of a loss sum per step and a norm.
  private func expectNoWaits(_ settings: TrainingSettings) throws {
    let (logEvery, events) = (settings.logEvery, try events(settings, TemporaryFolder("overlap")))
    let steps = events.indices.filter { events[$0] == Self.step }
    try #require(steps.count == 23)
    let (first, last) = (steps[0], steps[22])
    #expect(
      !events[first..<last].contains { event in
        if case .download = event { return true }
        return event == .finish
      })
    let (started, waited) = downloads(events)
    for (number, wait) in waited where (first..<last).contains(wait) {
      let start = try #require(started[number])
      #expect(
        steps.contains { start < $0 && $0 < wait }, "download \(number) stalls the queue")
    }
    let sizes = events[first...].compactMap { event in
      if case .startDownload(_, let bytes) = event { bytes } else { nil }
    }
    var intervals = [Int](repeating: logEvery, count: 23 / logEvery)
    if 23 % logEvery > 0 { intervals.append(23 % logEvery) }
    #expect(Array(sizes.prefix(intervals.count)) == intervals.map { 4 * ($0 + 1) })
    // What else is downloaded belongs to the end: two evaluations, the test's outputs, movements.
    #expect(sizes.count == intervals.count + 4)
    #expect(Set(started.keys) == Set(waited.keys))
  }

  @Test(arguments: [(1, 25), (4, 60), (10, 25), (23, 60), (100, 25)])
  func nothingWaitsBetweenSteps(logEvery: Int, batch: Int) throws {
    try expectNoWaits(settings(logEvery: logEvery, batch: batch))
  }

  /// Whatever a step does.
  @Test(arguments: [0, 1, 3]) func noSettingMakesStepsWait(_ order: Int) throws {
    var settings = settings(logEvery: 8)
    settings.order = order
    (settings.optimizer, settings.clipNorm) = (.sgd, 0.5)
    try expectNoWaits(settings)
    settings.optimizer = .adamw
    settings.weightDecay = 0.01
    if order > 0 { settings.relinearization = .every(3, growth: 1.5) }
    try expectNoWaits(settings)
    settings.relinearization.state = .reset
    try expectNoWaits(settings)
  }

  /// The order of an epoch is uploaded while the epoch before is under way, and nothing else is.
  @Test(arguments: [25, 60])
  func ordersAreUploadedAhead(_ batch: Int) throws {
    let events = try events(settings(logEvery: 5, batch: batch), TemporaryFolder("ahead"))
    let steps = events.indices.filter { events[$0] == Self.step }
    let uploads = events.indices.filter {
      if case .upload = events[$0] { true } else { false }
    }
    let perEpoch = batch == 25 ? 3 : 1
    #expect(uploads.count == (23 + perEpoch - 1) / perEpoch)
    for (epoch, upload) in uploads.enumerated() {
      #expect(events[upload] == .upload(.int32, bytes: 60 * 4))
      if epoch == 0 {
        #expect(upload < steps[0])
      } else {
        // Behind the first step of the epoch before, ahead of its second.
        let before = (epoch - 1) * perEpoch
        #expect(steps[before] < upload && upload < steps[before + 1])
      }
    }
  }

  // MARK: Evaluations

  /// An evaluation enqueues all its sets, and the downloads of all sums, before it waits for one.
  @Test func evaluationsWaitOnce() throws {
    var settings = settings(logEvery: 3, steps: 10)
    settings.evaluateEvery = 5
    settings.saveLogits = true
    let events = try events(settings, TemporaryFolder("evaluations"), validates: true)
    let steps = events.indices.filter { events[$0] == Self.step }
    let window = Array(events[steps[4]..<steps[5]])
    let starts = window.indices.filter {
      if case .startDownload = window[$0] { true } else { false }
    }
    let waits = window.indices.filter {
      if case .wait = window[$0] { true } else { false }
    }
    // The interval, sums of two sets, outputs of the test set, movements; and the interval of steps
    // 1 to 3, which has been on its way since step 3.
    #expect(starts.count == 5 && waits.count == 6)
    let last = try #require(starts.last)
    #expect(waits.filter { $0 < last }.count == 1)
    #expect(window.count { $0 == .runIndependently(count: 1) } == 2)
  }

  /// Batches of an evaluation are independent: in whatever order they run, the bits are the same.
  @Test(arguments: BackendUnderTest.canonical)
  func batchesAreIndependent(_ place: BackendUnderTest) throws {
    let problem = try Problem.digits(.gelu)
    let trainer = try problem.trainer(settings(logEvery: 5), on: place.backend())
    _ = try trainer.run()
    let values = try trainer.parameters()
    var found: [[UInt64]] = []
    var batches: [Event] = []
    for reverses in [false, true] {
      let log = Log()
      let backend = ObservedBackend(
        try place.backend(), reversesIndependentWork: reverses
      ) { log.events.append($0) }
      let model = try Model(
        problem.network, center: try backend.matrix(1, values.count, .float32, values), order: 0,
        on: backend)
      let (evaluation, outputs) = try Evaluator(Objective(.crossEntropy), batchSize: 7).evaluate(
        model, on: ResidentExamples(problem.train, type: .float32, on: backend))
      found.append([evaluation.loss.bitPattern] + bits(try backend.download(outputs)))
      batches += log.events.filter { $0 == .runIndependently(count: 9) }
    }
    #expect(batches.count == 2)
    #expect(found[0] == found[1])
  }

  // MARK: What is written

  /// Metrics and progress have the order of steps, whenever their numbers were read.
  @Test func metricsKeepTheirOrder() throws {
    var settings = settings(logEvery: 3, steps: 12)
    settings.evaluateEvery = 5
    settings.checkpointEvery = 4
    let folder = TemporaryFolder("order")
    let directory = try makeDirectory(folder)
    let trainer = try Problem.digits(.relu).trainer(
      settings, on: BackendUnderTest.openblas1.backend(), directory: directory)
    var progress: [String] = []
    trainer.onProgress = { progress.append("\($0.step)\($0.record == nil ? "" : " evaluated")") }
    _ = try trainer.run()
    // Intervals end after three steps, and where something else falls due.
    #expect(
      progress == [
        "0 evaluated", "3", "4", "5", "5 evaluated", "8", "10", "10 evaluated", "12",
      ])
    #expect(try metric("step", directory) == [0, 3, 4, 5, 5, 8, 10, 10, 12, 12])
  }

  /// After a loss that is not finite no metrics and no checkpoints are written, whatever was
  /// enqueued until it was read.
  @Test(arguments: [1, 2, 3, 7, 50])
  func nothingFollowsADivergence(_ logEvery: Int) throws {
    let problem = try Problem.digits(.relu)
    let backend = try BackendUnderTest.openblas1.backend()
    var settings = settings(logEvery: logEvery, steps: 40)
    settings.learningRate = 4
    settings.checkpointEvery = 4
    settings.evaluateEvery = 6
    let folder = TemporaryFolder("divergence")
    let directory = try makeDirectory(folder)
    let trainer = try problem.trainer(settings, on: backend, directory: directory)
    let error = #expect(throws: TrainingError.self) { _ = try trainer.run() }
    let sentence = try #require(error).description
    let bad = try #require(sentence.firstMatch(of: /at step (\d+)/).flatMap { Double($0.1) })
    try #require(bad > 4 && bad < 40, "not a case that shows anything: \(sentence)")
    #expect(sentence.contains("its last checkpoint stands"))
    let steps = try metric("step", directory)
    #expect(steps.last.map { $0 < bad } == true && steps == steps.sorted())
    // Every interval before is there.
    #expect(steps.last.map { $0 >= bad - Double(min(logEvery, 4)) } == true, "\(steps), \(bad)")
    let last = (Int(bad) - 1) / 4 * 4
    #expect(folder.contents("checkpoints").contains("step-\(last).safetensors"))
    #expect(!folder.contents("checkpoints").contains("step-\(last + 4).safetensors"))
  }
}
