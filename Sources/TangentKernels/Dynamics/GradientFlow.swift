/// Networks in the linear regime, trained by gradient flow on mse, in closed form.
///
/// The loss is ½·mean over the n numbers of y of (f − y)², the learning rate η. With R = Θ + ε(tr Θ/dim)I
/// in the place of the kernel Θ between training examples and Θ* the one between test and training
/// examples, ḟ = −ηR(f − y)/n and ḟ* = −ηΘ*(f − y)/n, so that
///
///     f_t  = f_0  + (I − e^{−ηRt/n})(y − f_0)
///     f*_t = f*_0 + Θ* R⁻¹ (I − e^{−ηRt/n})(y − f_0).
///
/// Source: Jacot et al., arXiv 1806.07572; Lee et al., arXiv 1902.06720.
public struct GradientFlow: Sendable {
  private enum Solver: Sendable {
    case factor(KernelFactor)
    case spectrum(KernelSpectrum)
  }

  public let conditioning: KernelConditioning
  /// y, [dim, columns], which is [examples, outputs].
  public let targets: [Double]
  public let learningRate: Double
  private let solver: Solver
  let algebra: any DenseLinearAlgebra

  /// Factorizes R: for t = ∞ alone by Cholesky's method, else by its eigenvectors.
  ///
  /// - Parameters:
  ///   - kernel: Θ between training examples; K where networks train their last layer alone.
  ///   - ridge: ε, relative.
  ///   - targets: y, [examples, outputs].
  ///   - times: all t that will be asked for.
  /// - Throws: `KernelError` where R is not positive definite and t = ∞ is asked for, where it is not
  ///   even semidefinite, where it is too large for LAPACK, and for values that are not finite.
  public init(
    _ kernel: KernelMatrix, ridge: Double, targets: [Double], learningRate: Double = 1,
    times: [Double], by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(targets.count % kernel.rows == 0 && !targets.isEmpty, "a row for each example")
    let method = try KernelSolve.choose(dimension: kernel.rows, times: times)
    let regularized = try RegularizedKernel(kernel, ridge: ridge)
    if method == .cholesky {
      guard let factor = try KernelFactor(regularized, by: algebra) else {
        throw try regularized.conditioningOfIndefinite(algebra).notDefinite
      }
      conditioning = try factor.conditioning()
      solver = .factor(factor)
    } else {
      let spectrum = try KernelSpectrum(regularized, by: algebra)
      conditioning = spectrum.conditioning
      solver = .spectrum(spectrum)
    }
    let isUnending = times.contains(.infinity)
    guard isUnending ? conditioning.isPositiveDefinite : conditioning.isPositiveSemidefinite else {
      throw isUnending ? conditioning.notDefinite : conditioning.notSemidefinite
    }
    (self.targets, self.learningRate, self.algebra) = (targets, learningRate, algebra)
  }

  public var method: KernelSolve {
    switch solver {
    case .factor: .cholesky
    case .spectrum: .eigendecomposition
    }
  }

  var dimension: Int { conditioning.dimension }
  var columns: Int { targets.count / dimension }

  /// ηt/n
  private func progress(_ t: Double, _ speed: Double = 1) -> Double {
    t == 0 ? 0 : speed * learningRate * t / Double(targets.count)
  }

  private func gap(_ initial: [Double]?) -> [Double] {
    initial.map { zip(targets, $0).map { $0 - $1 } } ?? targets
  }

  /// f_t, [examples, outputs].
  ///
  /// - Parameter initial: f_0; zeros where it is left out.
  public func train(from initial: [Double]? = nil, at t: Double) throws -> [Double] {
    switch solver {
    case .factor: return targets
    case .spectrum(let spectrum):
      if t == .infinity { return targets }
      let s = progress(t)
      let change = try spectrum.apply(
        spectrum.learned(s), toColumns: gap(initial))
      return initial.map { zip($0, change).map { $0 + $1 } } ?? change
    }
  }

  /// α with f*_t = f*_0 + Θ* α, of the shape of y.
  public func coefficients(from initial: [Double]? = nil, at t: Double) throws -> [Double] {
    switch solver {
    case .factor(let factor): return try factor.solve(columns: gap(initial))
    case .spectrum(let spectrum):
      let s = progress(t)
      return try spectrum.apply(
        spectrum.learnedOverEigenvalue(s), toColumns: gap(initial))
    }
  }

  /// f*_t, [test examples, outputs].
  ///
  /// - Parameters:
  ///   - cross: Θ*, test examples along the rows.
  ///   - initial: f_0 and f*_0; zeros where they are left out.
  public func test(
    _ cross: KernelMatrix, from initial: (train: [Double], test: [Double])? = nil, at t: Double
  ) throws -> [Double] {
    precondition(cross.columns == dimension, "test examples against the training examples")
    let change = try algebra.product(
      cross.values, coefficients(from: initial?.train, at: t), m: cross.rows, k: dimension,
      n: columns)
    return initial.map { zip($0.test, change).map { $0 + $1 } } ?? change
  }

  /// Θ* R⁻¹ (I − e^{−ηRt/n}), of the shape of Θ*.
  func smoother(_ cross: KernelMatrix, at t: Double) throws -> [Double] {
    switch solver {
    case .factor(let factor): return try factor.solve(rows: cross.values)
    case .spectrum(let spectrum):
      let s = progress(t)
      return try spectrum.apply(
        spectrum.learnedOverEigenvalue(s), toRows: cross.values)
    }
  }

  /// Θ* R⁻¹ (I − e^{−2ηRt/n}) Θ*ᵀ, the variance that data have taken away.
  func explained(_ cross: KernelMatrix, at t: Double) throws -> [Double] {
    switch solver {
    case .factor(let factor):
      return try algebra.product(
        factor.solve(rows: cross.values), transposed: false, cross.values, transposed: true,
        m: cross.rows, k: dimension, n: cross.rows)
    case .spectrum(let spectrum):
      let s = progress(t, 2)
      return try spectrum.congruence(
        spectrum.learnedOverEigenvalue(s), cross.values)
    }
  }
}
