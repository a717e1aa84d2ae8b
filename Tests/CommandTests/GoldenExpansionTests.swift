import Maclaurin
import Testing

/// `expand` against golden coefficients, losses and gradients.
struct GoldenExpansionTests {
  static let cases = ["erf", "gelu", "relu", "softplus", "tanh"]
  static let backends = [
    ["--backend", "openblas"], ["--backend", "opencl", "--kernel-family", "host"],
    ["--backend", "opencl", "--kernel-family", "device"],
  ]

  private func expand(
    _ golden: Golden, _ order: String, _ more: [String], in folder: TemporaryFolder
  ) throws -> Command.Outcome {
    let outcome = try Command.run(
      [
        "expand", "--network", golden.network, "--center", golden.argument("theta0."),
        "--parameters", golden.argument("theta."), "--inputs", golden.argument("x"), "--order",
        order, "--output", "c.npy", "--json",
      ] + more, in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    return outcome
  }

  @Test(arguments: cases, backends)
  func coefficientsInFloat64(_ name: String, _ backend: [String]) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("jet-mlp-\(name)")
    let all = try golden.file.tensor("coefficients")
    let (expected, block) = (all.doubles(), all.shape[1] * all.shape[2])
    // Each order is a program of its own to compile on a device.
    for order in backend == Self.backends[0] ? Array(1...5) : [2, 5] {
      let outcome = try expand(
        golden, "\(order)", ["--dtype", "float64"] + backend, in: folder)
      let (shape, values) = try folder.array("c.npy")
      #expect(shape == [order + 1, all.shape[1], all.shape[2]])
      #expect(try outcome.json["shape"] == .array(shape.map { .number(Double($0)) }))
      // Each coefficient by its own scale.
      for i in 0...min(order, all.shape[0] - 1) {
        let part = i * block..<(i + 1) * block
        let isZero = expected[part].allSatisfy { $0 == 0 }
        if isZero {
          #expect(values[part].allSatisfy { $0 == 0 }, "\(name) order \(order) coefficient \(i)")
        } else {
          expectClose(
            Array(values[part]), Array(expected[part]), relative: 1e-10,
            "\(name) order \(order) coefficient \(i) on \(backend)")
        }
      }
    }
    _ = try expand(golden, "full", ["--dtype", "float64"] + backend, in: folder)
    let full = try folder.array("c.npy")
    #expect(full.shape == [1, all.shape[1], all.shape[2]])
    expectClose(full.values, try golden.values("full"), relative: 1e-10, "\(name) full")
  }

  @Test(arguments: cases, [backends[0], backends[1]])
  func lossesAndGradients(_ name: String, _ backend: [String]) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("jet-mlp-\(name)")
    let network = try golden.description()
    let all = [("full", "full"), ("1", "k1"), ("2", "k2"), ("3", "k3")]
    // On a device every order and both losses, but not each with each.
    let isDevice = backend != Self.backends[0]
    for (loss, orders) in [
      ("mse", isDevice ? [all[0], all[2]] : all),
      ("cross_entropy", isDevice ? [all[1], all[3]] : all),
    ] {
      for (order, tag) in orders {
        let outcome = try expand(
          golden, order,
          ["--dtype", "float64", "--targets", golden.argument("y"), "--loss", loss]
            + ["--gradient", "g.safetensors"] + backend, in: folder)
        expectClose(
          [try outcome.number("loss")], try golden.values("loss.\(loss).\(tag)"),
          relative: 1e-10, "\(name) \(loss) \(tag)")
        let gradient = try SafetensorsFile(folder.path + "/g.safetensors")
        #expect(Set(gradient.names) == Set(network.parameters.map(\.name)))
        expectClose(
          try network.readParameters(gradient),
          try golden.parameters("grad.\(loss).\(tag)."), relative: 1e-10,
          "\(name) gradient \(loss) \(tag)")
      }
    }
  }

  /// Float32 on every back end: the same bytes, and within the running error bound.
  @Test(arguments: cases)
  func float32(_ name: String) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("jet-mlp-\(name)")
    let all = try golden.file.tensor("coefficients")
    let order = all.shape[0] - 1
    var files: Set<[UInt8]> = []
    for backend in Self.backends {
      _ = try expand(
        golden, "\(order)",
        ["--targets", golden.argument("y"), "--loss", "cross_entropy", "--gradient"]
          + ["g.safetensors"] + backend, in: folder)
      files.insert(try folder.bytes("c.npy") + folder.bytes("g.safetensors"))
    }
    #expect(files.count == 1)
    let (values, expected) = (try folder.array("c.npy").values, all.doubles())
    let bounds = try RoundedNetwork(golden, golden.description()).coefficients(order: order)
    #expect(values.count == expected.count && bounds.count == expected.count)
    // The definition that carries the bounds is that of the golden values.
    expectClose(bounds.map(\.value), expected, relative: 1e-10, "\(name) definition")
    var worst = 0.0
    for (index, bound) in bounds.enumerated() {
      let error = abs(values[index] - expected[index])
      // To first order; the second is below a thousandth here.
      let limit = 1.001 * 0x1p-24 * bound.error
      #expect(error <= limit, "\(name) \(index): \(error) above \(limit)")
      if limit > 0 { worst = max(worst, error / limit) }
    }
    // The bound is not empty: rounding uses a part of it, and it is far below the values.
    #expect(worst > 0.01, "\(name) uses \(worst) of its bound")
    #expect(bounds.map(\.error).max()! * 0x1p-24 < 1e-3)
  }
}
