import Maclaurin
import Testing

/// The same command line gives the same parameters on every back end and for every thread count.
struct SameBitsTests {
  static let places = [
    ["--backend", "openblas", "--threads", "1"], ["--backend", "openblas", "--threads", "2"],
    ["--backend", "opencl", "--kernel-family", "host"],
    ["--backend", "opencl", "--kernel-family", "device"],
  ]

  private func hashes(
    _ arguments: [String], on data: String = "digits", _ places: [[String]] = places
  ) throws -> [String] {
    let folder = try TemporaryFolder()
    return try places.map { place in
      let outcome = try Command.run(
        ["train", "--data", data, "--json", "--quiet"] + arguments + place, in: folder)
      #expect(outcome.status == 0, "\(arguments) \(place): \(outcome.errors)")
      #expect(outcome.errors.isEmpty)
      let hash = try outcome.text("parameters_sha256")
      #expect(hash.count == 64)
      return hash
    }
  }

  @Test(arguments: ["full", "1", "2", "3", "8"])
  func orders(_ order: String) throws {
    let found = try hashes(["--model", "mlp:32x2", "--epochs", "1", "--order", order])
    #expect(Set(found).count == 1, "\(found)")
  }

  @Test(arguments: ["relu", "tanh", "erf", "gelu"])
  func activations(_ activation: String) throws {
    let found = try hashes([
      "--model", "mlp:24x2", "--activation", activation, "--order", "2", "--steps", "15",
      "--optimizer", "adam", "--lr", "0.003", "--clip-norm", "1", "--weight-decay", "0.001",
      "--relinearize-every", "6", "--loss", "mse", "--bias-std", "0.1", "--parameterization",
      "ntk",
    ])
    #expect(Set(found).count == 1, "\(found)")
  }

  /// Also with tiles of every size: the first convolution's 1700 positions are more than a chain, so
  /// that its gradient is summed in two tiles.
  @Test(arguments: [
    ("cnn:6x2", "full"), ("cnn:6x2", "1"), ("cnn:6x2", "3"), ("wrn:1-1-4", "full"),
    ("wrn:1-1-4", "2"),
  ])
  func images(_ model: String, _ order: String) throws {
    let found = try hashes(
      [
        "--model", model, "--initialization", "glorot", "--order", order, "--steps", "3",
        "--batch-size", "17", "--lr", "0.05", "--clip-norm", "5", "--augment", "crop:2,flip",
        "--augment-offsets", "image", "--normalize", "0.5,0.4,0.3/0.2,0.25,0.3",
      ], on: "synthetic:image:n=40,test=3,size=12,classes=3",
      Self.places + [
        ["--backend", "openblas", "--workspace", "1"],
        ["--backend", "opencl", "--workspace", "40KiB"],
      ])
    #expect(Set(found).count == 1, "\(found)")
  }

  /// Every layer that a network file may hold.
  @Test(arguments: ["full", "1", "3"])
  func allLayers(_ order: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "n.json",
      """
      {"input": [1, 8, 8], "layers": [
        {"conv": {"channels": 4, "kernel": 3, "padding": "same"}}, "tanh",
        {"conv": {"channels": 4, "kernel": [3, 2], "stride": [1, 2], "padding": [1, 0, 0, 1]}},
        {"layer_norm": {"affine": true, "epsilon": 0.1}}, "erf",
        {"residual": {"scale": 0.5, "main": ["relu",
            {"conv": {"channels": 6, "kernel": 3, "padding": 1}}, {"dropout": {"rate": 0.2}}],
          "shortcut": [{"conv": {"channels": 6, "kernel": 1, "bias": false}}]}},
        {"residual": {"main": ["gelu", {"conv": {"channels": 6, "kernel": 3, "padding": "same"}}]}},
        {"max_pool": {"window": 2, "stride": 1}}, {"avg_pool": {"window": [2, 1]}}, "flatten",
        {"layer_norm": {}}, {"dense": {"units": 10}}]}
      """)
    let found = try hashes([
      "--model", folder.path + "/n.json", "--order", order, "--train-size", "40", "--steps", "3",
      "--batch-size", "17", "--lr", "0.01",
    ])
    #expect(Set(found).count == 1, "\(found)")
  }

  /// Order, seed and activation matter: equal hashes above are no accident.
  @Test func settingsMatter() throws {
    let variants = [
      ["--order", "1"], ["--order", "2"], ["--order", "full"], ["--order", "1", "--seed", "1"],
      ["--order", "1", "--activation", "tanh"], ["--order", "1", "--batch-size", "64"],
    ]
    let found = try variants.flatMap { variant in
      try hashes(
        ["--model", "mlp:16x2", "--epochs", "1"] + variant, [["--backend", "openblas"]])
    }
    #expect(Set(found).count == variants.count)
  }

  @Test func wideNetworkOfOrder2() throws {
    let found = try hashes(
      [
        "--model", "mlp:512x3", "--activation", "relu", "--order", "2", "--epochs", "20",
      ], [["--backend", "openblas"], ["--backend", "opencl"]])
    #expect(Set(found).count == 1, "\(found)")
  }
}
