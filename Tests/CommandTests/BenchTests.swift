import Maclaurin
import Testing

/// What `bench step` and `bench contraction` measure, and how they are asked.
struct BenchTests {
  private static let network = [
    "--model", "mlp:16x2", "--inputs", "6", "--outputs", "3", "--batch-size", "8",
  ]

  private func lines(_ outcome: Command.Outcome) throws -> [[String: JSONValue]] {
    try outcome.output.split(separator: "\n").map { line in
      guard case .object(let members) = try JSONValue(text: Array(line.utf8), named: "a line")
      else {
        Issue.record("no JSON object but \(line)")
        return [:]
      }
      return members
    }
  }

  private func array(_ value: JSONValue?) throws -> [[String: JSONValue]] {
    guard case .array(let entries)? = value else {
      Issue.record("no array")
      return []
    }
    return entries.map { entry in
      if case .object(let members) = entry { return members }
      Issue.record("no object")
      return [:]
    }
  }

  private func number(_ value: JSONValue?) -> Double? {
    if case .number(let number)? = value { return number }
    return nil
  }

  private func text(_ value: JSONValue?) -> String? {
    if case .string(let text)? = value { return text }
    return nil
  }

  /// Shares and relative times of the CPU path, under its own name and where it is auto's only choice.
  @Test(arguments: [["--backend", "cpu"], []])
  func steps(_ backend: [String]) throws {
    let outcome = try Command.run(
      ["bench", "step", "--orders", "full,2", "--repeats", "2", "--json", "--quiet"]
        + Self.network + backend, in: TemporaryFolder())
    #expect(outcome.status == 0, "\(outcome.errors)")
    let steps = try array(outcome.json["steps"])
    #expect(steps.count == 2)
    #expect(number(steps[0]["relative_time"]) == 1)
    for step in steps {
      let share = try #require(number(step["contraction_share"]))
      #expect(share > 0 && share <= 1)
      #expect(try #require(number(step["fma_peak_share"])) > 0)
      #expect(try #require(number(step["relative_time"])) > 0)
    }
  }

  /// The loop of fused multiply-adds is float32's.
  @Test func peakOfDoubles() throws {
    let outcome = try Command.run(
      [
        "bench", "step", "--orders", "1", "--repeats", "1", "--json", "--quiet", "--backend", "cpu",
        "--dtype", "float64",
      ] + Self.network, in: TemporaryFolder())
    #expect(outcome.status == 0, "\(outcome.errors)")
    let step = try array(outcome.json["steps"])[0]
    guard case .null? = step["fma_peak_share"] else {
      Issue.record("a share of another type's peak")
      return
    }
  }

  @Test func interactive() throws {
    func run(_ requests: String) throws -> Command.Outcome {
      try Command.run(
        ["bench", "step", "--orders", "full,3", "--interactive", "--backend", "cpu"]
          + Self.network, in: TemporaryFolder(), shell: "printf '\(requests)' |")
    }
    let outcome = try run(#"3\nfull\npeak\n3\n"#)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let answers = try lines(outcome)
    try #require(answers.count == 5)
    let steps = try array(answers[0]["steps"])
    #expect(steps.compactMap { text($0["order"]) } == ["full", "3"])
    // Three products of each layer's size for the network, less the one for its inputs' cotangent.
    let sizes = [6 * 16, 16 * 16, 16 * 3]
    let products = 3 * sizes.reduce(0, +) - sizes[0]
    #expect(number(steps[0]["contraction_flops"]) == Double(2 * 8 * products))
    for (index, order) in [(1, "3"), (2, "full"), (4, "3")] {
      #expect(text(answers[index]["order"]) == order)
      #expect(try #require(number(answers[index]["milliseconds"])) > 0)
    }
    #expect(try #require(number(answers[3]["peak_gflops"])) > 0)

    let unknown = try run(#"2\n"#)
    #expect(unknown.status == 2)
    #expect(try lines(unknown).count == 1)
    #expect(unknown.errors == "Error: \(Self.unknownOrder)\n")
  }

  private static let unknownOrder =
    "--interactive takes an order of --orders or peak by line, not \"2\""

  /// Products of a layer's size, counted by hand: of a hidden layer behind tanh 5k, or 3k + 3 for k ≤ 4;
  /// of the first, whose input is constant, three.
  @Test(arguments: [("schoolbook", 15), ("interpolated", 12)])
  func jetProducts(_ name: String, _ count: Int) throws {
    let outcome = try Command.run(
      [
        "bench", "step", "--orders", "3", "--activation", "tanh", "--jet-products", name,
        "--repeats", "1", "--backend", "cpu", "--json", "--quiet",
      ] + Self.network, in: TemporaryFolder())
    #expect(outcome.status == 0, "\(outcome.errors)")
    let step = try array(outcome.json["steps"])[0]
    let flops = 2 * 8 * (3 * 6 * 16 + count * (16 * 16 + 16 * 3))
    #expect(number(step["contraction_flops"]) == Double(flops))
  }

  @Test func contractions() throws {
    let outcome = try Command.run(
      "bench", "contraction", "--sizes", "5,6,7", "5,6,7,ta", "5,6,7,ta,tb", "5,6,7,tb,kept",
      "5,6,7,kept", "--repeats", "1", "--backend", "cpu", "--json", "--quiet",
      in: TemporaryFolder())
    #expect(outcome.status == 0, "\(outcome.errors)")
    let results = try array(outcome.json["contractions"])
    func flags(_ name: String) -> [Bool] {
      results.map { if case .bool(true)? = $0[name] { true } else { false } }
    }
    #expect(flags("transpose_a") == [false, true, true, false, false])
    #expect(flags("transpose_b") == [false, false, true, true, false])
    #expect(flags("kept") == [false, false, false, true, true])
    for result in results {
      #expect(number(result["k"]) == 7)
      #expect(try #require(number(result["gflops"])) > 0)
    }
  }

  @Test(arguments: ["8,8", "8,8,0", "8,8,8,tc", "8,8,8,tb,tb", "8,8,8,ta,kept", "8,8,8,"])
  func badSizes(_ size: String) throws {
    expectSentence(
      try Command.run(
        "bench", "contraction", "--sizes", size, "--backend", "cpu", in: TemporaryFolder()),
      "--sizes", size, status: 2)
  }
}
