import OpenCLBackend
import Testing
import Verification

/// Kernel functions that are broken on purpose are found, and named.
@Suite struct BrokenKernelTests {
  struct Fault: CustomStringConvertible, Sendable {
    var source: String
    var part: String
    var replacement: String
    var operation: String
    /// What the failure must be found by.
    var words: String
    var description: String { "\(source): \(replacement)" }
  }

  static let faults = [
    // A term left out of a sum.
    Fault(
      source: "jet_product", part: "for (long j = i; j <= last; ++j)",
      replacement: "for (long j = i; j < (last > i ? last : i + 1); ++j)",
      operation: "jet_product", words: "by definition"),
    // Two roundings in place of one: far within every bound, so bits must tell.
    Fault(
      source: "optimizer_update", part: "fma(momentum, t[l], g[l])",
      replacement: "momentum * t[l] + g[l]", operation: "optimizer_update",
      words: "on the CPU path"),
    // A write past the end.
    Fault(
      source: "linear_combination", part: "{ out[i] = value; }",
      replacement: "{ out[i] = value; if (i == range.items - 1) out[i + 1] = value; }",
      operation: "fill", words: "not its output"),
    // One wrong activation of thirteen.
    Fault(
      source: "jet_composition", part: "g[0][l] = fma(-f[0][l], f[0][l], R(1.0));",
      replacement: "g[0][l] = fma(-f[0][l], f[0][l], R(1.0)) + REAL_EPSILON;",
      operation: "jet_composition", words: "tanh"),
    // The next patch begins where the last one ended.
    Fault(
      source: "extraction", part: "        i = 0;\n", replacement: "", operation: "extraction",
      words: "by definition"),
    // The last of equals.
    Fault(
      source: "pooling", part: "(value[0][l] > best[0][l])",
      replacement: "(value[0][l] >= best[0][l])", operation: "pooling", words: "by definition"),
    // A wrong weight in the recurrence of 1/√v.
    Fault(
      source: "layer_norm", part: "R(0.5) * (real)i - (real)n", replacement: "(real)i - (real)n",
      operation: "layer_norm", words: "by definition"),
    // A gain's displacement that meets its own coefficient.
    Fault(
      source: "layer_affine", part: "fma(g[1][l], u[1][l], out[0][l])",
      replacement: "fma(g[1][l], u[0][l], out[0][l])", operation: "layer_affine",
      words: "by definition"),
    // The same mask at every step.
    Fault(
      source: "dropout", part: "(ulong)(p.firstBlock + block)", replacement: "(ulong)block",
      operation: "dropout", words: "by definition"),
    // Half of the last elements of a row.
    Fault(
      source: "projection", part: "count = p.columns - first;",
      replacement: "count = (p.columns - first) / 2;", operation: "projection",
      words: "by definition"),
  ]

  @Test(arguments: faults)
  func areFound(_ fault: Fault) throws {
    let text = try #require(OpenCLBackend.programSource(fault.source))
    var options = Verification.Options()
    options.quick = true
    options.family = .device
    options.operations = [fault.operation]
    let intact = try Verification(.opencl(0), options).run()
    #expect(intact.failed == 0 && intact.cases > 0)

    options.programSources = [
      fault.source: try text.replacing(only: fault.part, with: fault.replacement)
    ]
    let report = try Verification(.opencl(0), options).run()
    #expect(report.failedOperations == [fault.operation])
    #expect(
      report.failures.contains {
        "\($0.label): \($0.failure ?? "")".contains(fault.words)
      }, "\(report.failures.first?.failure ?? "")")
  }

  /// The wrong sign of what a chain has summed so far, in each family.
  @Test(arguments: [
    (KernelFamily.device, "contraction_tile", "fma(a.x[i], b.x[j], chain[i][j])"),
    (.host, "contraction_host", "fma(left, right[j], chain[i][j])"),
  ])
  func wrongContractionsAreFound(_ family: KernelFamily, _ source: String, _ part: String) throws {
    let text = try #require(OpenCLBackend.programSource(source))
    let wrong = try part.replacing(only: "chain", with: "-chain")
    var options = Verification.Options()
    options.quick = true
    options.family = family
    options.operations = ["contraction"]
    options.programSources = [source: try text.replacing(only: part, with: wrong)]
    let report = try Verification(.opencl(0), options).run()
    #expect(report.failedOperations == ["contraction"])
    #expect(report.failures.allSatisfy { $0.label.hasSuffix("[\(family.rawValue)]") })
  }

  @Test func theCommandNamesTheOperationAndExitsWith3() throws {
    let fault = Self.faults[0]
    let text = try #require(OpenCLBackend.programSource(fault.source))
    let folder = try TemporaryFolder()
    let file = try folder.write(
      try text.replacing(only: fault.part, with: fault.replacement), to: "broken.cl")
    let command = try Command([
      "verify", "--quick", "--backend", "opencl:0", "--kernel-source", "jet_product=\(file)",
      "--json",
    ])
    #expect(command.status == 3)
    #expect(command.errors.contains("cases failed") && command.errors.contains("jet_product"))
    #expect(!command.errors.contains("optimizer_update"))
    for key in ["device", "cases", "failed", "bit_identical", "worst"] {
      #expect(command.output.contains("\"\(key)\":"))
    }
    #expect(command.output.contains("\"bit_identical\":false"))
    #expect(command.output.contains("\"operation\":\"jet_product\""))
  }

  @Test func theCommandPassesOnIntactKernels() throws {
    let command = try Command([
      "verify", "--quick", "--backend", "opencl:0", "--operation", "jet_product",
    ])
    #expect(command.status == 0, "\(command.errors)")
    #expect(command.output.contains("bit-identical to the CPU path"))
  }

  @Test func runningNothingIsAFailure() throws {
    let command = try Command(["verify", "--quick", "--backend", "openblas", "--operation", "none"])
    #expect(command.status == 1)
    #expect(command.errors.contains("nothing was verified"))
  }
}
