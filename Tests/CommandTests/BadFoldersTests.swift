import FoundationEssentials
import Glibc
import Maclaurin
import Testing

/// Places that cannot be written, full disks, and files that must not be lost.
struct BadFoldersTests {
  private static let train = ["train", "--model", "mlp:4x1", "--steps", "2", "--out"]

  @Test func runFolders() throws {
    let folder = try TemporaryFolder()
    try folder.write("file", "x")
    try FileManager.default.createDirectory(
      atPath: folder.path + "/full/checkpoints", withIntermediateDirectories: true)
    try folder.write("full/notes.txt", "mine")
    expectSentence(try Command.run(Self.train + ["file"], in: folder), "file", "folder")
    expectSentence(try Command.run(Self.train + ["file/run"], in: folder), "file/run")
    expectSentence(try Command.run(Self.train + ["/proc/run"], in: folder), "/proc/run")
    expectSentence(
      try Command.run(Self.train + ["full"], in: folder), "full", "not empty", "--resume")
    expectSentence(
      try Command.run(Self.train + ["full", "--resume"], in: folder), "full", "run.json", "--out")
    #expect(folder.names("full") == ["checkpoints", "notes.txt"])
    #expect(try Command.run(Self.train + ["run"], in: folder).status == 0)
    let before = try folder.bytes("run/run.json")
    expectSentence(try Command.run(Self.train + ["run"], in: folder), "run", "--resume")
    #expect(try folder.bytes("run/run.json") == before)
    expectSentence(try Command.run("evaluate", "--run", "full", in: folder), "full", "run.json")
    expectSentence(try Command.run("evaluate", "--run", "none", in: folder), "none")
  }

  @Test func outputs() throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("empirical-mlp")
    let bytes = try SafetensorsFile(golden.folder + "/case.safetensors").tensor("x1")
    try SafetensorsFile.write(
      [
        (name: "x", array: bytes),
        (name: "u", array: NumericArray([Double](repeating: 1, count: 10), shape: [5, 2])),
      ], to: folder.path + "/in.safetensors")
    try FileManager.default.createDirectory(
      atPath: folder.path + "/folder.npy", withIntermediateDirectories: true)
    symlink("in.safetensors", folder.path + "/link.safetensors")
    let before = try folder.bytes("in.safetensors")
    let vjp = [
      "vjp", "--network", golden.network, "--parameters", golden.argument("theta0."), "--inputs",
      "in.safetensors:x", "--cotangents", "in.safetensors:u", "--output",
    ]
    expectSentence(try Command.run(vjp + ["none/o.npy"], in: folder), "none/o.npy", "create it")
    expectSentence(try Command.run(vjp + ["folder.npy"], in: folder), "folder.npy", "folder")
    expectSentence(try Command.run(vjp + ["o.txt"], in: folder), "o.txt", ".npy")
    expectSentence(try Command.run(vjp + ["o.npz"], in: folder), "o.npz", ".npy")
    expectSentence(try Command.run(vjp + ["/proc/o.npy"], in: folder), "/proc/o.npy")
    for name in ["in.safetensors", "in.safetensors:y", "./in.safetensors:y", "link.safetensors"] {
      expectSentence(try Command.run(vjp + [name], in: folder), "--output", "another file")
    }
    expectSentence(
      try Command.run("init", "--model", "mlp:4x1", "--output", "none/p.safetensors", in: folder),
      "none/p.safetensors")
    expectSentence(
      try Command.run("init", "--model", "mlp:4x1", "--output", "/dev/full", in: folder),
      "/dev/full", "No space left")
    let jets = try Golden("jet-mlp-relu")
    let expand = [
      "expand", "--network", jets.network, "--center", jets.argument("theta0."), "--parameters",
      jets.argument("theta."), "--inputs", jets.argument("x"), "--targets",
    ]
    expectSentence(
      try Command.run(
        expand + [jets.argument("y"), "--output", "same.safetensors", "--gradient"]
          + ["same.safetensors"], in: folder), "same.safetensors", "--gradient")
    // Wrong targets are found before anything is written.
    expectSentence(
      try Command.run(
        expand + [jets.argument("x"), "--output", "o.npy", "--gradient", "g.safetensors"],
        in: folder), "shape")
    #expect(try folder.bytes("in.safetensors") == before)
    #expect(folder.names() == ["folder.npy", "in.safetensors", "link.safetensors"])
  }

  /// A disk that fills up while a checkpoint is written, played by a limit on file sizes.
  @Test func fullDisk() throws {
    let folder = try TemporaryFolder()
    // 64·64 + 64 and 64·10 + 10 parameters: 19 KB of them; a checkpoint with Adam's moments of an
    // expansion holds four times that.
    let arguments = [
      "train", "--model", "mlp:64x1", "--order", "1", "--optimizer", "adam", "--lr", "0.01",
      "--epochs", "40", "--checkpoint-every", "20", "--json", "--out",
    ]
    let whole = try Command.run(arguments + ["whole"], in: folder)
    #expect(whole.status == 0)
    // From the start: the first checkpoint fails. Units of 512 bytes: 32 KiB.
    let first = try Command.run(arguments + ["run"], in: folder, shell: "ulimit -f 64;")
    expectSentence(first, "run/checkpoints/step-20.safetensors", "cannot be written", "space")
    #expect(folder.names("run/checkpoints") == [])
    let child = try Child(arguments + ["run", "--resume"], in: folder)
    for _ in 0..<5000 where folder.names("run/checkpoints").isEmpty { usleep(500) }
    child.send(SIGINT)
    #expect(try child.wait().status == 130)
    // In the middle: the checkpoints that were there stay and serve.
    let before = folder.names("run/checkpoints")
    #expect(!before.isEmpty && !before.contains("step-480.safetensors"))
    let second = try Command.run(
      arguments + ["run", "--resume"], in: folder, shell: "ulimit -f 64;")
    expectSentence(second, "run/checkpoints/step-", "cannot be written", "space")
    #expect(folder.names("run/checkpoints") == before)
    let resumed = try Command.run(arguments + ["run", "--resume"], in: folder)
    #expect(try resumed.text("parameters_sha256") == whole.text("parameters_sha256"))
    for name in ["metrics.jsonl", "metrics.csv", "final.safetensors"] {
      #expect(try folder.bytes("run/\(name)") == folder.bytes("whole/\(name)"), "\(name)")
    }
    // So full that not even the start can be written: nothing is left.
    let none = try Command.run(arguments + ["none"], in: folder, shell: "ulimit -f 8;")
    expectSentence(none, "none/initial.safetensors", "cannot be written")
    #expect(!folder.names().contains("none"))
  }
}
