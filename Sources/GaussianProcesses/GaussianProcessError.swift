/// A Gaussian process that cannot be used: one sentence.
public struct GaussianProcessError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}

extension GaussianProcessError {
  /// Why A = σp²K + σ²I has no factor, as far as it shows.
  ///
  /// - Parameter kernel: K, [n·O, n·O].
  static func notPositiveDefinite(
    _ kernel: [Double], _ model: LinearizedNetwork, _ hyperparameters: GaussianHyperparameters
  ) -> GaussianProcessError {
    let (o, size) = (model.outputs, model.outputs == 0 ? 0 : kernelSize(kernel))
    let what =
      "the covariance of \(size / o) examples with \(o) output\(o == 1 ? "" : "s") is not positive "
      + "definite to working precision with a noise of \(hyperparameters.noiseStd)"
    if kernel.contains(where: { !$0.isFinite }) {
      return GaussianProcessError(
        "the kernel between training examples is not finite; scale the inputs or the weights down")
    }
    let moved = zip(model.network.parameters, model.scales).reduce(0) {
      $0 + ($1.1 == 0 ? 0 : $1.0.count)
    }
    var cause = ""
    if size > moved {
      cause = ": \(size) outputs move with \(moved) parameters;"
    } else if let (i, j) = duplicates(kernel, size, o) {
      cause = ": examples \(i) and \(j) are the same to the network; remove one, or"
    } else if model.type == .float32 {
      cause = ": its products are rounded to float32; give --dtype float64, or"
    } else {
      cause = ";"
    }
    return GaussianProcessError(
      "\(what)\(cause) give a \(hyperparameters.noiseStd > 0 ? "larger " : "")--noise-std")
  }

  private static func kernelSize(_ kernel: [Double]) -> Int {
    Int(Double(kernel.count).squareRoot().rounded())
  }

  /// The first pair of examples with ‖J_i − J_j‖² = K_ii + K_jj − 2K_ij no more than rounding in all outputs.
  private static func duplicates(_ kernel: [Double], _ size: Int, _ outputs: Int) -> (Int, Int)? {
    kernel.withUnsafeBufferPointer { kernel in
      func isSame(_ i: Int, _ j: Int) -> Bool {
        let (a, b) = (kernel[i * size + i], kernel[j * size + j])
        return a + b - 2 * kernel[i * size + j] <= 0x1p-40 * (a + b)
      }
      for i in 0..<size / outputs {
        for j in 0..<i {
          if (0..<outputs).allSatisfy({ isSame(i * outputs + $0, j * outputs + $0) }) {
            return (j, i)
          }
        }
      }
      return nil
    }
  }
}
