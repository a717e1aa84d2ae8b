import Maclaurin
import Testing

/// The same command line gives the same parameters on every back end and for every thread count.
struct SameBitsTests {
  static let places = [
    ["--backend", "openblas", "--threads", "1"], ["--backend", "openblas", "--threads", "2"],
    ["--backend", "opencl", "--kernel-family", "host"],
    ["--backend", "opencl", "--kernel-family", "device"],
  ]

  private func hashes(_ arguments: [String], _ places: [[String]] = places) throws -> [String] {
    let folder = try TemporaryFolder()
    return try places.map { place in
      let outcome = try Command.run(
        ["train", "--data", "digits", "--json", "--quiet"] + arguments + place, in: folder)
      #expect(outcome.status == 0, "\(arguments) \(place): \(outcome.errors)")
      #expect(outcome.errors.isEmpty)
      let hash = try outcome.text("parameters_sha256")
      #expect(hash.count == 64)
      return hash
    }
  }

  @Test(arguments: ["full", "1", "2", "3", "4", "8"])
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

  /// Order, seed and activation matter: equal hashes above are no accident.
  @Test func settingsMatter() throws {
    let variants = [
      ["--order", "1"], ["--order", "2"], ["--order", "full"], ["--order", "1", "--seed", "1"],
      ["--order", "1", "--activation", "tanh"], ["--order", "1", "--batch-size", "64"],
    ]
    let found = try variants.flatMap { variant in
      try hashes(["--model", "mlp:16x2", "--epochs", "1"] + variant, [["--backend", "openblas"]])
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
