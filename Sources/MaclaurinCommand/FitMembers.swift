import Maclaurin

// What gp and adapt say of a fit in the same words.

extension HyperparameterSearch {
  var members: JSONValue {
    .object([
      "starts": .number(Double(starts)), "start": .number(Double(start)),
      "evaluations": .number(Double(evaluations)),
      "bounds": .array(bounds.map { .string($0) }),
    ])
  }
}

extension ClassificationFit {
  /// Nil where σp was given.
  var searchMembers: JSONValue? {
    guard let search else { return nil }
    return .object([
      "evaluations": .number(Double(search.evaluations.count)),
      "examples": .number(Double(searchExamples)),
      "is_at_bound": .bool(search.isAtBound),
    ])
  }
}

extension GaussianProcessOptions {
  /// Says where an iterative solver did not arrive, and how variances were found.
  ///
  /// - Parameter outputs: of test examples, whose variances were found; 0 for none.
  func noteSolver(
    _ posterior: any Posterior, outputs: Int, _ members: inout [String: JSONValue],
    _ report: OutputOptions
  ) {
    guard let solved = posterior as? any IterativelySolved else { return }
    func note(_ what: String, _ outcome: SolverOutcome) {
      guard !outcome.isConverged else { return }
      report.note(
        "The solve for \(what) ended at a residual of \(NumberText.significant(outcome.residual, 2)) "
          + "after \(outcome.iterations) iterations, above the tolerance; raise --cg-iterations or "
          + "--preconditioner-rank, or give --dtype float64 or a larger --noise-std")
    }
    note("the mean", solved.outcome)
    guard outputs > 0 else { return }
    let method = solved.varianceMethod(outputs)
    members["variance_method"] = .string(method.rawValue)
    if let outcome = solved.covarianceOutcome {
      members["variance_residual"] = RunFiles.number(outcome.residual)
      note("variances", outcome)
    }
    if method == .lanczos, iterative.varianceMethod == nil {
      report.note(
        "Variances are bounds from above, by Lanczos's method; for more than bounds give "
          + "--variance-method solves, or more --lanczos-steps")
    }
  }
}
