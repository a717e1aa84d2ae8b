import Glibc
import Maclaurin
import Testing

/// `study kernels`.
struct KernelStudyTests {
  private struct Distance {
    var sweep: String
    var size: Int
    var samples: Int
    var mean: Double
    var standardError: Double?
    var ofMean: Double
  }

  private func distances(_ folder: TemporaryFolder, _ name: String) -> [Distance] {
    folder.text(name + "/convergence.csv").split(separator: "\n").dropFirst().map { line in
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
      return Distance(
        sweep: String(cells[1]), size: Int(cells[2])!, samples: Int(cells[3])!,
        mean: Double(cells[4])!, standardError: Double(cells[5]), ofMean: Double(cells[6])!)
    }
  }

  /// One hidden linear layer on two orthogonal inputs of equal length: K is c times the identity, and
  /// K_n the mean of n products z zᵀ with z ~ N(0, K), so that
  /// E‖K_n − K‖² = ((tr K)² + ‖K‖²)/n, which is 3‖K‖²/n. The norm's mean lies between 0.85 and 1 of
  /// its root mean square (0.92 of χ with 3 degrees of freedom), here measured to 5 %.
  @Test func linearNetworks() throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", [1, 0, 0, 0, 0, -1, 0, 0], shape: [2, 4])
    let outcome = try Command.run(
      [
        "study", "kernels", "--model", "mlp:8x1", "--activation", "identity", "--kind", "nngp",
        "--widths", "256,64,16", "--samples", "64", "--inputs", "x.npy", "--out", "s", "--json",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.text("kind") == "nngp" && outcome.number("examples") == 2)
    let found = distances(folder, "s")
    #expect(found.map(\.size) == [16, 64, 256] && found.allSatisfy { $0.samples == 64 })
    for point in found {
      let expected = (3 / Double(point.size)).squareRoot()
      #expect((0.8...1.05).contains(point.mean / expected), "\(point)")
      // The mean of 64 networks is an eighth as far, in the root mean square.
      #expect(point.ofMean < 3 * expected / 8)
      #expect(try #require(point.standardError) < 0.1 * expected)
    }
    #expect(
      Set(folder.names("s")) == [
        "convergence.csv", "eigenvalues.csv", "figures", "report.html", "result.json",
      ])
    #expect(
      folder.names("s/figures") == [
        "convergence-nngp-width.svg", "kernel-2.svg", "kernel.svg", "spectrum.svg",
      ])
    // K is x xᵀ/4: both eigenvalues are 1/4.
    let eigenvalues = folder.text("s/eigenvalues.csv").split(separator: "\n")
    #expect(eigenvalues[1].hasPrefix("NNGP at infinite width,1,0.25"))
    #expect(eigenvalues[2].hasPrefix("NNGP at infinite width,2,0.25"))
  }

  /// Both sweeps of the tangent kernel: wider is nearer, and every back end finds the same distances.
  @Test func bothSweeps() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "study", "kernels", "--model", "mlp:12x2", "--activation", "erf", "--bias-std", "0.2",
      "--widths", "16,256", "--width-scales", "1,16", "--samples", "6", "--examples", "5",
      "--quiet",
    ]
    let outcome = try Command.run(
      arguments + ["--backend", "openblas", "--out", "a"], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let found = distances(folder, "a")
    #expect(found.map(\.sweep) == ["width", "width", "width_scale", "width_scale"])
    #expect(found.map(\.size) == [16, 256, 1, 16])
    // A factor of 16 in size is one of 4 in distance.
    for (narrow, wide) in [(found[0], found[1]), (found[2], found[3])] {
      #expect((2...8).contains(narrow.mean / wide.mean), "\(narrow) \(wide)")
    }
    let device = try Command.run(arguments + ["--backend", "opencl", "--out", "b"], in: folder)
    #expect(device.status == 0, "\(device.errors)")
    #expect(folder.text("b/convergence.csv") == folder.text("a/convergence.csv"))
  }

  /// A network file says its widths itself; its scales are widened.
  @Test func networkFile() throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", (0..<12).map { sin(Double($0)) }, shape: [4, 3])
    try folder.write(
      "net.json",
      #"{"input": [3], "layers": [{"dense": {"units": 9}}, "abs", {"dense": {"units": 2}}]}"#)
    let outcome = try Command.run(
      [
        "study", "kernels", "--model", "net.json", "--inputs", "x.npy", "--samples", "1",
        "--width-scales", "1,3", "--out", "s",
      ], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let found = distances(folder, "s")
    #expect(found.map(\.size) == [1, 3] && found.allSatisfy { $0.standardError == nil })
    expectSentence(
      try Command.run(
        "study", "kernels", "--model", "net.json", "--inputs", "x.npy", "--widths", "3", in: folder),
      "--widths", "net.json", "--width-scales", status: 2)
    expectSentence(
      try Command.run("study", "kernels", "--model", "net.json", "--data", "digits", in: folder),
      "net.json", "[3]")
    try folder.write(
      "ntk.json",
      #"{"input": [3], "parameterization": "ntk", "layers": [{"dense": {"units": 9}}]}"#)
    expectSentence(
      try Command.run(
        "study", "kernels", "--model", "ntk.json", "--inputs", "x.npy", in: folder),
      "ntk.json", "improved_standard", status: 2)
  }

  @Test(arguments: [
    (["--widths", "8,,16"], "--widths takes a list without gaps"),
    (["--widths", "0"], "--widths takes numbers from 1"),
    (["--widths", "8,8"], "--widths names 8 twice"),
    (["--width-scales", "1.5"], "--width-scales"), (["--samples", "0"], "--samples"),
    (["--examples", "1"], "--examples"), (["--parameterization", "ntk"], "--parameterization"),
    (["--kind", "gp"], "gp"), (["--orders", "1"], "--orders"),
  ])
  func misuse(_ arguments: [String], _ words: String) throws {
    let folder = try TemporaryFolder()
    expectSentence(
      try Command.run(["study", "kernels"] + arguments, in: folder), words, status: 2)
    #expect(folder.names().isEmpty)
  }

  @Test func failures() throws {
    let folder = try TemporaryFolder()
    try folder.write("x.npy", [1, 2, 3], shape: [3])
    expectSentence(
      try Command.run("study", "kernels", "--inputs", "x.npy", in: folder), "x.npy", "[3]")
    expectSentence(
      try Command.run("study", "kernels", "--out", "x.npy", in: folder), "x.npy is a file")
    expectSentence(
      try Command.run(
        "study", "kernels", "--widths", "4", "--weight-std", "0", "--quiet", in: folder),
      "infinite width is zero")
  }
}
