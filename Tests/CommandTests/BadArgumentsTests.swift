import Maclaurin
import Testing

/// Arguments that cannot be meant: one sentence that says what, where and what to do.
struct BadArgumentsTests {
  private static let train = ["train", "--model", "mlp:4x1", "--steps", "2"]

  @Test(
    arguments: [
      (["--order", "0"], ["--order", "1 to 8", "\"0\""]), (["--order", "9"], ["1 to 8"]),
      (["--order", "abc"], ["\"abc\""]), (["--order", ""], ["1 to 8"]),
      (["--backend", "cuda"], ["\"cuda\"", "openblas", "opencl"]),
      (["--backend", "opencl:x"], ["opencl:x"]), (["--backend", "opencl:-1"], ["opencl:-1"]),
      (["--activation", "relo"], ["\"relo\"", "relu"]), (["--loss", "l1"], ["l1", "mse"]),
      (["--optimizer", "lion"], ["lion", "adamw"]), (["--numerics", "slow"], ["slow", "fast"]),
      (["--kernel-family", "x"], ["device"]), (["--dtype", "int8"], ["int8", "float64"]),
      (["--parameterization", "mupp"], ["mupp", "improved_standard"]),
      (["--parameterization", "mup:0"], ["mup:0", "BASE_WIDTH"]),
      (["--layer-lr", "layers.0"], ["PATTERN=FACTOR", "\"layers.0\""]),
      (["--layer-lr", "layers.0=-1"], ["--layer-lr", "negative"]),
      (["--batch-size", "0"], ["--batch-size"]), (["--batch-size", "many"], ["many", "full"]),
      (["--epochs", "3"], ["--steps", "--epochs"]), (["--lr", "nan"], ["--lr"]),
      (["--lr=-1"], ["--lr"]), (["--lr-schedule", "warm"], ["warm", "cosine"]),
      (["--threads", "99999"], ["4096"]), (["--threads=-1"], ["4096"]),
      (["--seed=-1"], ["--seed"]), (["--log-every", "0"], ["--log-every"]),
      (["--weight-std=-1"], ["--weight-std"]), (["--resume"], ["--out"]),
      (["--relinearize-every", "3"], ["--relinearize-every", "--order"]),
      (["--order", "1", "--relinearize-every", "often"], ["\"often\"", "inf"]),
      (["--order", "1", "--relinearize-every=-1"], ["\"-1\"", "inf"]),
      (["--relinearize-trust", "0.1"], ["--relinearize-trust", "--order"]),
      (["--order", "1", "--relinearize-trust", "0"], ["--relinearize-trust", "positive"]),
      (
        ["--order", "1", "--relinearize-trust", "0.1", "--relinearize-every", "inf"],
        ["--relinearize-trust", "--relinearize-every", "inf"]
      ),
      (["--order", "1", "--relinearize-growth", "0.5"], ["--relinearize-growth", "0.5"]),
      (["--order", "1", "--relinearize-growth", "2"], ["--relinearize-every"]),
      (
        ["--order", "1", "--relinearize-growth", "2", "--relinearize-trust", "0.1"],
        ["--relinearize-growth", "--relinearize-trust", "exclude"]
      ),
      (["--order", "1", "--relinearize-state", "reset"], ["--relinearize-state"]),
      (
        ["--order", "1", "--relinearize-every", "2", "--relinearize-state", "maybe"],
        ["maybe", "reset"]
      ),
      (["--adaptive-order", "0.1"], ["--adaptive-order", "--order"]),
      (["--order", "1", "--adaptive-order", "nan"], ["--adaptive-order", "nan"]),
      (["--order", "2", "--max-order", "3"], ["--max-order", "--adaptive-order"]),
      (["--order", "3", "--adaptive-order", "0.1", "--max-order", "2"], ["--max-order", "3"]),
      (["--order", "8", "--adaptive-order", "0.1"], ["--order", "7"]),
      (["--optimizer", "gauss-newton", "--noise", "0.1"], ["--noise", "gauss-newton"]),
      (["--coefficient", "2"], ["--coefficient 2", "--movement-std"]),
      (["--kernel-probes", "5000"], ["--kernel-probes", "4096"]), (["--bogus"], ["--bogus"]),
      (["stray"], ["stray"]), (["--out"], ["--out"]),
      (["--randomize", "dice"], ["dice", "signs"]), (["--sign-order", "3"], ["--randomize signs"]),
      (["--randomize", "signs", "--sign-order", "1"], ["2 to 8"]),
      (["--evaluation-draws", "4"], ["--randomize signs"]),
      (["--randomize", "signs", "--evaluation-draws", "0"], ["1 to 4096"]),
      (["--coefficient", "9"], ["1 to 8"]), (["--coefficient", "2", "--order", "3"], ["--order"]),
      (["--movement-std=-1"], ["--movement-std"]), (["--noise", "nan"], ["--noise"]),
      (["--movement-penalty", "inf"], ["--movement-penalty"]),
      (["--movement-exponent", "4"], ["--movement-penalty"]),
      (["--movement-penalty", "1", "--movement-exponent", "0"], ["1 to 64"]),
      (["--order", "1", "--relinearize-every", "2", "--randomize", "signs"], ["--randomize"]),
      (["--order", "2", "--relinearize-every", "2", "--coefficient", "2"], ["--coefficient"]),
    ] as [([String], [String])])
  func misuse(_ arguments: [String], _ words: [String]) throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(Self.train + arguments, in: folder)
    expectSentence(outcome, status: 2)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
    #expect(folder.names() == [])
  }

  @Test func misuseOfOtherVerbs() throws {
    let folder = try TemporaryFolder()
    for arguments in [
      ["bogus"], ["expand"], ["jvp", "--network"], ["init"], ["evaluate"],
      ["evaluate", "--run", "x", "--probabilities", "--classes"],
      ["evaluate", "--run", "x", "--inputs", "y.npy"],
      ["evaluate", "--run", "x", "--probabilities"], ["evaluate", "--network", "n.json"],
      ["evaluate", "--run", "x", "--batch-size", "0"], ["summary", "--inputs", "0"],
    ] { expectSentence(try Command.run(arguments, in: folder), status: 2) }
  }

  @Test(
    arguments: [
      (["--backend", "opencl:99"], ["opencl:99", "opencl:0"]),
      (["--data", "mnist"], ["mnist", "digits", "idx:DIR"]),
      (["--batch-size", "1438"], ["1438", "1437 examples", "--batch-size"]),
      (["--model", "mlp:12"], ["mlp:12", "mlp:512x3"]),
      (["--model", "mlp:0x1"], ["mlp:0x1"]), (["--model", "resnet"], ["resnet", "mlp:"]),
      (["--model", "mlp:16000000x1000"], ["layer", "narrower"]),
      (["--model", "mlp:1000000x3"], ["TiB", "memory", "narrower"]),
      (["--model", "mlp:1000000x3", "--backend", "opencl"], ["TiB", "memory"]),
      (["--validation-share", "1"], ["validation share", "less than 1"]),
      (["--model", "mlp:5x1", "--symmetric"], ["layers.0.weight", "5", "even"]),
      (["--model", "cnn:4x1", "--symmetric"], ["symmetric"]),
      (["--model", "cnn:4x1", "--randomize", "signs"], ["hidden dense layers"]),
      (["--model", "cnn:4x1", "--movement-penalty", "1"], ["hidden dense layers"]),
      (
        ["--model", "mlp:4x2", "--randomize", "signs", "--order", "3"],
        ["one hidden", "--sign-order"]
      ),
      (["--order", "1", "--adaptive-order", "0.1"], ["relu", "--relinearize-trust"]),
      (["--randomize", "signs", "--order", "3"], ["give --freeze layers.2"]),
      (["--test-share", "-0.5"], ["share"]),
      (["--initial", "none.safetensors"], ["none.safetensors"]),
    ] as [([String], [String])])
  func failures(_ arguments: [String], _ words: [String]) throws {
    let folder = try TemporaryFolder()
    let outcome = try Command.run(Self.train + ["--out", "run"] + arguments, in: folder)
    if arguments.first == "--test-share" {
      expectSentence(outcome, status: 2)
    } else {
      expectSentence(outcome)
    }
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
    #expect(folder.names() == [])
  }

  /// What does not fit is refused, before it is allocated, with the largest batch that does.
  @Test(arguments: ["openblas", "opencl"])
  func largestBatch(_ backend: String) throws {
    let folder = try TemporaryFolder()
    // Few parameters, and jets of half a terabyte and more for the batch of all examples.
    let count = 200_000
    try folder.write("x.npy", [Double](repeating: 1, count: count), shape: [count, 1])
    try folder.write("y.npy", [Double](repeating: 1, count: count), shape: [count])
    let arguments = [
      "train", "--data", "npy:x.npy,y.npy", "--no-standardize", "--test-share", "0", "--model",
      "mlp:256x250", "--activation", "tanh", "--order", "8", "--backend", backend,
      // Which takes what is left, whatever that is.
      "--order-zero-cache", "off", "--batch-size",
    ]
    func peak(_ batch: String) throws -> Double {
      try Command.run(arguments + [batch, "--plan", "--json"], in: folder).number("peak_bytes")
    }
    // The address space is far too small for the plan: nothing of it is asked for.
    let outcome = try Command.run(
      arguments + ["full"], in: folder, shell: backend == "opencl" ? nil : "ulimit -v 6000000;")
    expectSentence(outcome, "GiB of memory", "the largest --batch-size that fits is ")
    let batch = try #require(
      outcome.errors.split(separator: " ").last.flatMap { Int($0.dropLast()) })
    #expect((1..<count).contains(batch))
    // Both sides of the edge lie around seven eighths of what the machine or the device has.
    let (fits, more) = (try peak("\(batch)"), try peak("\(batch + 1)"))
    let all = try peak("full")
    #expect(fits < more && more < all)
    // Parameters are copied once in double precision and once in their own on their way out.
    let parameters = 512 + 249 * 65_792 + 257
    let (memory, copies) =
      backend == "openblas"
      ? (HostMachine.memory, 12 * parameters) : (try OpenCLDevices.device(0).globalMemory, 0)
    let budget = Double(memory / 8 * 7 - copies)
    #expect(fits <= budget && more > budget)
    // What the sentence names is what auto takes.
    let auto = try Command.run(arguments + ["auto", "--plan", "--json"], in: folder)
    #expect(try auto.number("batch_size") == Double(batch))
    #expect(try auto.number("peak_bytes") == fits)
  }

  @Test func explodingLoss() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "train", "--model", "mlp:16x2", "--order", "3", "--lr", "1e20", "--out", "run",
    ]
    let outcome = try Command.run(arguments, in: folder)
    expectSentence(outcome, "the loss became", "at step", "--lr")
    #expect(!folder.names("run").contains("final.safetensors"))
    #expect(!folder.names("run").contains("result.json"))
  }
}
