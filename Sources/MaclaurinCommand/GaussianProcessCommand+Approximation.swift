import Maclaurin

extension GaussianProcessCommand {
  /// A cheaper posterior, and how far it is from the solver's.
  struct Approximation {
    var name: String
    var posterior: any Posterior
    var error: PosteriorComparison

    var members: [String: JSONValue] {
      var members: [String: JSONValue] = [
        "approximation": .string(name),
        "approximation_error": .object([
          "outputs": .number(Double(error.count)), "mean": RunFiles.number(error.meanError),
          "deviation": RunFiles.number(error.deviationError),
          "marginal_divergence": RunFiles.number(error.marginalDivergence),
          "joint_divergence": RunFiles.number(error.jointDivergence ?? .nan),
        ]),
      ]
      if let nystrom = posterior as? NystromPosterior {
        members["inducing_examples"] = .number(Double(nystrom.inducing.rows))
        members["log_marginal_likelihood_bound"] = RunFiles.number(
          nystrom.logMarginalLikelihoodBound)
      }
      return members
    }

    var rows: [[String]] {
      [
        ["approximation", name], ["compared at outputs", String(error.count)],
        ["relative error of means", String(Float(error.meanError))],
        ["rms log ratio of deviations", String(Float(error.deviationError))],
        ["divergence for each output", String(Float(error.marginalDivergence)) + " nats"],
      ]
    }
  }

  /// - Returns: nil where none is asked for.
  func approximation(
    of fit: GaussianProcessFit, _ observations: Observations, at test: Matrix,
    by algebra: LAPACK
  ) throws -> Approximation? {
    guard let kind = try PosteriorApproximation.parse(approximation) else { return nil }
    let posterior = try kind.posterior(
      of: fit.posterior, observations, fit.hyperparameters, by: algebra)
    return Approximation(
      name: approximation, posterior: posterior,
      error: try PosteriorApproximation.error(
        of: posterior, from: fit.posterior, at: test,
        noiseStd: fit.hyperparameters.noiseStd, by: algebra))
  }
}
