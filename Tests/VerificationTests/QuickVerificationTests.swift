import Compute
import OpenCLBackend
import Testing

@testable import Verification

/// The quick part of the cases passes on every kind of device of this machine.
@Suite struct QuickVerificationTests {
  private static let operations: Set<String> = [
    "contraction", "jet_contraction", "jet_composition", "jet_product", "linear_combination",
    "fill", "gather", "image_gather", "unfold", "fold", "transposition", "reduction", "column_sums",
    "loss", "regularization", "optimizer_update", "random_fill", "direction_scale",
    "gradient_clipping", "extraction", "projection", "projection_residual", "pooling", "layer_norm",
    "layer_affine", "column_products", "dropout", "softmax_curvature", "training", "row_scaling",
    "row_squares", "row_penalty", "dual_activation", "dual_series", "window_sum", "image_gram",
    "matrix_copy", "jet_contraction_interpolated", "block_combination", "ray_weights",
  ]

  private func options(_ numerics: Numerics = .reproducible) -> Verification.Options {
    var options = Verification.Options()
    options.quick = true
    options.numerics = numerics
    return options
  }

  private func expectSuccess(_ report: VerificationReport) {
    for failure in report.failures {
      Issue.record("\(failure.operation): \(failure.label): \(failure.failure ?? "")")
    }
  }

  /// All sizes of what checks are made of: they must be right before anything is judged by them.
  @Test(arguments: [Verification.Subject.cpu, .opencl(0)])
  func extractionsAndProjectionsPass(_ subject: Verification.Subject) throws {
    var options = Verification.Options()
    options.operations = ["extraction", "projection", "projection_residual"]
    let report = try Verification(subject, options).run()
    expectSuccess(report)
    #expect(report.cases > 100)
  }

  @Test func passesOnOpenCLInBothFamilies() throws {
    let report = try Verification(.opencl(0), options()).run()
    expectSuccess(report)
    // Continuous integration reads this line and demands a minimum.
    print("OpenCL cases run: \(report.openCLCases)")
    #expect(report.openCLCases == report.cases && report.cases >= 320)
    #expect(report.isBitIdentical)
    #expect(Set(report.summaries.map(\.operation)) == Self.operations)
    for family in KernelFamily.allCases {
      let own = report.results.filter { $0.label.hasSuffix("[\(family.rawValue)]") }
      #expect(
        Set(own.map(\.operation)) == [
          "contraction", "jet_contraction", "jet_contraction_interpolated", "training",
        ])
    }
    let compositions = report.results.filter { $0.operation == "jet_composition" }
    for activation in Activation.allCases {
      #expect(compositions.contains { $0.label.contains(" \(activation.rawValue) ") })
    }
  }

  @Test func passesOnTheCPUPath() throws {
    let report = try Verification(.cpu, options()).run()
    expectSuccess(report)
    #expect(report.cases >= 320 && report.openCLCases == 0 && report.isBitIdentical)
    #expect(Set(report.summaries.map(\.operation)) == Self.operations)
  }

  @Test(arguments: [Verification.Subject.cpu, .opencl(0)])
  func fastStaysWithinBounds(_ subject: Verification.Subject) throws {
    let report = try Verification(subject, options(.fast)).run()
    expectSuccess(report)
    #expect(Set(report.summaries.map(\.operation)) == Self.operations.subtracting(["training"]))
    // Bits are not compared, so nothing is said of them.
    #expect(report.results.allSatisfy { $0.hasSameBits == nil } && !report.isBitIdentical)
  }

  /// The full cases hold everything that the quick ones do, and far more.
  @Test func fullCasesContainTheQuickOnes() {
    let quick = VerificationCase.all(quick: true)
    let full = VerificationCase.all(quick: false)
    #expect(full.count >= 2000)
    for operation in Self.operations.subtracting(["training"]) {
      let (few, many) = (
        quick.filter { $0.operation == operation }, full.filter { $0.operation == operation }
      )
      #expect(!few.isEmpty && many.count > few.count, "\(operation)")
      #expect(Set(many.map(\.label)).count > few.count, "\(operation)")
      #expect(many.contains { $0.type == .float64 }, "\(operation)")
    }
    #expect(TrainingCase.all(quick: false).count == 10)
  }
}
