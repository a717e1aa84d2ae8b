import ArgumentParser
import Maclaurin

/// How kernels at infinite width are computed.
struct InfiniteKernelOptions: ParsableArguments {
  @Option(
    name: .customLong("quadrature-degree"),
    help: ArgumentHelp(
      "Hermite coefficients of tanh, sigmoid, softplus, swish and gelu_tanh at infinite width (default: as many "
        + "as make them exact to about 1e-10 at variances up to 4). The error they leave is printed.",
      valueName: "count"))
  var degree: Int?

  func validate() throws {
    guard degree.map({ (1...InfiniteWidthKernel.mostDegrees).contains($0) }) ?? true else {
      throw ValidationError(
        "--quadrature-degree takes 1 to \(InfiniteWidthKernel.mostDegrees), not \(degree ?? 0)")
    }
  }

  /// What is said of the error; nil where no series was needed.
  func note(_ kernel: InfiniteWidthKernel, _ error: QuadratureError) -> String? {
    guard kernel.hasSeries else { return nil }
    return "Quadrature: each layer's series leave out at most \(error.value) of E[φφ] and "
      + "\(error.slope) of E[φ′φ′]"
  }
}
