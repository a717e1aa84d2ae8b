import FoundationEssentials
import Maclaurin
import Testing

/// `--report` of kernels and of predictions.
@Suite struct KernelReportTests {
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", (0..<12).map { Double($0 * $0 % 7) - 3 }, shape: [6, 2])
    return folder
  }

  private let kernel = ["kernel", "--model", "mlp:8x1", "--inputs", "x.npy", "--output", "k.npy"]

  /// Eigenvalues of the page add up to the trace of what was written.
  @Test func pageOfAKernel() throws {
    let folder = try folder()
    let outcome = try Command.run(kernel + ["--report", "page", "--json"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains(#""report":"page/report.html""#))
    let values = try NumpyFile.read(folder.path + "/k.npy").doubles()
    let trace = (0..<6).reduce(0) { $0 + values[$1 * 7] }
    let lines = String(
      decoding: try FileContents.read(folder.path + "/page/eigenvalues.csv"), as: UTF8.self
    ).split(separator: "\n").dropFirst()
    let sum = lines.compactMap { Double($0.split(separator: ",").last ?? "") }.reduce(0, +)
    #expect(lines.count == 6 && abs(sum - trace) < 1e-9 * trace, "\(lines)")
    #expect(FileManager.default.fileExists(atPath: folder.path + "/page/figures/kernel.svg"))
  }

  @Test(arguments: [["x.npy"], ["x.npy/page"], ["page", "--shard", "1/1"]])
  func refusedBeforeTheWork(_ report: [String]) throws {
    let folder = try folder()
    let outcome = try Command.run(kernel + ["--report"] + report, in: folder)
    #expect(outcome.status != 0 && outcome.errors.contains("--report"), "\(outcome)")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/k.npy"))
  }

  /// With labels the mean has a column for each class, and accuracies are known.
  @Test func labelsOfAPreset() throws {
    let folder = try folder()
    try NumpyFile.write(
      NumericArray([0, 2, 1, 1, 0, 2] as [Int32], shape: [6]), to: folder.path + "/y.npy")
    let outcome = try Command.run(
      [
        "predict", "--model", "mlp:8x1", "--inputs", "x.npy", "--targets", "y.npy",
        "--test-inputs", "x.npy", "--test-targets", "y.npy", "--ridge", "1e-3", "--mean", "m.npy",
        "--time", "1,10", "--report", "page", "--json",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try NumpyFile.read(folder.path + "/m.npy").shape == [2, 6, 3])
    #expect(outcome.output.contains("test_accuracy"))
    for name in ["predicted-true", "loss"] {
      #expect(
        FileManager.default.fileExists(atPath: folder.path + "/page/figures/\(name).svg"), "\(name)"
      )
    }
  }
}
