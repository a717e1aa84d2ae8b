import Compute
import Jets
import Networks
import TangentKernels

/// A network's linear expansion as a Gaussian process: with w ~ N(0, I)
///
///     f(x; θ + σp·R w) ≈ m(x) + σp·J(x) R w,     covariance σp²·J(x) R² J(x′)ᵀ,
///
/// J the Jacobian at θ, R = diag(r_t) one number for each tensor (0 leaves it as it is), m(x) = f(x; θ) or
/// 0. Maddox et al., arXiv 2103.01439. Everything here is for σp = 1; w is what vectors of parameters
/// mean.
public final class LinearizedNetwork {
  /// What the process is before it has seen anything.
  public enum PriorMean: String, Sendable, Codable, CaseIterable {
    /// f(x; θ)
    case network
    case zero
  }

  public let network: Network
  /// θ, 1×P.
  public let center: Matrix
  /// r_t, for each tensor; 0 for one that is kept.
  public let scales: [Double]
  public let priorMean: PriorMean
  /// What a pass over examples may take, as far as they can be cut; it changes no bit of a kernel.
  public let passBytes: Int
  public let backend: any Backend

  public var type: ScalarType { center.type }
  /// O
  public var outputs: Int { network.outputCount }
  /// P
  public var parameterCount: Int { network.parameterCount }

  /// Examples of one pass of a product. Fixed, because sums over passes depend on it.
  static let productExamples = 256

  /// - Parameters:
  ///   - center: θ, 1×P.
  ///   - scales: r_t ≥ 0 for each tensor, by default 1, and 0 for statistics; not all of them 0.
  public init(
    _ network: Network, at center: Matrix, scales: [Double]? = nil,
    priorMean: PriorMean = .network, passBytes: Int = EmpiricalKernel.defaultPassBytes,
    on backend: any Backend
  ) {
    let scales = scales ?? network.isTrained.map { $0 ? 1 : 0 }
    precondition(center.rows == 1 && center.columns == network.parameterCount)
    precondition(scales.count == network.parameters.count && scales.contains { $0 > 0 })
    (self.network, self.center, self.scales) = (network, center, scales)
    (self.priorMean, self.passBytes, self.backend) = (priorMean, passBytes, backend)
  }

  /// The same process with other scales.
  public func replacing(scales: [Double]) -> LinearizedNetwork {
    LinearizedNetwork(
      network, at: center, scales: scales, priorMean: priorMean, passBytes: passBytes, on: backend)
  }

  /// Which tensors move.
  public var isTrainable: [Bool] { scales.map { $0 != 0 } }

  var areScalesOne: Bool { scales.allSatisfy { $0 == 1 } }

  // MARK: Values

  /// f(x; θ), [n, O].
  ///
  /// - Parameter x: [n, features].
  public func values(_ x: Matrix) throws -> Matrix {
    let result = try backend.matrix(x.rows, outputs, type)
    for part in Self.parts(x.rows) {
      let output = try network.pushforward(
        x.rows(part), ParameterJet(center: center), algebra: JetAlgebra(backend, order: 0))
      try copy(output.matrix, to: result.rows(part))
    }
    return result
  }

  /// m(x), [n·O], example after example. Waits.
  public func mean(_ x: Matrix) throws -> [Double] {
    switch priorMean {
    case .network: try backend.download(values(x))
    case .zero: [Double](repeating: 0, count: x.rows * outputs)
    }
  }

  // MARK: Products

  /// J R² Jᵀ between examples, block by block.
  ///
  /// - Parameter outputs: what a pair of examples has.
  public func kernel(
    _ x1: Matrix, _ x2: Matrix? = nil, outputs: KernelOutputs = .full
  ) throws -> EmpiricalKernel {
    try EmpiricalKernel(
      network, .ntk, at: center, x1, x2, outputs: outputs, isTrainable: isTrainable,
      tensorScales: areScalesOne ? nil : scales, passBytes: passBytes, on: backend)
  }

  /// J R² Jᵀ at inputs, in some form, in float64 on the host. Waits.
  func priorCovariance(_ x: Matrix, _ form: CovarianceForm) throws -> [Double] {
    switch form {
    case .none: return []
    case .full: return try kernelMatrix(x)
    case .variances, .blocks: break
    }
    let kernel = try kernel(x)
    let o = outputs
    var result: [Double] = []
    // A pass is most of the work, so that pairs of a strip that nobody asks for are cheap.
    for first in stride(from: 0, to: x.rows, by: Self.blockExamples) {
      let strip = first..<min(x.rows, first + Self.blockExamples)
      let matrix = try backend.download(kernel.matrix(rows: strip, columns: strip))
      let width = strip.count * o
      for i in 0..<width {
        if form == .variances {
          result.append(matrix[i * width + i])
        } else {
          let column = i / o * o
          result.append(contentsOf: matrix[(i * width + column)..<(i * width + column + o)])
        }
      }
    }
    return result
  }

  private static let blockExamples = 16

  /// J R w⁽ᵛ⁾ for V vectors at once.
  ///
  /// - Parameters:
  ///   - vectors: [V, P].
  ///   - x: [n, features].
  /// - Returns: [V·n, O], vector after vector.
  public func push(_ vectors: Matrix, _ x: Matrix) throws -> Matrix {
    let directions = try scaled(vectors)
    let result = try backend.matrix(vectors.rows * x.rows, outputs, type)
    for part in Self.parts(x.rows) {
      let products = try network.jacobianVectorProducts(
        x.rows(part), at: center, along: directions, on: backend)
      for v in 0..<vectors.rows {
        try copy(
          products.rows((v * part.count)..<((v + 1) * part.count)),
          to: result.rows((v * x.rows + part.lowerBound)..<(v * x.rows + part.upperBound)))
      }
    }
    return result
  }

  /// R Jᵀ u⁽ᵛ⁾ for V vectors at once.
  ///
  /// - Parameters:
  ///   - vectors: [V·n, O], vector after vector.
  ///   - count: V.
  ///   - x: [n, features].
  /// - Returns: [V, P].
  public func pull(_ vectors: Matrix, count: Int, _ x: Matrix) throws -> Matrix {
    precondition(vectors.rows == count * x.rows && vectors.columns == outputs)
    let total = try backend.matrix(count, parameterCount, type)
    try backend.run(.fill(Fill(total, value: 0)))
    for (index, part) in Self.parts(x.rows).enumerated() {
      let cotangents = try backend.matrix(count * part.count, outputs, type)
      for v in 0..<count {
        try copy(
          vectors.rows((v * x.rows + part.lowerBound)..<(v * x.rows + part.upperBound)),
          to: cotangents.rows((v * part.count)..<((v + 1) * part.count)))
      }
      let sum = index == 0 ? total : try backend.matrix(count, parameterCount, type)
      if index > 0, !isTrainable.allSatisfy({ $0 }) {
        try backend.run(.fill(Fill(sum, value: 0)))
      }
      try pull(cotangents, x.rows(part), into: sum)
      if index > 0 {
        try backend.run(.linearCombination(LinearCombination(total, 1, sum, 1, total)))
      }
    }
    return total
  }

  private func pull(_ cotangents: Matrix, _ x: Matrix, into gradients: Matrix) throws {
    let (algebra, tape) = (JetAlgebra(backend, order: 0), Network.Tape())
    let parameters = ParameterJet(center: center)
    _ = try network.pushforward(x, parameters, algebra: algebra, tape: tape)
    let cotangent = Jet(
      cotangents, block: x.rows, degree: 1, capacity: 1, directions: gradients.rows,
      hasZero: false)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, into: gradients, isTrainable: isTrainable,
      tensorScales: areScalesOne ? nil : scales)
  }

  /// R w for every row; the rows themselves where R = I.
  func scaled(_ vectors: Matrix) throws -> Matrix {
    if areScalesOne { return vectors }
    let result = try backend.matrix(vectors.rows, vectors.columns, type)
    for (tensor, scale) in zip(network.parameters, scales) {
      // Operations on vectors take what is contiguous: one row.
      for row in 0..<vectors.rows {
        let target = columns(tensor, of: result.rows(row..<(row + 1)))
        if scale == 0 {
          try backend.run(.fill(Fill(target, value: 0)))
        } else {
          let source = columns(tensor, of: vectors.rows(row..<(row + 1)))
          try backend.run(.linearCombination(LinearCombination(target, scale, source)))
        }
      }
    }
    return result
  }

  /// A tensor's part of every row of [V, P].
  func columns(_ tensor: ParameterTensor, of vectors: Matrix) -> Matrix {
    Matrix(
      vectors.buffer, offset: vectors.offset + tensor.offset, rows: vectors.rows,
      columns: tensor.count, stride: vectors.stride)
  }

  func copy(_ source: Matrix, to target: Matrix) throws {
    try backend.run(.linearCombination(LinearCombination(target, 1, source)))
  }

  static func parts(_ count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: productExamples).map {
      $0..<min(count, $0 + productExamples)
    }
  }
}
