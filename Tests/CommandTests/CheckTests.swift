import FoundationEssentials
import Maclaurin
import TestSupport
import Testing

@testable import MaclaurinCommand

/// --check on the command line, and the reproducer of a disagreement.
struct CheckTests {
  @Test(
    arguments: [
      (["train", "--check"], ["train", "--check", "elements"]),
      (["train", "--check", "--json"], ["train", "--check", "elements", "--json"]),
      (["train", "--check", "elements"], ["train", "--check", "elements"]),
      (["train", "--check", "freivalds", "--json"], ["train", "--check", "freivalds", "--json"]),
      (["train", "--check", "50"], ["train", "--check", "50"]),
      (["train", "--check=3"], ["train", "--check=3"]),
      (["train", "--check", "-1"], ["train", "--check", "-1"]),
      (["--out", "x", "--check", "--out"], ["--out", "x", "--check", "elements", "--out"]),
      (["train"], ["train"]), ([], []),
    ] as [([String], [String])])
  func aloneItMeansElements(_ given: [String], _ completed: [String]) {
    #expect(CheckOptions.completed(given) == completed)
  }

  /// The same bits under every level, and a sentence that says what the level finds.
  @Test(arguments: [["openblas"], ["opencl"]]) func checkedRunsAreTheSame(_ place: [String]) throws
  {
    let folder = try CommandTests.TemporaryFolder()
    let arguments = [
      "train", "--data", "digits", "--json", "--model", "mlp:16x2", "--order", "2", "--steps", "5",
      "--backend", place[0],
    ]
    let plain = try Command.run(arguments, in: folder).text("parameters_sha256")
    for (check, words) in [
      (["--check"], ["Checking elements", "1.5e-5"]),
      (["--check", "freivalds"], ["Checking projections", "2.5e-14"]),
      (["--check", "7", "--on-mismatch", "fallback"], ["one of every 7"]),
    ] {
      let outcome = try Command.run(arguments + check, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try outcome.text("parameters_sha256") == plain)
      for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
      let quiet = try Command.run(arguments + check + ["--quiet"], in: folder)
      #expect(quiet.errors.isEmpty)
    }
  }

  /// The batches of augmented images are large enough that every level samples them too.
  @Test func imagesAreChecked() throws {
    let folder = try CommandTests.TemporaryFolder()
    let arguments = [
      "train", "--data", "synthetic:image:n=40,test=4,size=16,classes=3", "--json", "--model",
      "cnn:3x2", "--augment", "crop,flip", "--normalize", "0.5,0.5,0.5/0.25,0.25,0.25", "--order",
      "2", "--steps", "2", "--batch-size", "32", "--backend", "opencl",
    ]
    let plain = try Command.run(arguments, in: folder).text("parameters_sha256")
    for level in ["elements", "freivalds", "1"] {
      let outcome = try Command.run(arguments + ["--check", level], in: folder)
      #expect(outcome.status == 0, "\(level): \(outcome.errors)")
      #expect(try outcome.text("parameters_sha256") == plain)
    }
  }

  @Test(
    arguments: [
      (["--check", "0"], ["--check", "elements", "freivalds", "\"0\""]),
      (["--check=all"], ["--check", "\"all\""]), (["--check", "-3"], ["--check"]),
      (["--on-mismatch", "explode"], ["stop", "fallback"]),
    ] as [([String], [String])])
  func misuse(_ arguments: [String], _ words: [String]) throws {
    let folder = try CommandTests.TemporaryFolder()
    let outcome = try Command.run(
      ["train", "--model", "mlp:4x1", "--steps", "2"] + arguments, in: folder)
    expectSentence(outcome, status: 2)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
  }

  /// The reproducer holds what is needed to see the error again: here by plain Swift.
  @BackendActor @Test func reproducersReproduce() throws {
    let faulty = FaultyBackend(try OpenBLASBackend(threads: 1))
    let checked = try CheckedBackend(
      faulty, against: OpenBLASBackend(threads: 1), level: .whole(every: 1), seed: 11)
    let values = (a: sample(6, seed: 1), b: sample(6, seed: 2))
    let a = try checked.matrix(2, 3, .float32, values.a)
    let b = try checked.matrix(2, 3, .float32, values.b)
    let c = try checked.matrix(2, 2, .float32)
    faulty.fault = .flip(operation: 0, element: 1, bit: 30)
    let folder = try CommandTests.TemporaryFolder()
    do {
      try checked.run(.contraction(Contraction(a, b, into: c, transposeB: true)))
      Issue.record("no disagreement")
    } catch let error as Disagreement {
      try error.write(to: folder.path)
    }
    let file = try SafetensorsFile("\(folder.path)/disagreement.safetensors")
    #expect(Set(file.names) == ["a.before", "b.before", "c.computed", "c.expected"])
    #expect(try file.tensor("a.before").doubles() == values.a)
    let right = try file.tensor("c.expected").doubles()
    for (index, value) in right.enumerated() {
      let product = (0..<3).reduce(Float(0)) {
        $0.addingProduct(
          Float(values.a[index / 2 * 3 + $1]), Float(values.b[index % 2 * 3 + $1]))
      }
      #expect(value == Double(product))
    }
    let wrong = try file.tensor("c.computed").doubles()
    let text = try #require(
      FileManager.default.contents(atPath: "\(folder.path)/disagreement.json"))
    guard case .object(let members) = try JSONValue(text: Array(text), named: "json"),
      case .object(let worst)? = members["worst"]
    else {
      Issue.record("no object")
      return
    }
    #expect(members["operation"] == .string("contraction") && members["seed"] == .string("11"))
    #expect(worst["row"] == .number(0) && worst["column"] == .number(1))
    #expect(worst["computed"] == .number(wrong[1]) && worst["expected"] == .number(right[1]))
    #expect(members["wrong"] == .number(1) && members["compared"] == .number(4))
  }
}
