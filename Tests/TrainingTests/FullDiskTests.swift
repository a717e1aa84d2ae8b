import DataSets
import Glibc
import OpenBLASBackend
import TestSupport
import Testing
import Training

/// A disk that becomes full while a checkpoint is written, in a process of its own: a limit on the
/// size of files stands in for it.
@Suite struct FullDiskTests {
  @Test func previousCheckpointStaysValid() async {
    await #expect(processExitsWith: .success) {
      try await FullDiskTests.run()
    }
  }

  @BackendActor private static func run() throws {
    signal(SIGXFSZ, SIG_IGN)
    let backend = try OpenBLASBackend(threads: 1)
    let problem = try Problem.digits(.tanh)
    var settings = TrainingSettings(
      order: 1, loss: .crossEntropy, batchSize: 25, steps: 8, seed: 1)
    settings.checkpointEvery = 2
    let expected = try problem.hash(settings, on: backend)

    let folder = TemporaryFolder("full-disk")
    let first = try problem.trainer(settings, on: backend, directory: makeDirectory(folder))
    var step = 0
    first.onProgress = { progress in
      step = progress.step
      // The checkpoint of step 4, of 16 kB, no longer fits.
      if step == 4 { limitFiles(8192) }
    }
    var message = ""
    do { _ = try first.run() } catch let error as FileError { message = error.description }
    #expect(step == 4)
    #expect(message.contains("step-4.safetensors"), "\(message)")
    #expect(message.contains("space"), "\(message)")
    #expect(folder.contents("checkpoints") == ["step-2.safetensors"])

    limitFiles(rlim_t.max)
    let second = try problem.trainer(
      settings, on: backend, directory: makeDirectory(folder, resume: true))
    #expect(second.lastCheckpointStep == 2)
    #expect(try second.run().parametersSHA256 == expected)
  }

  private static func limitFiles(_ bytes: rlim_t) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    limit.rlim_cur = min(bytes, limit.rlim_max)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  }
}
