import Maclaurin
import Testing

/// `study --relinearize`: members of one order that differ in how often they are re-expanded.
struct StudyPeriodTests {
  private static let settings = [
    "--model", "mlp:12x2", "--activation", "tanh", "--lr", "0.2", "--batch-size", "32",
    "--train-size", "200", "--steps", "15", "--evaluate-every", "5", "--quiet", "--json",
  ]

  private static let baseline = ["--gauss-newton", "0.5", "--damping", "0.3"]

  private func hash(_ folder: TemporaryFolder, _ run: String) throws -> String {
    guard
      case .object(let members) = try JSONValue(
        text: folder.bytes(run + "/result.json"), named: run),
      case .string(let hash)? = members["parameters_sha256"]
    else { return "" }
    return hash
  }

  /// Re-expanded before every step, order 1 is the network itself; never, it is the expansion; in
  /// between it is what `train` makes.
  @Test func fromExpansionToNetwork() throws {
    let folder = try TemporaryFolder()
    let study = try Command.run(
      ["study", "--relinearize", "1,4,inf", "--out", "s", "--backend", "openblas"]
        + Self.baseline + Self.settings, in: folder)
    #expect(study.status == 0, "\(study.errors)")
    let members = [
      "order-1-every-1", "order-1-every-4", "order-1-every-inf", "order-full", "order-gauss-newton",
    ]
    #expect(
      folder.names("s/seed-0").filter { $0.hasPrefix("order-") }.sorted() == members.sorted())
    #expect(
      try hash(folder, "s/seed-0/order-1-every-1") == hash(folder, "s/seed-0/order-full"))
    for (member, options) in [
      ("every-4", ["--relinearize-every", "4"]), ("every-inf", []),
    ] {
      let train = try Command.run(["train", "--order", "1"] + options + Self.settings, in: folder)
      #expect(
        try hash(folder, "s/seed-0/order-1-\(member)") == train.text("parameters_sha256"),
        "\(member)")
    }
    // The last --lr counts.
    let options = ["--optimizer", "gauss-newton", "--damping", "0.3"] + Self.settings
    let newton = try Command.run(["train"] + options + ["--lr", "0.5"], in: folder)
    #expect(try hash(folder, "s/seed-0/order-gauss-newton") == newton.text("parameters_sha256"))
    let table = CSVText(folder.text("s/study.csv"))
    let end = table.rows(["step": "15"])
    #expect(end.map { $0["relinearize_every"] } == ["1", "4", "inf", "", ""])
    #expect(end.map { $0["order"] } == ["1", "1", "1", "full", "gauss-newton"])
    // Before steps 1…14, and before steps 4, 8 and 12.
    #expect(end.map { $0["expansions"] } == ["14", "3", "0", "", ""])
    // Never re-expanded, order 1 keeps the start's kernel.
    #expect(end[2].number("kernel_distance") == 0)
    #expect(end[2].number("kernel_alignment").map { abs($0 - 1) < 1e-6 } == true)
    let distances = end.compactMap { $0.number("kernel_distance") }
    #expect(distances.count == 5 && distances[0] > 0 && distances[1] > 0, "\(distances)")
    let summary = CSVText(folder.text("s/summary.csv"))
    #expect(summary.rows.map { $0["relinearize_every"] } == ["1", "4", "inf", "", ""])
    #expect(summary.rows.map { $0["expansions_mean"] } == ["14", "3", "0", "", ""])
    for figure in ["final-test-accuracy", "final-kernel-distance"] {
      #expect(folder.names("s/figures").contains("\(figure)-by-expansions.svg"))
    }

    // Ended, it prints its result again; with other periods it is another study.
    let again = ["study", "--out", "s", "--resume"] + Self.baseline + Self.settings
    let same = try Command.run(again + ["--relinearize", "1,4,inf"], in: folder)
    #expect(same.status == 0, "\(same.errors)")
    expectSentence(
      try Command.run(again + ["--relinearize", "1,5,inf"], in: folder), "--relinearize 1,4,inf")
  }

  @Test(arguments: [
    (["--relinearize", "1,1"], "--relinearize names 1 twice"),
    (["--relinearize", "1,-2"], "not \"-2\""), (["--relinearize", "0"], "not \"0\""),
    (["--gauss-newton", "0"], "positive learning rate"), (["--damping", "1"], "gauss-newton"),
    (["--gauss-newton", "1", "--optimizer", "gauss-newton"], "--gauss-newton is a baseline"),
    (["--relinearize", "1,,2"], "without gaps"),
    (["--relinearize", "3", "--orders", "full"], "orders from 1 to 8"),
    (["--relinearize", "3", "--relinearize-every", "3"], "excludes --relinearize-every"),
  ])
  func misuse(_ arguments: [String], _ words: String) throws {
    let folder = try TemporaryFolder()
    expectSentence(
      try Command.run(["study", "--model", "mlp:4x1"] + arguments, in: folder), words, status: 2)
  }
}
