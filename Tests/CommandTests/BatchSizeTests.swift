import Maclaurin
import Testing

@testable import MaclaurinCommand

/// `--batch-size auto`, and what is said when memory runs out.
struct BatchSizeTests {
  private static let train = ["train", "--model", "mlp:16x2", "--epochs", "3", "--json"]

  /// Where everything fits, auto is the whole set; run.json keeps the number, epochs follow from
  /// it, and a resumed run goes on with the number that it began with.
  @Test(arguments: ["openblas", "opencl", "auto"])
  func automatic(_ backend: String) throws {
    let folder = try TemporaryFolder()
    let train = Self.train + ["--backend", backend, "--out", "run", "--batch-size"]
    let outcome = try Command.run(train + ["auto"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("--batch-size auto: 1437 examples per step"))
    #expect(try outcome.number("batch_size") == 1437 && outcome.number("steps") == 3)
    let full = try Command.run(
      Self.train + ["--batch-size", "full", "--backend", "openblas"], in: folder)
    #expect(
      try outcome.text("parameters_sha256") == full.text("parameters_sha256"))
    let record = try JSONValue(text: folder.bytes("run/run.json"), named: "run.json")
    guard case .object(let members) = record, case .object(let settings)? = members["settings"]
    else { return #expect(Bool(false), "\(record)") }
    #expect(settings["batch-size"] == .number(1437) && settings["steps"] == .number(3))
    let again = try Command.run(train + ["auto", "--resume"], in: folder)
    #expect(try again.json == outcome.json)
    // A run that began with another number keeps it.
    let other = Self.train + ["--backend", backend, "--out", "other", "--batch-size"]
    let given = try Command.run(other + ["100"], in: folder)
    for name in ["result.json", "final.safetensors", "checkpoints/step-45.safetensors"] {
      try folder.remove("other/\(name)")
    }
    let resumed = try Command.run(other + ["auto", "--resume"], in: folder)
    #expect(resumed.errors.contains("--batch-size auto: 100 examples per step"))
    #expect(
      try resumed.text("parameters_sha256") == given.text("parameters_sha256"), "\(resumed.errors)")
  }

  /// A device that has less than the plan counted on: an address space with less room than the
  /// machine has memory stands in for it. The number that the sentence names then fits.
  @Test func memoryRunsOutDuringTheRun() throws {
    let folder = try TemporaryFolder()
    let count = 40_000
    try folder.write("x.npy", [Double](repeating: 1, count: count), shape: [count, 1])
    try folder.write("y.npy", [Double](repeating: 1, count: count), shape: [count])
    let arguments = [
      "train", "--data", "npy:x.npy,y.npy", "--no-standardize", "--test-share", "0", "--model",
      "mlp:256x6", "--activation", "tanh", "--order", "4", "--backend", "openblas", "--threads",
      "1", "--steps", "1", "--evaluate-every", "0", "--out", "run", "--batch-size",
    ]
    let small = "ulimit -v 900000;"
    let outcome = try Command.run(arguments + ["full"], in: folder, shell: small)
    expectSentence(
      outcome, "out of memory", "the largest --batch-size that fits into the ",
      "that could be allocated is ")
    let batch = try #require(outcome.errors.split(whereSeparator: \.isWhitespace).last)
    #expect(try (1000..<count).contains(#require(Int(batch))))
    let fitting = try Command.run(
      arguments.map { $0 == "run" ? "fits" : $0 } + [String(batch)], in: folder, shell: small)
    #expect(fitting.status == 0, "\(fitting.errors)")
    // Nothing stands in the way of going on where there is more memory.
    let resumed = try Command.run(arguments + ["full", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
  }

  // MARK: The sentences

  private static let network = try? Network(
    NetworkPreset(parsing: "mlp:64x2")!.description(
      input: [10], outputs: 3, activation: .tanh, parameterization: .standard, weightStd: 1,
      biasStd: 0))
  private static let settings = TrainingSettings(
    order: 3, loss: .mse, batchSize: 3000, steps: 1)

  private func check(_ bytes: Int, piece: Int = .max) throws -> MemoryCheck {
    MemoryCheck(
      memory: AvailableMemory(
        name: "a device", bytes: bytes, largestPiece: piece, isHost: false),
      network: try #require(Self.network), examples: [3000, 0, 0], workspace: Workspace())
  }

  private func plan(_ batch: Int) throws -> TrainingPlan {
    var settings = Self.settings
    settings.batchSize = batch
    return try TrainingPlan(#require(Self.network), settings, examples: [3000, 0, 0])
  }

  private func sentence(_ body: () throws -> Void) throws -> String {
    try #require(#expect(throws: TrainingError.self, performing: body)).description
  }

  /// The number at the end of a sentence, and the plans of that batch and of the next larger one.
  private func edge(_ sentence: String) throws -> (
    batch: Int, fits: TrainingPlan, not: TrainingPlan
  ) {
    let batch = try #require(sentence.split(separator: " ").last.flatMap { Int($0) }, "\(sentence)")
    return (batch, try plan(batch), try plan(batch + 1))
  }

  @Test func totalsAreRespected() throws {
    let whole = try plan(3000)
    try check(whole.peakBytes).check(whole, Self.settings)
    let bytes = whole.peakBytes - 1
    let sentence = try sentence { try check(bytes).check(whole, Self.settings) }
    #expect(sentence.contains("a device has") && !sentence.contains("piece"))
    let (batch, fits, not) = try edge(sentence)
    let budget = bytes / 8 * 7
    #expect(fits.peakBytes <= budget && budget < not.peakBytes)
    #expect(try check(bytes).largestBatch(Self.settings) == batch)
    #expect(try check(whole.peakBytes * 2).largestBatch(Self.settings) == 3000)
  }

  @Test func singlePiecesAreRespected() throws {
    let whole = try plan(3000)
    let bytes = whole.peakBytes * 2
    try check(bytes, piece: whole.largestBuffer).check(whole, Self.settings)
    for piece in [whole.largestBuffer - 1, whole.largestBuffer / 3] {
      let check = try check(bytes, piece: piece)
      let sentence = try sentence { try check.check(whole, Self.settings) }
      #expect(sentence.contains("a piece of memory of") && sentence.contains("in one piece"))
      let (batch, fits, not) = try edge(sentence)
      #expect(fits.largestBuffer <= piece && piece < not.largestBuffer)
      #expect(try check.largestBatch(Self.settings) == batch)
    }
    // The data alone are one piece.
    let none = try check(bytes, piece: 3000 * 10 * 4 - 1)
    #expect(
      try sentence { try none.check(whole, Self.settings) }.contains("no --batch-size makes it fit")
    )
    #expect(
      try sentence { _ = try none.largestBatch(Self.settings) }.contains("even with --batch-size 1")
    )
  }

  @Test func shortagesNameWhatFits() throws {
    let error = BackendError("out of memory on a device; use less", cause: .memory)
    let held = try plan(700).peakBytes + 100
    let named = try check(.max).shortage(error, Self.settings, held: held)
    #expect(named.cause == .memory)
    #expect(named.description.hasPrefix("out of memory on a device; the largest --batch-size"))
    let (_, fits, not) = try edge(named.description)
    #expect(fits.peakBytes <= held && held < not.peakBytes)
    // What failed does not fit, though the plan thinks so.
    let least = try check(.max).shortage(error, Self.settings, held: .max / 2)
    #expect(try edge(least.description).batch == 2999)
    let none = try check(.max).shortage(error, Self.settings, held: 0)
    #expect(none.description.contains("does not exist, so take a narrower network or less data"))
  }
}
