import Maclaurin
import Testing

/// --jet-products: what is chosen, what is shown, and what is recorded.
struct JetProductsTests {
  private static let small = [
    "train", "--model", "mlp:24x2", "--activation", "tanh", "--order", "4", "--steps", "4",
    "--batch-size", "40", "--train-size", "80", "--json", "--quiet",
  ]

  /// The layers of a plan as (name, forward, adjoint, products, schoolbook).
  private func plan(_ arguments: [String]) throws -> [String] {
    let outcome = try Command.run(
      ["train", "--plan", "--json"] + arguments, in: TemporaryFolder())
    guard case .array(let layers)? = try outcome.json["jet_products"] else {
      Issue.record("no jet_products in \(outcome.output) \(outcome.errors)")
      return []
    }
    return layers.map { layer in
      guard case .object(let members) = layer else { return "" }
      return ["layer", "forward", "adjoint", "products", "schoolbook_products"].map {
        switch members[$0] {
        case .string(let text)?: text
        case .number(let number)?: "\(Int(number))"
        default: "none"
        }
      }.joined(separator: " ")
    }
  }

  @Test func plansShowTheProductsOfLayers() throws {
    let wide = ["--model", "mlp:1024x3", "--activation", "tanh", "--order", "3"]
    // The first layer has a constant input, the last one ten outputs.
    func layers(_ wide: String) -> [String] {
      [
        "layers.0 schoolbook none 3 3", "layers.2 \(wide)", "layers.4 \(wide)",
        "layers.6 schoolbook schoolbook 15 15",
      ]
    }
    #expect(try plan(wide) == layers("interpolated interpolated 12 15"))
    let plain = layers("schoolbook schoolbook 15 15")
    #expect(try plan(wide + ["--jet-products", "schoolbook"]) == plain)
    #expect(try plan(wide + ["--batch-size", "31"]) == plain)
    #expect(
      try plan(["--model", "mlp:512x3", "--order", "3"]).allSatisfy { !$0.contains("inter") })
    #expect(try plan(["--model", "mlp:1024x3", "--order", "full"]) == [])
  }

  /// Forced on small layers, the same bits on every back end, and others than the schoolbook's.
  @Test func interpolatedRunsHaveTheSameBits() throws {
    let folder = try TemporaryFolder()
    func hash(_ arguments: [String]) throws -> String {
      let outcome = try Command.run(Self.small + arguments, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try outcome.text("parameters_sha256")
    }
    let forced = ["--jet-products", "interpolated"]
    let hashes = try SameBitsTests.places.map { try hash(forced + $0) }
    #expect(Set(hashes).count == 1, "\(hashes)")
    let checked = try hash(
      forced + ["--backend", "opencl", "--check", "elements", "--trace", "t.json"])
    #expect(checked == hashes[0])
    #expect(folder.text("t.json").contains("jet_contraction_interpolated"))
    let plain = try hash(["--backend", "openblas"])
    #expect(plain != hashes[0])
    #expect(try hash(["--backend", "openblas", "--jet-products", "schoolbook"]) == plain)
  }

  /// A run goes on with the products it began with; one that does not say which began with the
  /// schoolbook's.
  @Test func runsRecordTheirProducts() throws {
    let folder = try TemporaryFolder()
    func run(_ arguments: [String]) throws -> Command.Outcome {
      try Command.run(
        Self.small + ["--out", "run", "--backend", "openblas"] + arguments, in: folder)
    }
    #expect(try run(["--jet-products", "interpolated"]).status == 0)
    let record = folder.text("run/run.json")
    #expect(record.contains("\"jet-products\" : \"interpolated\""), "\(record)")
    let outputs = try Command.run(
      "evaluate", "--run", "run", "--json", "--backend", "openblas", in: folder)
    let finished = try run(["--resume"])
    #expect(try finished.status == 0 && outputs.number("test_loss") == finished.number("test_loss"))
    let refused = try run(["--resume", "--jet-products", "schoolbook"])
    expectSentence(refused, "--jet-products interpolated")
    let older = record.split(separator: "\n").filter { !$0.contains("jet-products") }
    try folder.write("run/run.json", older.joined(separator: "\n"))
    #expect(try run(["--resume"]).status == 0)
    expectSentence(try run(["--resume", "--jet-products", "auto"]), "--jet-products schoolbook")
  }
}
