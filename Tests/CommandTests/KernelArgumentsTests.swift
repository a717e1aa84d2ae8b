import Maclaurin
import Testing

/// Arguments of `kernel` that cannot be meant, and what it cannot compute.
struct KernelArgumentsTests {
  @Test(
    arguments: [
      (["--kind", "rbf"], ["rbf", "nngp", "ntk"]), (["--width", "wide"], ["wide", "finite"]),
      (["--width", "finite", "--outputs", "all"], ["all", "trace"]),
      (["--outputs", "full"], ["--outputs", "--width finite"]),
      (["--samples", "3"], ["--samples", "--width finite"]),
      (["--memory-limit", "1 GiB"], ["--memory-limit", "1 GiB"]),
      (["--memory-limit", "-1MB"], ["--memory-limit"]), (["--memory-limit=0"], ["1GiB"]),
      (["--memory-limit", "99999TiB"], ["99999TiB"]), (["--memory-limit", "1e9"], ["1e9"]),
      (["--tile", "0"], ["--tile"]), (["--shard", "0/3"], ["0/3", "2/4"]),
      (["--shard", "4/3"], ["4/3"]), (["--shard", "2"], ["--shard"]),
      (["--shard", "1/2/3"], ["1/2/3"]), (["--journal-every=-1"], ["--journal-every"]),
      (["--preset-outputs", "0"], ["--preset-outputs"]), (["--bogus"], ["--bogus"]),
      (["--dtype", "int32"], ["int32", "float64"]), (["--model", "mlp:3x1"], ["--model"]),
      (["--activation", "tanh"], ["--activation", "preset"]),
      (
        ["--width", "finite", "--samples", "2", "--standard-error", "e.npy", "--resume"],
        ["--standard-error", "--resume"]
      ),
      (
        ["--width", "finite", "--vectors", "x.npy", "--memory-limit", "1GiB"],
        ["--memory-limit", "--vectors"]
      ),
      (
        ["--width", "finite", "--outputs", "full", "--vectors", "x.npy", "--plan"],
        ["--vectors", "--plan"]
      ),
    ] as [([String], [String])])
  func misuse(_ arguments: [String], _ words: [String]) throws {
    try expectRefusal(arguments, words, status: 2)
  }

  @Test(
    arguments: [
      (["--memory-limit", "1MiB"], ["1.0 MiB", "one pair", "--memory-limit"]),
      (["--output", "none/k.npy"], ["none", "create it"]), (["--output", "k.npz"], ["k.npz"]),
      (["--output", "x.npy"], ["x.npy", "--inputs"]), (["--output", "k"], ["k", "file.npy"]),
      (["--inputs2", "y.npy"], ["y.npy", "[5, 3]", "[examples, 4]"]),
      (["--inputs2", "n.npy"], ["n.npy", "finite number"]),
      (["--inputs", "none.npy"], ["none.npy"]), (["--network", "none.json"], ["none.json"]),
      (["--shard", "1/9", "--tile", "6"], ["1/9", "nothing to do"]),
      (["--network", "drop.json"], ["dropout", "layer"]),
      (
        ["--network", "wide.json", "--width", "finite", "--outputs", "full", "--plan"],
        ["5000", "--outputs trace"]
      ),
    ] as [([String], [String])])
  func failures(_ arguments: [String], _ words: [String]) throws {
    try expectRefusal(arguments, words, status: 1)
  }

  private func expectRefusal(_ arguments: [String], _ words: [String], status: Int32) throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", (0..<24).map { Double($0) }, shape: [6, 4])
    try folder.write("y.npy", (0..<15).map { Double($0) }, shape: [5, 3])
    try folder.write("n.npy", [1, 2, 3, .nan], shape: [1, 4])
    try folder.write("f.json", #"{"input": [4], "layers": [{"dense": {"units": 3}}]}"#)
    try folder.write("wide.json", #"{"input": [4], "layers": [{"dense": {"units": 5000}}]}"#)
    try folder.write(
      "drop.json",
      #"{"input": [4], "layers": [{"dropout": {"rate": 0.5}}, {"dense": {"units": 1}}]}"#)
    let before = folder.names()
    var all = ["kernel", "--backend", "openblas"]
    for (option, value) in [("--inputs", "x.npy"), ("--network", "f.json"), ("--output", "k.npy")]
    where !arguments.contains(option) { all += [option, value] }
    let outcome = try Command.run(all + arguments, in: folder)
    expectSentence(outcome, status: status)
    for word in words { #expect(outcome.errors.contains(word), "\(word) in \(outcome.errors)") }
    #expect(folder.names() == before)
  }
}
