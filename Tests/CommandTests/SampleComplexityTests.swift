import Maclaurin
import Testing

/// `study sample-complexity`.
struct SampleComplexityTests {
  private static let small = [
    "study", "sample-complexity", "--dimensions", "3,5", "--examples", "48,12,6", "--seeds", "0,7",
    "--width", "24", "--steps", "12", "--evaluate-every", "4", "--validation", "40", "--test", "60",
    "--lr", "0.01,0.1",
  ]

  /// Every learner, dimension, size and seed has a row with finite errors, in order; a study that
  /// was cut off ends with the same files; so does one on another back end.
  @Test func study() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(Self.small + ["--out", "whole", "--json"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let text = folder.text("whole/cells.csv")
    let rows = text.split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let expected = ["ntk", "linear", "quadratic", "full"].flatMap { learner in
      ["3", "5"].flatMap { d in
        ["0", "7"].flatMap { seed in ["6", "12", "48"].map { [learner, d, $0, seed] } }
      }
    }
    #expect(rows.map { Array($0.prefix(4)) } == expected)
    for row in rows {
      #expect(row.count == 8 && Double(row[4])! >= 0 && Double(row[4])! < 3, "\(row)")
      #expect(Double(row[5])! < 1.5 && ["0", "4", "8", "12"].contains(row[7]), "\(row)")
      #expect((row[0] == "ntk" ? [1e-6, 1e-4, 0.01, 1] : [0.01, 0.1]).contains(Double(row[6])!))
    }
    #expect(try outcome.number("cells") == 48 && outcome.number("threshold") == 0.5)
    #expect(
      Set(folder.names("whole")) == [
        "cells.csv", "figures", "report.html", "result.json", "sample-complexity.json",
        "slopes.csv", "thresholds.csv",
      ])

    // As if it had been killed after some of the cells.
    try folder.copy("whole", to: "cut")
    for name in ["result.json", "slopes.csv", "thresholds.csv", "report.html"] {
      try folder.remove("cut/\(name)")
    }
    let lines = text.split(separator: "\n")
    try folder.write(
      "cut/cells.csv", (lines[0..<5] + lines[20..<37]).joined(separator: "\n") + "\n")
    let resumed = try Command.run(Self.small + ["--out", "cut", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    for name in ["cells.csv", "slopes.csv", "thresholds.csv", "report.html"] {
      #expect(folder.text("cut/\(name)") == folder.text("whole/\(name)"), "\(name)")
    }
    let device = try Command.run(
      Self.small + ["--out", "device", "--backend", "opencl"], in: folder)
    #expect(device.status == 0, "\(device.errors)")
    #expect(folder.text("device/cells.csv") == text)

    // Another threshold is another reading of the same cells.
    let again = try Command.run(
      Self.small + ["--out", "cut", "--resume", "--threshold", "0.9", "--json"], in: folder)
    #expect(try again.number("threshold") == 0.9)
    #expect(folder.text("cut/cells.csv") == text)
    expectSentence(
      try Command.run(Self.small + ["--out", "cut", "--resume", "--degree", "3"], in: folder),
      "--degree 2, not with --degree 3")
    expectSentence(try Command.run(Self.small + ["--out", "cut"], in: folder), "cut", "--resume")

    let drawn = try Command.run("plot", "whole", "--out", "drawn", in: folder)
    #expect(drawn.status == 0, "\(drawn.errors)")
    for name in folder.names("whole/figures") {
      #expect(folder.text("drawn/figures/\(name)") == folder.text("whole/figures/\(name)"))
    }
  }

  /// A quadratic form is learned from enough examples: kernel regression with the right kernel is
  /// exact in the limit, and the linearised network comes near it.
  @Test func enoughExamples() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      [
        "study", "sample-complexity", "--dimensions", "3", "--examples", "4,200", "--seeds", "1",
        "--width", "64", "--steps", "200", "--learners", "ntk,linear", "--out", "s", "--lr",
        "0.02", "--inputs", "cube", "--rank", "2", "--directions", "random",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let errors = folder.text("s/cells.csv").split(separator: "\n").dropFirst().map {
      Double($0.split(separator: ",")[4])!
    }
    #expect(errors[1] < 1e-6 && errors[3] < 0.05, "\(errors)")
    #expect(errors[0] > 10 * errors[1] && errors[2] > errors[3])
  }

  /// The quadratic model learns a square, and so does the randomized one, which is it in expectation.
  @Test func quadraticModels() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(
      [
        "study", "sample-complexity", "--dimensions", "3", "--examples", "150", "--seeds", "1",
        "--width", "64", "--steps", "150", "--learners", "quadratic,randomized", "--out", "s",
        "--lr", "0.03", "--validation", "100", "--test", "200",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let errors = folder.text("s/cells.csv").split(separator: "\n").dropFirst().map {
      Double($0.split(separator: ",")[4])!
    }
    #expect(errors.count == 2 && errors[0] < 0.1 && errors[1] < 0.3, "\(errors)")
  }

  @Test func plan() throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(Self.small + ["--plan", "--json", "--out", "s"], in: folder)
    #expect(try outcome.number("cells") == 48)
    // Two layers on five inputs, with biases.
    #expect(try outcome.number("parameters") == Double(24 * 5 + 24 + 24 + 1))
    #expect(try outcome.number("flops") > 0 && outcome.number("peak_bytes") > 0)
    #expect(folder.names().isEmpty)
  }

  @Test(arguments: [
    (["--dimensions", "8,,16"], "--dimensions takes a list without gaps"),
    (["--dimensions", "0"], "--dimensions takes numbers from 1"),
    (["--examples", "many"], "\"many\""), (["--examples", "8,8"], "--examples names 8 twice"),
    (["--seeds", "3..1"], "--seeds"), (["--threshold", "1.5"], "--threshold"),
    (["--degree", "0"], "--degree"), (["--rank", "0"], "--rank"),
    (["--inputs", "ball"], "sphere or cube"), (["--directions", "all"], "orthonormal"),
    (["--noise=-1"], "--noise"), (["--validation", "1"], "--validation"),
    (["--learners", "svm"], "\"svm\""), (["--learners", "ntk,ntk"], "ntk twice"),
    (["--width", "0"], "--width"), (["--steps", "0"], "--steps"), (["--lr", "0"], "--lr"),
    (["--ridge=-1"], "--ridge"), (["--parameterization", "taylor"], "mup:BASE_WIDTH"),
    (["--weight-std=-1"], "--weight-std"), (["--activation", "relo"], "relo"),
    (["--resume"], "--resume needs --out"), (["--orders", "1"], "--orders"),
  ])
  func misuse(_ arguments: [String], _ words: String) throws {
    let folder = try TemporaryFolder()
    expectSentence(
      try Command.run(["study", "sample-complexity"] + arguments, in: folder), words, status: 2)
    #expect(folder.names().isEmpty)
  }

  @Test func failures() throws {
    let folder = try TemporaryFolder()
    try folder.write("file", "x")
    for (arguments, words) in [
      (["--rank", "13"], "directions=random"), (["--out", "file"], "file is a file"),
      (["--inputs", "cube", "--dimensions", "1"], "all the same"),
    ] {
      expectSentence(
        try Command.run(["study", "sample-complexity", "--steps", "1"] + arguments, in: folder),
        words)
    }
    #expect(folder.names() == ["file"])
  }

  /// The study of orders needs no name, and has one.
  @Test func studyOfOrders() throws {
    let folder = try TemporaryFolder()
    let arguments = ["--model", "mlp:4x1", "--steps", "2", "--orders", "1", "--json"]
    let plain = try Command.run(["study"] + arguments, in: folder)
    let named = try Command.run(["study", "orders"] + arguments, in: folder)
    #expect(plain.status == 0 && named.status == 0, "\(plain.errors)\(named.errors)")
    #expect(try plain.json["summary"] == named.json["summary"])
    let help = try Command.run("study", "--help", in: folder)
    #expect(help.output.contains("sample-complexity") && help.output.contains("orders"))
  }
}
