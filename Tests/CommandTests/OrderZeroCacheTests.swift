import Testing

/// --order-zero-cache: what is decided, said and refused.
struct OrderZeroCacheTests {
  /// Of the layers 64-256-256-10 the second is kept, for 1437 examples.
  private static let bytes = 4.0 * 256 * 1437
  private static let train = [
    "train", "--model", "mlp:256x2", "--activation", "tanh", "--order", "1", "--batch-size", "720",
    "--steps", "4", "--evaluate-every", "0", "--json",
  ]

  @Test func bitsAreTheSame() throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(Self.train + ["--out", "run"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try run.number("order_zero_cache_bytes") == Self.bytes)
    #expect(run.errors.contains("Order-0 cache: 1.4 MiB for 1 dense layer"))
    let off = try Command.run(Self.train + ["--order-zero-cache", "off"], in: folder)
    #expect(try off.number("order_zero_cache_bytes") == 0)
    #expect(try off.text("parameters_sha256") == run.text("parameters_sha256"))
    // What is kept is no setting of a run.
    let again = try Command.run(
      Self.train + ["--out", "run", "--resume", "--order-zero-cache", "off"], in: folder)
    #expect(again.status == 0, "\(again.errors)")
  }

  @Test func plansSayWhatIsKept() throws {
    let folder = try TemporaryFolder()
    func plan(_ options: [String]) throws -> Command.Outcome {
      try Command.run(Self.train + ["--plan"] + options, in: folder)
    }
    let (kept, off) = (try plan([]), try plan(["--order-zero-cache", "off"]))
    #expect(try kept.number("order_zero_cache_bytes") == Self.bytes)
    #expect(try kept.number("peak_bytes") == off.number("peak_bytes") + Self.bytes)
    let text = try Command.run(
      Self.train.filter { $0 != "--json" } + ["--plan", "--steps", "3"], in: folder)
    #expect(text.output.contains("none: no expansion is sure to last for 2 epochs"))
    #expect(try plan(["--order", "full"]).number("order_zero_cache_bytes") == 0)
    let refused = try plan(["--order", "full", "--order-zero-cache", "on"])
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--order-zero-cache on keeps nothing here"))
  }
}
