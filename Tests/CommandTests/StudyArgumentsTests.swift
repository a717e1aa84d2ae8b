import Maclaurin
import Testing

/// What `study` refuses before it does anything.
struct StudyArgumentsTests {
  @Test(arguments: [
    (["--orders", "1,2,1"], "--orders names 1 twice"),
    (["--orders", "full,full"], "--orders names full twice"),
    (["--orders", "1,9"], "--orders takes full or 1 to 8, not \"9\""),
    (["--orders", "1,quarter"], "not \"quarter\""), (["--orders", ""], "--orders takes a list"),
    (["--orders", "1,,2"], "without gaps"), (["--seeds", "0..2,1"], "--seeds names 1 twice"),
    (["--seeds", "3..1"], "--seeds takes numbers"), (["--seeds", "-1"], "--seeds"),
    (["--seeds", "0...3"], "--seeds takes numbers"), (["--seeds", "0..99999999"], "--seeds"),
    (["--grid", "width="], "--grid width has no values"), (["--grid", "width"], "AXIS=VALUE"),
    (["--grid", "depth=1,2"], "no axis \"depth\""), (["--grid", "order=1"], "--orders"),
    (["--grid", "lr=0.1,0.10"], "--grid lr names 0.1 twice"),
    (["--grid", "lr=1", "--grid", "lr=2"], "--grid names lr twice"),
    (["--grid", "width=1.5"], "positive integers"), (["--grid", "width=0"], "positive integers"),
    (["--grid", "lr=fast"], "positive numbers"), (["--grid", "lr=0"], "positive numbers"),
    (["--grid", "output_scale=0"], "positive"),
    (["--grid", "lr=1,,2"], "without gaps"), (["--early-stop", "3"], "--early-stop"),
    (["--orders", "full", "--relinearize-every", "3"], "--relinearize-every"),
    (["--resume"], "--resume needs --out"), (["--kernel-probes", "-2"], "--kernel-probes"),
    (["--output-scale", "0"], "--output-scale"), (["--output-scale", "nan"], "--output-scale"),
  ])
  func misuse(_ arguments: [String], _ words: String) throws {
    let folder = try TemporaryFolder()
    expectSentence(
      try Command.run(["study", "--model", "mlp:4x1"] + arguments, in: folder), words, status: 2)
    #expect(folder.names().isEmpty)
  }

  @Test func networkFilesHaveTheirWidths() throws {
    let folder = try TemporaryFolder()
    try folder.write("n.json", #"{"input": [64], "layers": [{"dense": {"units": 10}}]}"#)
    expectSentence(
      try Command.run("study", "--model", "n.json", "--grid", "width=4,8", in: folder),
      "--grid width goes with a preset", "n.json", status: 2)
  }

  @Test func badPlaces() throws {
    let folder = try TemporaryFolder()
    let study = ["study", "--model", "mlp:4x1", "--steps", "2", "--orders", "full", "--out"]
    try folder.write("file", "x")
    expectSentence(try Command.run(study + ["file"], in: folder), "file is a file")
    expectSentence(try Command.run(study + ["/proc/s"], in: folder), "/proc/s")
    expectSentence(
      try Command.run(study + ["new", "--center", "none.safetensors"], in: folder),
      "none.safetensors")
    #expect(folder.names() == ["file"])
  }
}
