import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// `--tensorboard`, read back by TensorBoard's own package.
struct TensorBoardTests {
  private static let train = [
    "train", "--model", "mlp:8x1", "--order", "2", "--steps", "24", "--evaluate-every", "6",
    "--checkpoint-every", "8", "--log-every", "3", "--quiet", "--tensorboard", "--out",
  ]

  /// The repository's folder.
  private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    .dropLast(3).joined(separator: "/")

  /// What TensorBoard reads in each run's folder: values by tag and step, in order.
  private static func read(
    _ runs: [String], in folder: TemporaryFolder
  ) throws -> [[String: [[Double]]]] {
    let python = root + "/.build/python/bin/python"
    try #require(
      access(python, X_OK) == 0,
      """
      TensorBoard's package is not installed in .build/python: run Scripts/setup.sh all, which \
      takes it from PyPI
      """)
    let output = folder.newPath("events")
    let script = root + "/Tests/CommandTests/read_events.py"
    let words =
      ["/bin/sh", "-c", "exec \"$@\" >\"$0\"", output, python, script]
      + runs.map { "\(folder.path)/\($0)" }
    var argv = words.map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    var child: pid_t = 0
    try #require(posix_spawn(&child, words[0], nil, nil, &argv, environ) == 0)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    try #require(status == 0, "read_events.py failed")
    return try JSONDecoder().decode([[String: [[Double]]]].self, from: Data(readText(output).utf8))
  }

  /// The same from metrics.jsonl, by the published names.
  private static func expected(
    _ run: String, in folder: TemporaryFolder
  ) throws -> [String: [[Double]]] {
    var expected: [String: [[Double]]] = [:]
    for line in folder.text("\(run)/metrics.jsonl").split(separator: "\n") {
      guard case .object(let record) = try JSONValue(text: Array(line.utf8), named: "line"),
        case .number(let step)? = record["step"]
      else {
        Issue.record("no record: \(line)")
        continue
      }
      for (member, value) in record {
        let tag: String
        switch member {
        case "loss": tag = "loss/train"
        case "train_loss": tag = "loss/train_set"
        case "test_loss": tag = "loss/test"
        case "train_accuracy": tag = "accuracy/train"
        case "test_accuracy": tag = "accuracy/test"
        case "gradient_norm": tag = "grad_norm"
        case "learning_rate": tag = "learning_rate"
        case _ where member.hasPrefix("movement."): tag = "dist/absolute/" + member.dropFirst(9)
        case _ where member.hasPrefix("relative_movement."):
          tag = "dist/relative/" + member.dropFirst(18)
        default: continue
        }
        if case .number(let number) = value {
          expected[tag, default: []].append([step, Double(Float(number))])
        }
      }
    }
    return expected
  }

  @Test func theTagsAndValuesAreThoseOfTheMetrics() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(Self.train + ["run"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let read = try Self.read(["run"], in: folder)[0]
    #expect(try read == Self.expected("run", in: folder))
    for tag in [
      "loss/train", "loss/test", "accuracy/test", "accuracy/train", "grad_norm",
      "dist/absolute/layers.0.weight", "dist/relative/layers.0.weight",
      "dist/absolute/layers.2.bias",
    ] { #expect(read[tag]?.isEmpty == false, "\(tag)") }
    #expect(read["loss/test"]?.map { $0[0] } == [0, 6, 12, 18, 24])
  }

  @Test("a run that is resumed has the events of an unbroken one")
  func resumed() throws {
    let folder = try TemporaryFolder()
    #expect(try Command.run(Self.train + ["run"], in: folder).status == 0)
    try folder.copy("run", to: "whole")
    var copies: [String] = []
    func keep() throws {
      copies.append("copy-\(copies.count)")
      try folder.copy("run", to: copies[copies.count - 1])
    }
    // Back to the checkpoint at step 16, as if the run had been killed after step 18 or so.
    for name in ["result.json", "final.safetensors", "checkpoints/step-24.safetensors"] {
      try folder.remove("run/\(name)")
    }
    let events = try #require(folder.names("run").first { $0.hasPrefix("events.out.tfevents.") })
    let bytes = try folder.bytes("run/\(events)")
    for kept in [0, bytes.count * 3 / 4, bytes.count] {
      try folder.write("run/\(events)", Array(bytes[..<kept]))
      for name in ["result.json", "final.safetensors", "checkpoints/step-24.safetensors"] {
        try? folder.remove("run/\(name)")
      }
      let outcome = try Command.run(Self.train + ["run", "--resume"], in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(folder.names("run").count { $0.hasPrefix("events.out") } == 1)
      try keep()
    }
    // A run that has ended gets what it lacks.
    try folder.remove("run/\(events)")
    #expect(try Command.run(Self.train + ["run", "--resume"], in: folder).status == 0)
    try keep()
    let read = try Self.read(["whole"] + copies, in: folder)
    #expect(read.count == 5 && !read[0].isEmpty && read.allSatisfy { $0 == read[0] })
  }

  @Test func itNeedsAFolder() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run("train", "--model", "mlp:8x1", "--tensorboard", in: folder)
    expectSentence(outcome, "--tensorboard", "--out", status: 2)
  }
}
