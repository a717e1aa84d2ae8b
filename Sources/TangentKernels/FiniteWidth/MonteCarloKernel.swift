import Compute
import Networks

/// The mean of a kernel over networks that are drawn from the seeds s, s + 1, …, s + S − 1, with its
/// standard errors.
///
/// A block is computed for one network after the other, and its mean and variance are followed on the host
/// in Double (Welford's recurrence): the standard error of a mean is √(Σ(x − mean)²/(S(S − 1))).
public final class MonteCarloKernel: TiledKernel {
  private let network: Network
  private let kind: KernelKind
  private let x1: Matrix
  private let x2: Matrix?
  private let outputs: KernelOutputs
  private let seed: UInt64
  /// S
  public let samples: Int
  private let passBytes: Int
  private let backend: any Backend
  /// What was estimated, where standard errors are kept.
  private var kept: [(rows: Range<Int>, columns: Range<Int>, errors: [Double])] = []
  /// Whether every block's standard errors are kept for `standardErrors`.
  public var keepsStandardErrors = false

  public let rowCount: Int
  public let columnCount: Int
  public var isSymmetric: Bool { x2 == nil }
  public var entry: [Int] { outputs.entry(network.outputCount) }
  public var type: ScalarType { x1.type }

  /// - Throws: `NetworkError` where there is no such kernel, and for fewer than two samples, which have no
  ///   standard error.
  public init(
    _ network: Network, _ kind: KernelKind, _ x1: Matrix, _ x2: Matrix? = nil,
    outputs: KernelOutputs = .trace, samples: Int, seed: UInt64,
    passBytes: Int = EmpiricalKernel.defaultPassBytes, on backend: any Backend
  ) throws {
    guard samples >= 2 else {
      throw NetworkError(
        "a mean over initialisations needs at least 2 samples for its standard error, and was asked of "
          + "\(samples)")
    }
    self.network = network
    self.kind = kind
    self.x1 = x1
    self.x2 = x2
    self.outputs = outputs
    self.samples = samples
    self.seed = seed
    self.passBytes = passBytes
    self.backend = backend
    rowCount = x1.rows
    columnCount = (x2 ?? x1).rows
    // What has no kernel is refused before any work.
    _ = try EmpiricalKernel(
      network, kind, at: backend.matrix(1, network.parameterCount, x1.type), x1, x2,
      outputs: outputs, on: backend)
  }

  /// The mean, rounded to the kernel's type. Waits.
  public func block(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    let estimate = try estimate(rows: rows, columns: columns)
    if keepsStandardErrors { kept.append((rows, columns, estimate.standardError)) }
    return try backend.matrix(
      rows.count, columns.count * entryCount, type, estimate.mean)
  }

  /// Mean and standard errors of a block, row-major. Waits.
  public func estimate(
    rows: Range<Int>, columns: Range<Int>
  ) throws -> (mean: [Double], standardError: [Double]) {
    let count = rows.count * columns.count * entryCount
    var mean = [Double](repeating: 0, count: count)
    var squares = mean
    let parameters = try backend.matrix(1, network.parameterCount, type)
    let kernel = try EmpiricalKernel(
      network, kind, at: parameters, x1, x2, outputs: outputs, passBytes: passBytes, on: backend)
    for sample in 0..<samples {
      try network.initialize(parameters, seed: seed &+ UInt64(sample), on: backend)
      let values = try backend.download(kernel.block(rows: rows, columns: columns))
      for index in 0..<count {
        let difference = values[index] - mean[index]
        mean[index] += difference / Double(sample + 1)
        squares[index] += difference * (values[index] - mean[index])
      }
    }
    let divisor = Double(samples) * Double(samples - 1)
    return (mean, squares.map { ($0 / divisor).squareRoot() })
  }

  /// The standard errors of the whole kernel, of `shape`: those of the blocks that were computed while
  /// `keepsStandardErrors` was set (of a symmetric kernel those on one side of the diagonal do), and the
  /// others computed now.
  public func standardErrors() throws -> [Double] {
    var errors = [Double](repeating: .nan, count: rowCount * columnCount * entryCount)
    var isKnown = [Bool](repeating: false, count: rowCount * columnCount)
    func put(_ block: (rows: Range<Int>, columns: Range<Int>, errors: [Double])) {
      for (r, row) in block.rows.enumerated() {
        for (c, column) in block.columns.enumerated() {
          let from = (r * block.columns.count + c) * entryCount
          isKnown[row * columnCount + column] = true
          for k in 0..<entryCount {
            errors[(row * columnCount + column) * entryCount + k] = block.errors[from + k]
          }
          guard isSymmetric, row != column else { continue }
          isKnown[column * columnCount + row] = true
          for k in 0..<entryCount {
            errors[(column * columnCount + row) * entryCount + mirrored(k)] =
              block.errors[from + k]
          }
        }
      }
    }
    for block in kept { put(block) }
    for row in 0..<rowCount {
      let missing = (0..<columnCount).filter { !isKnown[row * columnCount + $0] }
      guard let first = missing.first, let last = missing.last else { continue }
      let (rows, columns) = (row..<(row + 1), first..<(last + 1))
      put((rows, columns, try estimate(rows: rows, columns: columns).standardError))
    }
    return errors
  }

  /// Where entry k of (x, x′) is in (x′, x).
  private func mirrored(_ k: Int) -> Int {
    guard outputs == .full else { return k }
    let (left, right) = k.quotientAndRemainder(dividingBy: network.outputCount)
    return right * network.outputCount + left
  }
}
