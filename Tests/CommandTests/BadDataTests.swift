import Maclaurin
import Testing

/// Data files that are damaged, hostile or full of NaN.
struct BadDataTests {
  /// Trains on `data` with little address space, so that no huge allocation goes unnoticed.
  private func train(_ data: String, in folder: TemporaryFolder) throws -> Command.Outcome {
    let before = folder.names()
    let outcome = try Command.run(
      [
        "train", "--model", "mlp:4x1", "--steps", "2", "--data", data, "--out", "run", "--backend",
        "openblas",
      ], in: folder, shell: "ulimit -v 4000000;")
    #expect(folder.names() == before, "\(data)")
    return outcome
  }

  private func good(in folder: TemporaryFolder) throws -> (x: [UInt8], y: [UInt8]) {
    try folder.write("x.npy", (0..<60).map { Double($0 % 7) }, shape: [20, 3])
    try folder.write("y.npy", (0..<20).map { Double($0 % 3) / 2 }, shape: [20])
    let outcome = try Command.run(
      "train", "--model", "mlp:4x1", "--steps", "2", "--data", "npy:x.npy,y.npy", "--batch-size",
      "8", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return (try folder.bytes("x.npy"), try folder.bytes("y.npy"))
  }

  @Test func numpyFiles() throws {
    let folder = try TemporaryFolder()
    let (x, _) = try good(in: folder)
    func header(_ text: String, version: UInt8 = 1) -> [UInt8] {
      let length = text.utf8.count
      var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
      bytes += (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
      return bytes + Array(text.utf8)
    }
    let huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }\n"
    let overflow = "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 8), }\n"
    let variants: [(String, [UInt8])] = [
      ("truncated", Array(x.dropLast(9))), ("header only", Array(x.prefix(64))),
      ("magic", [0x92] + x.dropFirst()), ("empty", []), ("text", Array("1,2,3\n".utf8)),
      ("oversized header", [0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF] + x),
      ("huge shape", header(huge)), ("overflowing shape", header(overflow, version: 2)),
      ("objects", header("{'descr': '|O', 'fortran_order': False, 'shape': (20, 3), }\n")),
    ]
    for (name, bytes) in variants {
      try folder.write("bad.npy", bytes)
      let outcome = try train("npy:bad.npy,y.npy", in: folder)
      expectSentence(outcome, "bad.npy")
      expectSentence(try train("npy:x.npy,bad.npy", in: folder), "bad.npy")
      #expect(outcome.errors.count < 400, "\(name): \(outcome.errors)")
    }
    expectSentence(try train("npy:none.npy,y.npy", in: folder), "none.npy")
    expectSentence(try train("npy:x.npy", in: folder), "npy:X,Y")
    expectSentence(try train("npy:x.npy,y.txt", in: folder), "y.txt")
    expectSentence(try train("npy:y.npy,y.npy", in: folder), "y.npy", "shape")
    try folder.write("short.npy", [1, 2, 3], shape: [3])
    expectSentence(try train("npy:x.npy,short.npy", in: folder), "short.npy", "[3]", "20")
  }

  @Test func notANumber() throws {
    let folder = try TemporaryFolder()
    _ = try good(in: folder)
    var x = (0..<60).map { Double($0) }
    x[31] = .nan
    try folder.write("nan.npy", x, shape: [20, 3])
    expectSentence(
      try train("npy:nan.npy,y.npy", in: folder), "nan.npy", "row 10, column 1", "finite")
    try folder.write("inf.npy", (0..<20).map { $0 == 4 ? .infinity : 1 }, shape: [20])
    expectSentence(try train("npy:x.npy,inf.npy", in: folder), "inf.npy", "row 4", "finite")
    try folder.write("t.csv", "a,b\n1,2\n3,nan\n5,6\n")
    expectSentence(try train("csv:t.csv:a", in: folder), "t.csv", "line 3", "(b)")
    expectSentence(try train("csv:t.csv:b", in: folder), "t.csv", "line 3", "(b)")
    expectSentence(try train("csv:t.csv:c", in: folder), "t.csv", "'c'", "'a', 'b'")
    try folder.write("ragged.csv", "a,b\n1,2\n3\n5,6\n")
    expectSentence(try train("csv:ragged.csv:b", in: folder), "ragged.csv", "line 3")
    let inputs = try Command.run(
      "evaluate", "--network", Golden("empirical-mlp").network, "--parameters",
      Golden("empirical-mlp").argument("theta0."), "--inputs", "nan.npy", "--output", "o.npy",
      in: folder)
    expectSentence(inputs, "nan.npy", "finite")
    #expect(!folder.names().contains("o.npy"))
    expectSentence(
      try Command.run(
        "train", "--loss", "cross_entropy", "--data", "npy:x.npy,y.npy", "--model", "mlp:4x1",
        in: folder), "cross_entropy", "mse")
  }

  @Test func safetensorsFiles() throws {
    let folder = try TemporaryFolder()
    _ = try good(in: folder)
    let array = NumericArray((0..<60).map { Float($0) }, shape: [20, 3])
    let bytes = try SafetensorsFile.encode([(name: "x", array: array)])
    func headed(_ json: String, length: UInt64? = nil) -> [UInt8] {
      let count = length ?? UInt64(json.utf8.count)
      return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + Array(json.utf8)
    }
    let variants: [[UInt8]] = [
      Array(bytes.dropLast(5)), Array(bytes.prefix(20)), [], [1, 2, 3],
      headed("{}", length: 1 << 60), headed("{}", length: .max), headed("{}", length: 90 << 20),
      headed("not json"), headed("{}"),
      headed(#"{"x":{"dtype":"F32","shape":[1000000000,1000000000],"data_offsets":[0,8]}}"#),
      headed(#"{"x":{"dtype":"F32","shape":[20,3],"data_offsets":[0,240]}}"#),
      headed(#"{"x":{"dtype":"F32","shape":[20,3],"data_offsets":[-8,232]}}"#),
      headed(#"{"x":{"dtype":"Z9","shape":[20,3],"data_offsets":[0,240]}}"#) + bytes,
    ]
    for variant in variants {
      try folder.write("bad.safetensors", variant)
      expectSentence(try train("npy:bad.safetensors:x,y.npy", in: folder), "bad.safetensors")
      let initial = try Command.run(
        "train", "--model", "mlp:4x1", "--initial", "bad.safetensors", in: folder)
      expectSentence(initial, "bad.safetensors")
    }
  }

  @Test func imageFolders() throws {
    let folder = try TemporaryFolder()
    func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }
    let images = big(0x803) + big(30) + big(2) + big(2) + (0..<120).map { UInt8($0 * 2) }
    let labels = big(0x801) + big(30) + (0..<30).map { UInt8($0 % 10) }
    func write(_ images: [UInt8], _ labels: [UInt8]) throws {
      for part in ["train", "t10k"] {
        try folder.write("\(part)-images-idx3-ubyte", part == "train" ? images : self.images)
        try folder.write("\(part)-labels-idx1-ubyte", part == "train" ? labels : self.labels)
      }
    }
    try write(images, labels)
    let good = try Command.run(
      "train", "--model", "mlp:4x1", "--steps", "2", "--batch-size", "10", "--data", "idx:.",
      in: folder)
    #expect(good.status == 0, "\(good.errors)")
    let variants: [[UInt8]] = [
      Array(images.dropLast()), Array(images.prefix(7)), [], big(0x804) + images.dropFirst(4),
      big(0x1234_5678) + images.dropFirst(4),
      big(0x803) + big(.max) + big(.max) + big(.max), [0x1F, 0x8B, 8, 0, 0],
    ]
    for bad in variants {
      try write(bad, labels)
      expectSentence(try train("idx:.", in: folder), "train-images-idx3-ubyte")
    }
    try write(images, Array(labels.dropLast()))
    expectSentence(try train("idx:.", in: folder), "train-labels-idx1-ubyte")
    try write(images, big(0x801) + big(29) + labels.dropFirst(8).dropLast())
    expectSentence(try train("idx:.", in: folder), "29", "30")

    for index in 1...5 {
      try folder.write("data_batch_\(index).bin", [UInt8](repeating: 1, count: 3073 * 2))
    }
    try folder.write("test_batch.bin", [UInt8](repeating: 1, count: 3072))
    expectSentence(try train("cifar10:.", in: folder), "test_batch.bin")
    try folder.write("test_batch.bin", [UInt8](repeating: 77, count: 3073))
    expectSentence(try train("cifar10:.", in: folder), "test_batch.bin", "77")
    expectSentence(try train("cifar10:none", in: folder), "none/data_batch_1.bin")
  }

  private var images: [UInt8] {
    [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2] + [UInt8](repeating: 5, count: 8)
  }
  private var labels: [UInt8] { [0, 0, 8, 1, 0, 0, 0, 2, 3, 4] }
}
