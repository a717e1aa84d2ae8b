import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// A study that was stopped, in whatever way, ends as if it had not been.
struct StudyResumeTests {
  /// Order 3 diverges at the larger rate.
  private static let settings = [
    "study", "--model", "mlp:48x2", "--activation", "tanh", "--orders", "1,3,full", "--seeds",
    "0..1", "--grid", "lr=0.05,40", "--epochs", "3", "--batch-size", "64", "--log-every", "7",
    "--checkpoint-every", "5", "--evaluate-every", "18", "--validation-share", "0.1", "--json",
  ]

  /// All files below a study that must be alike: not those that hold times or names of back ends.
  private func files(_ study: String, in folder: TemporaryFolder) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    func collect(_ path: String) throws {
      for name in folder.names("\(study)/\(path)") {
        let below = path.isEmpty ? name : "\(path)/\(name)"
        var isFolder = false
        _ = FileManager.default.fileExists(
          atPath: "\(folder.path)/\(study)/\(below)", isDirectory: &isFolder)
        if isFolder {
          try collect(below)
        } else if !["run.json", "study.json", "result.json", "report.html"].contains(name) {
          files[below] = try folder.bytes("\(study)/\(below)")
        }
      }
    }
    try collect("")
    return files
  }

  private func expectEqual(_ a: String, _ b: String, in folder: TemporaryFolder) throws {
    let (first, second) = (try files(a, in: folder), try files(b, in: folder))
    #expect(first.keys.sorted() == second.keys.sorted())
    #expect(first.count > 100)
    for (name, bytes) in first { #expect(second[name] == bytes, "\(name)") }
  }

  @Test func killedAgainAndAgain() throws {
    let folder = try TemporaryFolder()
    let whole = try Command.run(
      Self.settings + ["--out", "whole", "--backend", "openblas"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    let table = CSVText(folder.text("whole/study.csv"))
    #expect(table.rows(["diverged": "1", "order": "3", "lr": "40"]).count == 2)
    #expect(table.rows(["diverged": "1"]).count == 2)
    var delays: [UInt32] = [5, 20, 50, 90, 140]
    delays += (0..<9).map { _ in UInt32.random(in: 20...500) }
    var kills = 0
    for (index, delay) in delays.enumerated() {
      let child = try Child(
        Self.settings + ["--out", "broken", "--resume", "--backend"]
          + [index % 4 == 3 ? "opencl" : "openblas"], in: folder)
      usleep(delay * 1000)
      child.send(SIGKILL)
      if try child.wait().status == -SIGKILL { kills += 1 }
    }
    #expect(kills >= 5)
    // And once in good order.
    let child = try Child(Self.settings + ["--out", "broken", "--resume"], in: folder)
    usleep(200_000)
    child.send(SIGINT)
    let interrupted = try child.wait()
    #expect([0, 130, -SIGINT].contains(interrupted.status), "\(interrupted.errors)")
    let resumed = try Command.run(
      Self.settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectEqual("whole", "broken", in: folder)
    #expect(try resumed.json["summary"] == whole.json["summary"])
    // A finished study prints its result again and changes nothing.
    let before = try files("broken", in: folder)
    let again = try Command.run(
      Self.settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
    #expect(try again.json == resumed.json)
    #expect(try files("broken", in: folder) == before)
  }

  /// Interrupted at a step that is no checkpoint, between lines of metrics.
  @Test func interrupted() throws {
    let folder = try TemporaryFolder()
    let settings = [
      "study", "--model", "mlp:160x3", "--activation", "tanh", "--orders", "2,full", "--steps",
      "60", "--log-every", "9", "--checkpoint-every", "0", "--evaluate-every", "25", "--quiet",
      "--json", "--backend", "openblas", "--out",
    ]
    let whole = try Command.run(settings + ["whole"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    var interruptions = 0
    for _ in 0..<3 {
      let child = try Child(settings + ["broken", "--resume"], in: folder)
      // Once rows are there, the signals are caught.
      let start = folder.text("broken/seed-0/order-2/metrics.jsonl").count
      for _ in 0..<3000
      where folder.text("broken/seed-0/order-2/metrics.jsonl").count <= start {
        usleep(1000)
      }
      child.send(SIGTERM)
      let outcome = try child.wait()
      if outcome.status == 0 { break }
      #expect(outcome.status == 143, "\(outcome.errors)")
      interruptions += 1
    }
    #expect(interruptions >= 1)
    let resumed = try Command.run(settings + ["broken", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    for name in [
      "study.csv", "summary.csv", "seed-0/order-2/metrics.csv", "seed-0/order-2/final.safetensors",
      "seed-0/order-full/metrics.jsonl", "seed-0/order-full/final.safetensors",
    ] {
      #expect(try folder.bytes("whole/\(name)") == folder.bytes("broken/\(name)"), "\(name)")
    }
  }

  @Test func otherSettingsAreNamed() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "study", "--model", "mlp:8x1", "--steps", "3", "--out", "s", "--orders", "1,full",
    ]
    #expect(try Command.run(arguments, in: folder).status == 0)
    let before = try folder.bytes("s/study.json")
    let changes: [([String], String)] = [
      (["--lr", "0.2"], "--lr 0.1, not with --lr 0.2"),
      (["--orders", "1,2,full"], "--orders 1,full, not with --orders 1,2,full"),
      (["--seeds", "0..2"], "--seeds 0, not with --seeds 0,1,2"),
      (["--grid", "lr=1,2"], "no --grid, not with --grid lr=1,2"),
      (["--kernel-probes", "2"], "--kernel-probes 8, not with --kernel-probes 2"),
      (["--model", "mlp:9x1"], "another network"), (["--center", "s"], "--initial"),
    ]
    for (change, words) in changes {
      expectSentence(
        try Command.run(arguments + ["--resume"] + change, in: folder), "the study in s", words,
        "another --out")
    }
    #expect(try folder.bytes("s/study.json") == before)
    expectSentence(try Command.run(arguments, in: folder), "s is not empty", "--resume")
    try folder.remove("s/study.json")
    expectSentence(try Command.run(arguments + ["--resume"], in: folder), "no study.json")
    expectSentence(
      try Command.run(
        "train", "--model", "mlp:8x1", "--out", "s", "--resume", in: folder), "no run.json")
  }

  @Test func tamperedFolders() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "study", "--model", "mlp:8x1", "--steps", "30", "--checkpoint-every", "10", "--orders",
      "1,full", "--out",
    ]
    #expect(try Command.run(arguments + ["s"], in: folder).status == 0)
    try folder.remove("s/result.json")
    let progress = folder.text("s/seed-0/progress.json")
    try folder.write("s/seed-0/progress.json", "{}")
    expectSentence(
      try Command.run(arguments + ["s", "--resume"], in: folder), "progress.json", "damaged")
    try folder.write(
      "s/seed-0/progress.json",
      progress.replacing("\"finished\":true", with: "\"finished\":false"))
    // It says step 30, and one member's checkpoint of that step is gone.
    try folder.remove("s/seed-0/order-1/checkpoints/step-30.safetensors")
    expectSentence(
      try Command.run(arguments + ["s", "--resume"], in: folder), "no checkpoint of step 30")
  }
}
