import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// A run that was stopped, in whatever way, ends as if it had not been.
struct ResumeTests {
  /// About a second and a half; its metrics lines and checkpoints fall on different steps.
  static let settings = [
    "train", "--model", "mlp:96x2", "--activation", "tanh", "--order", "2", "--epochs", "8",
    "--batch-size", "32", "--optimizer", "adam", "--lr", "0.002", "--validation-share", "0.1",
    "--log-every", "7", "--checkpoint-every", "5", "--evaluate-every", "18", "--json",
  ]

  /// Files that an unbroken and a resumed run must have alike.
  static let files = [
    "metrics.jsonl", "metrics.csv", "initial.safetensors", "best.safetensors",
    "final.safetensors", "network.json", "checkpoints/step-328.safetensors",
  ]

  private func expectEqualRuns(
    _ a: String, _ b: String, in folder: TemporaryFolder,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for name in Self.files {
      #expect(
        try folder.bytes("\(a)/\(name)") == folder.bytes("\(b)/\(name)"),
        "\(name) of \(a) and \(b)", sourceLocation: sourceLocation)
    }
    #expect(folder.names(a) == folder.names(b), sourceLocation: sourceLocation)
    #expect(
      folder.names("\(a)/checkpoints") == folder.names("\(b)/checkpoints"),
      sourceLocation: sourceLocation)
  }

  @Test func killedAgainAndAgain() throws {
    let folder = try TemporaryFolder()
    let whole = try Command.run(
      Self.settings + ["--out", "whole", "--backend", "openblas"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    // From the first file on. The back end and its threads are no settings of a run.
    var delays: [UInt32] = [3, 8, 15, 30, 60, 90]
    delays += (0..<8).map { _ in UInt32.random(in: 5...400) }
    var kills = 0
    for (index, delay) in delays.enumerated() {
      let child = try Child(
        Self.settings + ["--out", "broken", "--resume"]
          + ["--backend", index % 3 == 2 ? "opencl" : "openblas"]
          + ["--threads", index % 2 == 0 ? "1" : "2"], in: folder)
      usleep(delay * 1000)
      child.send(SIGKILL)
      if try child.wait().status == -SIGKILL { kills += 1 }
    }
    #expect(kills >= 6)
    let resumed = try Command.run(
      Self.settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(
      try resumed.text("parameters_sha256") == whole.text("parameters_sha256"), "delays \(delays)")
    try expectEqualRuns("whole", "broken", in: folder)
    // A finished run prints its result again and changes nothing.
    let before = try folder.bytes("broken/metrics.jsonl")
    let again = try Command.run(
      Self.settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
    #expect(try again.json == resumed.json)
    #expect(try folder.bytes("broken/metrics.jsonl") == before)
  }

  /// A resumed run sees the crops and flips that an unbroken one sees.
  @Test func killedWhileImagesAreAugmented() throws {
    let folder = try TemporaryFolder()
    let settings = [
      "train", "--model", "cnn:4x2", "--data", "synthetic:image:n=50,test=4,size=12,classes=3",
      "--augment", "crop:2,flip", "--augment-offsets", "image", "--order", "2", "--epochs", "16",
      "--batch-size", "16", "--lr", "0.02", "--checkpoint-every", "3", "--evaluate-every", "7",
      "--log-every", "5", "--json",
    ]
    let whole = try Command.run(settings + ["--out", "whole", "--backend", "openblas"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    for backend in ["openblas", "opencl"] {
      let child = try Child(
        settings + ["--out", "broken", "--resume", "--backend", backend], in: folder)
      let before = Set(folder.names("broken/checkpoints"))
      for _ in 0..<5000 where Set(folder.names("broken/checkpoints")).isSubset(of: before) {
        usleep(1000)
      }
      child.send(SIGKILL)
      #expect(try child.wait().status == -SIGKILL)
    }
    #expect(!folder.names("broken").contains("result.json"))
    #expect(!folder.names("broken/checkpoints").isEmpty)
    let resumed = try Command.run(
      settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try resumed.text("parameters_sha256") == whole.text("parameters_sha256"))
    for name in ["metrics.jsonl", "metrics.csv", "final.safetensors"] {
      #expect(try folder.bytes("whole/\(name)") == folder.bytes("broken/\(name)"), "\(name)")
    }
    // The pictures matter: without them the run ends elsewhere.
    var plain = settings
    plain.removeSubrange(5..<9)
    let other = try Command.run(plain + ["--backend", "openblas"], in: folder)
    #expect(other.status == 0, "\(other.errors)")
    #expect(try other.text("parameters_sha256") != whole.text("parameters_sha256"))
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func interrupted(_ signal: Int32, _ status: Int32) throws {
    let folder = try TemporaryFolder()
    let whole = try Command.run(
      Self.settings + ["--out", "whole", "--backend", "openblas"], in: folder)
    var interruptions = 0
    for _ in 0..<4 {
      let child = try Child(
        Self.settings + ["--out", "broken", "--resume", "--backend", "openblas"], in: folder)
      // Once metrics are there, the signals are caught.
      let start = folder.text("broken/metrics.jsonl").count
      for _ in 0..<2000 where folder.text("broken/metrics.jsonl").count == start { usleep(1000) }
      usleep(UInt32.random(in: 0...40_000))
      child.send(signal)
      let outcome = try child.wait()
      if outcome.status == 0 { break }
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.contains("--out broken --resume"), "\(outcome.errors)")
      #expect(!folder.names("broken/checkpoints").isEmpty)
      interruptions += 1
    }
    #expect(interruptions >= 2)
    let resumed = try Command.run(
      Self.settings + ["--out", "broken", "--resume", "--backend", "opencl"], in: folder)
    #expect(try resumed.text("parameters_sha256") == whole.text("parameters_sha256"))
    try expectEqualRuns("whole", "broken", in: folder)
  }

  @Test func resumeStartsWhereNothingIs() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path + "/empty", withIntermediateDirectories: true)
    var hashes: Set<String> = []
    for out in ["missing", "empty", "deep/down"] {
      let outcome = try Command.run(
        "train", "--model", "mlp:8x1", "--epochs", "1", "--out", out, "--resume", "--json",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      hashes.insert(try outcome.text("parameters_sha256"))
      #expect(folder.names(out).contains("final.safetensors"))
    }
    #expect(hashes.count == 1)
  }

  @Test func metricsAfterTheCheckpointAreDropped() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "train", "--model", "mlp:8x1", "--steps", "40", "--log-every", "3", "--checkpoint-every",
      "16", "--evaluate-every", "10", "--json", "--out",
    ]
    let whole = try Command.run(arguments + ["whole"], in: folder)
    #expect(try Command.run(arguments + ["cut"], in: folder).status == 0)
    // As if killed after step 40's metrics, before its checkpoint.
    for name in ["result.json", "final.safetensors", "checkpoints/step-40.safetensors"] {
      try folder.remove("cut/\(name)")
    }
    let resumed = try Command.run(arguments + ["cut", "--resume"], in: folder)
    #expect(try resumed.text("parameters_sha256") == whole.text("parameters_sha256"))
    for name in ["metrics.jsonl", "metrics.csv", "final.safetensors"] {
      #expect(try folder.bytes("whole/\(name)") == folder.bytes("cut/\(name)"), "\(name)")
    }
    let steps = folder.text("cut/metrics.csv").split(separator: "\n").dropFirst().compactMap {
      Int($0.prefix { $0 != "," })
    }
    #expect(steps == steps.sorted() && steps.first == 0 && steps.last == 40)
  }

  @Test func otherSettingsAreNamed() throws {
    let folder = try TemporaryFolder()
    let arguments = ["train", "--model", "mlp:8x1", "--epochs", "1", "--out", "run"]
    #expect(try Command.run(arguments, in: folder).status == 0)
    let before = try folder.bytes("run/run.json")
    let changes: [([String], String)] = [
      (["--lr", "0.2"], "--lr 0.1, not with --lr 0.2"),
      (["--order", "3"], "--order full, not with --order 3"),
      (["--seed", "9"], "--seed 0, not with --seed 9"),
      (["--layer-lr", "layers.0=2"], "no --layer-lr, not with --layer-lr"),
      (["--freeze", "*.bias"], "--freeze"), (["--optimizer", "adam"], "--optimizer sgd"),
      (["--dtype", "float64"], "--dtype float32"), (["--numerics", "fast"], "--numerics"),
      (["--test-share", "0.1"], "no --test-share, not with --test-share 0.1"),
      (["--no-standardize"], "--no-standardize"), (["--activation", "tanh"], "another network"),
      (["--batch-size", "64"], "--batch-size 128, not with --batch-size 64"),
    ]
    for (change, words) in changes {
      let outcome = try Command.run(arguments + ["--resume"] + change, in: folder)
      expectSentence(outcome, words, "another --out")
    }
    let longer = try Command.run(
      "train", "--model", "mlp:8x1", "--epochs", "2", "--out", "run", "--resume", in: folder)
    expectSentence(longer, "--steps 12, not with --steps 24")
    #expect(try folder.bytes("run/run.json") == before)
  }

  @Test func tamperedFiles() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "train", "--model", "mlp:8x1", "--epochs", "1", "--checkpoint-every", "5", "--out",
    ]
    #expect(try Command.run(arguments + ["good"], in: folder).status == 0)
    try folder.remove("good/result.json")
    func tampered(_ name: String, _ text: String?) throws -> Command.Outcome {
      let copy = "copy-\(UInt32.random(in: .min ... .max))"
      try folder.copy("good", to: copy)
      if let text {
        try folder.write("\(copy)/\(name)", text)
      } else {
        try folder.remove("\(copy)/\(name)")
      }
      return try Command.run(arguments + [copy, "--resume"], in: folder)
    }
    let record = folder.text("good/run.json")
    expectSentence(try tampered("run.json", "{"), "run.json", "JSON")
    expectSentence(try tampered("run.json", "[]"), "run.json")
    expectSentence(try tampered("run.json", "{}"), "run.json", "no settings")
    expectSentence(
      try tampered("run.json", record.replacing("\"lr\" : 0.1", with: "\"lr\" : 0.3")), "--lr 0.3")
    expectSentence(try tampered("run.json", nil), "no run.json")
    expectSentence(try tampered("network.json", "nonsense"), "network.json", "JSON")
    expectSentence(try tampered("network.json", nil), "network.json")
    expectSentence(try tampered("initial.safetensors", "short"), "initial.safetensors")
    expectSentence(
      try tampered("checkpoints/step-12.safetensors", "short"), "step-12.safetensors", "remove it")
    let data = try folder.bytes("good/checkpoints/step-12.safetensors")
    let cut = String(decoding: data.dropLast(data.count - 900), as: UTF8.self)
    expectSentence(try tampered("checkpoints/step-12.safetensors", cut), "step-12.safetensors")
    // What the advice promises: without it, the one before serves.
    #expect(try tampered("checkpoints/step-12.safetensors", nil).status == 0)
  }

  @Test func oneProcessAtATime() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "train", "--model", "mlp:256x3", "--epochs", "200", "--out", "run", "--resume",
    ]
    let first = try Child(arguments, in: folder)
    for _ in 0..<5000 where folder.text("run/metrics.jsonl").isEmpty { usleep(1000) }
    expectSentence(try Command.run(arguments, in: folder), "another process", "run")
    first.send(SIGTERM)
    #expect(try first.wait().status == 143)
  }
}
