import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// Kernels that are killed, interrupted, and larger than their memory.
struct LargeKernelTests {
  private static let count = 180

  /// Some 450 tiles, each noted at once.
  private static let settings = [
    "kernel", "--model", "mlp:16x1", "--width", "finite", "--inputs", "x.npy", "--tile", "6",
    "--journal-every", "0", "--json",
  ]

  private func makeFolder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let inputs: [Double] = sampleInputs(Self.count * 5, modulus: 103)
    try folder.write("x.npy", inputs, shape: [Self.count, 5])
    return folder
  }

  /// Waits until a journal has so many bytes more.
  private func wait(for bytes: Int, in name: String, _ folder: TemporaryFolder) {
    let start = folder.text(name).utf8.count
    for _ in 0..<20_000 where folder.text(name).utf8.count < start + bytes { usleep(500) }
  }

  @Test func killedTwice() throws {
    let folder = try makeFolder()
    let whole = try Command.run(
      Self.settings + ["--output", "whole.npy", "--journal-every", "1"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    let expected = try folder.bytes("whole.npy")
    let tiles = try whole.number("tiles")
    var finished: [Int] = []
    for backend in ["openblas", "opencl"] {
      let child = try Child(
        Self.settings + ["--output", "k.npy", "--resume", "--backend", backend], in: folder)
      wait(for: 250, in: "k.npy.journal", folder)
      child.send(SIGKILL)
      #expect(try child.wait().status == -SIGKILL)
      #expect(!folder.names().contains("k.npy"))
      finished.append(folder.text("k.npy.journal").count { $0 == "\n" } - 1)
    }
    #expect(finished[0] > 0 && finished[1] > finished[0] && Double(finished[1]) < tiles)
    // What is not journaled may be anything.
    expectSentence(
      try Command.run(
        Self.settings + ["--output", "k.npy"], in: folder), "k.npy.partial", "--resume")
    expectSentence(
      try Command.run(
        Self.settings + ["--output", "k.npy", "--resume", "--kind", "nngp"], in: folder),
      "--kind ntk, not with --kind nngp", "another --output")
    expectSentence(
      try Command.run(
        Self.settings + ["--output", "k.npy", "--resume", "--seed", "1"], in: folder), "--seed 0")
    try folder.write("y.npy", [1, 2, 3, 4, 5], shape: [1, 5])
    var other = Self.settings
    other[6] = "y.npy"
    expectSentence(
      try Command.run(other + ["--output", "k.npy", "--resume"], in: folder), "another --inputs")
    // Tiles are those it began with, whatever the limit says.
    var resumed = Self.settings
    resumed.removeSubrange(7...8)
    resumed += [
      "--output", "k.npy", "--resume", "--memory-limit", "100MiB", "--backend", "openblas",
    ]
    let last = try Command.run(resumed, in: folder)
    #expect(last.status == 0, "\(last.errors)")
    #expect(try last.number("computed_tiles") == tiles - Double(finished[1]))
    #expect(try folder.bytes("k.npy") == expected)
    #expect(!folder.names().contains { $0.hasPrefix("k.npy.") })
    // Finished, it prints its result again.
    let again = try Command.run(resumed, in: folder)
    #expect(again.errors.contains("finished already"))
    #expect(try again.json["shape"] == last.json["shape"])
    #expect(try again.number("computed_tiles") == 0)
    expectSentence(
      try Command.run(resumed + ["--seed", "3", "--quiet"], in: folder), "another kernel")
    #expect(try folder.bytes("k.npy") == expected)
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func interrupted(_ signal: Int32, _ status: Int32) throws {
    let folder = try makeFolder()
    let whole = try Command.run(
      Self.settings + ["--output", "whole.npy", "--journal-every", "1"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    let child = try Child(
      Self.settings + ["--output", "k.npy", "--backend", "openblas"], in: folder)
    wait(for: 200, in: "k.npy.journal", folder)
    // Nobody else may work on it meanwhile.
    child.send(SIGSTOP)
    let second = try Command.run(
      Self.settings + ["--output", "k.npy", "--resume", "--quiet"], in: folder)
    child.send(signal)
    child.send(SIGCONT)
    let outcome = try child.wait()
    expectSentence(second, "another process")
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.output.isEmpty && outcome.errors.contains("--resume"), "\(outcome.errors)")
    #expect(!folder.names().contains("k.npy"))
    let resumed = try Command.run(
      Self.settings + ["--output", "k.npy", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try resumed.number("computed_tiles") < whole.number("tiles"))
    #expect(try folder.bytes("k.npy") == folder.bytes("whole.npy"))
  }

  /// The file alone has 64 MiB.
  @Test func memoryStaysBelowItsLimit() throws {
    let folder = try TemporaryFolder()
    let n = 4096
    try folder.write("x.npy", sampleInputs(n * 3, modulus: 41), shape: [n, 3])
    let arguments = [
      "kernel", "--model", "mlp:8x1", "--width", "finite", "--inputs", "x.npy", "--output", "k.npy",
      "--backend", "openblas", "--json",
    ]
    let limit = 72 << 20
    func run(_ more: String...) throws -> Command.Outcome {
      let outcome = try Child(arguments + more, in: folder).wait(measuresMemory: true)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome
    }
    let plan = try run("--memory-limit", "72MiB", "--plan")
    let outcome = try run("--memory-limit", "72MiB")
    let peak = try #require(outcome.peakBytes)
    #expect(peak < limit, "\(peak)")
    let planned = try plan.number("peak_bytes")
    #expect(planned <= Double(limit) && Double(peak) <= planned)
    expectSentence(
      try Command.run(arguments + ["--memory-limit", "72MiB", "--tile", "4096"], in: folder),
      "4096 rows", "more than the limit of 72.0 MiB", "give --tile ")
    // A limit that is no limit: the plan is not far off.
    let free = try run("--memory-limit", "4GiB", "--plan").number("peak_bytes")
    let used = try #require(run("--memory-limit", "4GiB").peakBytes)
    #expect(Double(used) < free && free < 3 * Double(used), "\(used) of \(free)")
  }

  @Test func aFullDiskIsSaidBeforeTheWork() throws {
    let folder = try makeFolder()
    let outcome = try Command.run(
      Self.settings + ["--output", "k.npy", "--quiet"], in: folder, shell: "ulimit -f 100;")
    expectSentence(outcome, "k.npy.partial", "free space", "--shard")
    #expect(folder.names() == ["x.npy"])
  }
}

/// Made-up numbers between −½ and ½, most rows unlike.
func sampleInputs(_ count: Int, modulus: Int) -> [Double] {
  (0..<count).map { index in
    let square = index * index + index / modulus
    return Double(square % modulus) / Double(modulus) - 0.5
  }
}
