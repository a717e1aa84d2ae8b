import ArgumentParser
import Maclaurin

/// What training takes of second derivatives: the optimizer gauss-newton, and diagnostics.
struct CurvatureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Damping λ of --optimizer gauss-newton, added to the curvature as it is (default 0.001).",
      valueName: "λ"))
  var damping: Double?

  @Option(
    help: ArgumentHelp(
      "Most products with the Gauss–Newton matrix in a step (default 30).", valueName: "n"))
  var cgIterations: Int?

  @Option(
    help: ArgumentHelp(
      "Relative residual at which a step's conjugate gradients end (default 0.0001).",
      valueName: "r"))
  var cgTolerance: Double?

  @Flag(
    help: """
      At evaluations measure the Hessian's and the tangent kernel's eigenvalues, target alignment and \
      effective rank.
      """)
  var diagnostics = false

  @Option(
    help: ArgumentHelp(
      "Training examples that --diagnostics measures on (default 64).", valueName: "n"))
  var diagnosticProbes: Int?

  @Option(
    help: ArgumentHelp(
      "Most products with the Hessian in one measurement (default 60).", valueName: "n"))
  var diagnosticProducts: Int?

  /// Puts the options into a run's settings.
  ///
  /// - Parameter isBaseline: whether a study trains by gauss-newton what it compares the others with.
  func apply(to settings: inout TrainingSettings, isBaseline: Bool = false) throws {
    try applyGaussNewton(to: &settings, isBaseline: isBaseline)
    guard diagnostics else {
      guard diagnosticProbes == nil, diagnosticProducts == nil else {
        throw Misuse("--diagnostic-probes and --diagnostic-products go with --diagnostics")
      }
      return
    }
    for (name, value) in [
      ("--diagnostic-probes", diagnosticProbes), ("--diagnostic-products", diagnosticProducts),
    ] {
      if let value, value < 1 { throw Misuse("\(name) takes a positive number, not \(value)") }
    }
    settings.diagnostics = Diagnostics(
      probes: diagnosticProbes ?? Diagnostics().diagnosticProbes,
      products: diagnosticProducts ?? Diagnostics().diagnosticProducts)
  }

  private func applyGaussNewton(to settings: inout TrainingSettings, isBaseline: Bool) throws {
    guard settings.optimizer == .gaussNewton || isBaseline else {
      guard damping == nil, cgIterations == nil, cgTolerance == nil else {
        throw Misuse(
          "--damping, --cg-iterations and --cg-tolerance go with --optimizer gauss-newton")
      }
      return
    }
    guard settings.clipNorm == 0 || settings.optimizer != .gaussNewton else {
      throw Misuse(
        "--clip-norm does not go with --optimizer gauss-newton, whose step is not the gradient; "
          + "raise --damping to make its steps shorter")
    }
    for (name, value) in [("--damping", damping), ("--cg-tolerance", cgTolerance)] {
      if let value, !(value >= 0 && value.isFinite) {
        throw Misuse("\(name) must be a number that is not negative, and is \(value)")
      }
    }
    if let cgIterations, cgIterations < 1 {
      throw Misuse("--cg-iterations takes a positive number, not \(cgIterations)")
    }
    let standard = GaussNewton()
    settings.gaussNewton = GaussNewton(
      damping: damping ?? standard.damping,
      cgIterations: cgIterations ?? standard.cgIterations,
      cgTolerance: cgTolerance ?? standard.cgTolerance)
  }
}
