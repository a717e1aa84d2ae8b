import FoundationEssentials
import Maclaurin
import Testing

/// Figures drawn again from what runs and studies wrote.
struct PlotTests {
  private static let train = [
    "train", "--model", "mlp:8x1", "--steps", "12", "--evaluate-every", "4", "--log-every", "2",
    "--quiet", "--out",
  ]

  @Test func aRunLooksAsItDid() throws {
    let folder = try TemporaryFolder()
    #expect(try Command.run(Self.train + ["run", "--order", "2"], in: folder).status == 0)
    let figures = ["accuracy.svg", "gradient-norm.svg", "loss.svg", "movement.svg"]
    #expect(folder.names("run/figures") == figures)
    let page = try folder.bytes("run/report.html")
    #expect(folder.text("run/report.html").contains("Taylor expansion of order 2 on digits"))
    let chart = try folder.bytes("run/figures/loss.svg")
    for name in ["run/report.html", "run/figures/loss.svg", "run/metrics.jsonl"] {
      try folder.remove(name)
    }
    let again = try Command.run("plot", "run", "--json", in: folder)
    #expect(try again.text("report") == "run/report.html")
    #expect(try folder.bytes("run/report.html") == page)
    #expect(try folder.bytes("run/figures/loss.svg") == chart)
    let elsewhere = try Command.run("plot", "run/", "--out", "new/figures-of-it", in: folder)
    #expect(elsewhere.status == 0, "\(elsewhere.errors)")
    #expect(try folder.bytes("new/figures-of-it/report.html") == page)
  }

  @Test func severalRuns() throws {
    let folder = try TemporaryFolder()
    for (order, name) in [("1", "a/run"), ("full", "b/run")] {
      let outcome = try Command.run(Self.train + [name, "--order", order], in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let pages = try ["a", "b"].map { try folder.bytes("\($0)/run/report.html") }
    expectSentence(try Command.run("plot", "a/run", "b/run", in: folder), "--out", status: 2)
    expectSentence(
      try Command.run("plot", "a/run", "b/run", "--out", "a/run", in: folder), "a/run",
      "another folder", status: 2)
    expectSentence(
      try Command.run("plot", "a/run", "a/run/", "--out", "both", in: folder), "twice")
    let outcome = try Command.run("plot", "a/run", "b/run", "--out", "both", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let text = folder.text("both/report.html")
    #expect(text.contains(">a/run</text>") && text.contains(">b/run</text>"))
    #expect(folder.names("both/figures").contains("test-accuracy.svg"))
    #expect(try ["a", "b"].map { try folder.bytes("\($0)/run/report.html") } == pages)
  }

  @Test func studies() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path + "/study", withIntermediateDirectories: true)
    let columns = [
      "seed", "order", "step", "epoch", "learning_rate", "train_loss", "train_accuracy",
      "test_loss", "test_accuracy", "logit_distance", "logit_cosine", "parameter_distance",
      "parameter_cosine", "kernel_distance", "diverged",
    ]
    let csv = """
      \(columns.joined(separator: ","))
      0,1,0,0,0,2,,2,0.1,0,,0,,,0
      0,full,0,0,0,2,,2,0.1,,,,,,0
      0,1,5,1,0.1,1,,1.5,0.5,0.25,0.9,1,0.8,,0
      0,full,5,1,0.1,1,,1,0.75,,,,,,0

      """
    try folder.write("study/study.csv", csv)
    try folder.write("study/study.json", "{\"settings\": {\"data\": \"digits\"}}")
    let outcome = try Command.run("plot", "study", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(folder.text("study/report.html").contains("Study of Taylor orders on digits"))
    #expect(folder.names("study/figures").contains("test-accuracy.svg"))
    #expect(try Command.run(Self.train + ["run"], in: folder).status == 0)
    expectSentence(
      try Command.run("plot", "study", "run", "--out", "both", in: folder), "study", "alone",
      status: 2)
    try folder.write("study/study.csv", csv.replacing("0.25", with: "many"))
    expectSentence(
      try Command.run("plot", "study", in: folder), "study/study.csv", "line 4", "logit_distance",
      "many")
    try folder.write("study/study.csv", "")
    expectSentence(try Command.run("plot", "study", in: folder), "study/study.csv", "line 1")
    try folder.remove("study/study.csv")
    expectSentence(try Command.run("plot", "study", in: folder), "study", "no rows yet")
  }

  @Test func foldersThatCannotBeDrawn() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path + "/empty", withIntermediateDirectories: true)
    try folder.write("file", "x")
    expectSentence(try Command.run("plot", "none", in: folder), "none", "no folder")
    expectSentence(try Command.run("plot", "file", in: folder), "file", "folder")
    expectSentence(try Command.run("plot", "empty", in: folder), "empty", "run.json", "study.json")
    #expect(folder.names("empty").isEmpty)
    #expect(try Command.run("plot", in: folder).status == 2)
    #expect(try Command.run(Self.train + ["run"], in: folder).status == 0)
    expectSentence(try Command.run("plot", "run", "--out", "file", in: folder), "file", "--out")
    let page = try folder.bytes("run/report.html")
    let csv = folder.text("run/metrics.csv")
    let lines = csv.split(separator: "\n")
    for (text, words) in [
      ("", ["no metrics yet"]), (lines[0] + "\n", ["no metrics yet"]),
      (csv.replacing("\n4,", with: "\n4,,"), ["run/metrics.csv", "line", "cells"]),
      (csv.replacing("\n4,", with: "\n4x,"), ["run/metrics.csv", "line", "'4x' is not a number"]),
      ("a,b\n1,2\n", ["run/metrics.csv", "line 1", "step"]),
      (csv.replacing("loss,", with: "step,"), ["run/metrics.csv", "line 1", "two columns 'step'"]),
    ] {
      try folder.write("run/metrics.csv", text)
      let outcome = try Command.run("plot", "run", in: folder)
      expectSentence(outcome, "run")
      for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
    }
    try folder.remove("run/metrics.csv")
    expectSentence(try Command.run("plot", "run", in: folder), "run", "no metrics yet")
    try folder.write("run/metrics.csv", csv)
    try folder.write("run/run.json", "{")
    expectSentence(try Command.run("plot", "run", in: folder), "run/run.json")
    #expect(try folder.bytes("run/report.html") == page)
  }
}
