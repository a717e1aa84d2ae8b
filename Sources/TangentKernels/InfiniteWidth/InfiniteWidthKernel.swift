import Compute
import Networks

/// The kernels of a network whose hidden layers are infinitely wide: K (NNGP), the covariance of its
/// outputs at the start, and Θ (NTK), the tangent kernel that stays as it is in training.
///
/// Parameterizations `standard`, `improved_standard` and `ntk` (Sohl-Dickstein et al., arXiv
/// 2001.07301). K starts as x xᵀ over the number of channels, Θ as 0. With N a layer's base fan-in,
/// m and m_b its multipliers, and A[K](p, p′) = Σ_δ K(Sp + δ, Sp′ + δ)/|F| for a convolution, K itself
/// for a dense layer:
///
///     affine:              K ← m²σw² A[K] + m_b²σb²
///     affine, standard:    Θ ← m²(N·A[K] + σw² A[Θ]) + m_b²   (m_b² only with a bias; K from before)
///     affine, ntk:         Θ ← m²σw² (A[K] + A[Θ]) + m_b²σb²
///     activation:          K ← T, Θ ← T′·Θ                    (`DualActivation`, `DualSeries`)
///     layer_norm:          K ← K/√((a+ε)(b+ε)), Θ alike, a and b the two variances
///     residual:            K ← K_shortcut + scale²·K_main, Θ alike
///     pooling:             means of K and Θ over both windows
///     flatten, then dense: the mean over positions, both the same
///
/// In `standard` the finite base widths N weigh the layers against one another, as in the limit of
/// arXiv 2001.07301, so Θ depends on them; a width scale has no part in it. Factors on learning rates
/// have none in Θ. Of a network that ends in images the kernel is the mean over positions, which is
/// the trace over outputs divided by their number; of one that ends in an activation K and Θ are the
/// same expectations as in front of a layer, though its outputs are no Gaussian process.
public struct InfiniteWidthKernel: Sendable {
  let program: KernelProgram
  /// Up to the last variance that the program needs.
  let variances: KernelProgram
  /// The functions of the slots, in order.
  let functions: [KernelFunction]
  /// Numbers of an input.
  public let inputCount: Int
  /// The kernel that the layers were checked for; one for `.ntk` has both.
  public let kind: KernelKind

  /// - Parameters:
  ///   - kind: what will be asked for. Some layers have an NNGP and no known NTK.
  ///   - degree: Hermite coefficients of activations without a closed form; nil for what is exact to
  ///     about 10⁻¹⁰ at variances up to 4.
  /// - Throws: `NetworkError` that names the layer, or what else has no kernel, and what to do.
  public init(
    _ description: NetworkDescription, _ kind: KernelKind = .ntk, degree: Int? = nil
  ) throws {
    guard degree.map({ $0 > 0 && $0 <= Self.mostDegrees }) ?? true else {
      throw NetworkError(
        "a series of \(degree ?? 0) coefficients; take 1 to \(Self.mostDegrees)")
    }
    try KernelLowering.check(description, kind)
    var lowering = KernelLowering(description, kind, degree: degree, .kernel)
    program = try lowering.lower(description)
    var selfLowering = KernelLowering(description, kind, degree: degree, .variances)
    variances = try selfLowering.lower(description)
    var functions: [KernelFunction] = []
    Self.collect(program.steps, &functions)
    self.functions = functions
    inputCount = description.input.reduce(1, *)
    self.kind = kind
  }

  /// The most coefficients of a series.
  public static let mostDegrees = 1024

  /// In the order of slots.
  private static func collect(_ steps: [KernelStep], _ functions: inout [KernelFunction]) {
    for step in steps {
      switch step {
      case .function(let function, _, _, _): functions.append(function)
      case .residual(let main, let shortcut, _, _):
        collect(main, &functions)
        collect(shortcut, &functions)
      case .affine, .windows: break
      }
    }
  }

  /// Whether an activation of the network is computed by a series.
  public var hasSeries: Bool {
    functions.contains { if case .series = $0 { true } else { false } }
  }

  /// Whether its float64 values take elementary functions of the platform (sin, cos and exp), whose
  /// last bits differ between devices. In float32 all functions are our own.
  public var hasPlatformFunctions: Bool {
    functions.contains {
      if case .closed(let function) = $0 { function.hasPlatformFunctions } else { false }
    }
  }

  /// Numbers of K in a tile at work: K and Θ, twice, fill what suits the backend's device.
  static func tileCells(_ type: ScalarType, _ backend: any Backend) -> Int {
    max(1, backend.workspaceBytes / (4 * type.byteCount))
  }

  // MARK: Values

  /// Kernels between two sets of examples, [n1, n2], row-major.
  public struct Values: Sendable, Equatable {
    public var nngp: [Double]
    /// Empty, as `nngp` may be, where it was not asked for.
    public var ntk: [Double]
    public var error = QuadratureError()
  }

  /// K, and Θ if this is a kernel for it, between the rows of `x1` and `x2`, both [n, inputs], as a
  /// backend computes them.
  ///
  /// - Parameters:
  ///   - x2: nil for x1 itself.
  ///   - kinds: what is wanted; the others' values stay empty. All that there are by default.
  public func callAsFunction(
    _ x1: [Double], _ x2: [Double]? = nil, kinds: [KernelKind]? = nil,
    type: ScalarType = .float64, on backend: any Backend
  ) throws -> Values {
    let blocks = KernelBlocks(self, x1, x2, type, on: backend)
    let kinds = kinds ?? (kind == .ntk ? [.nngp, .ntk] : [.nngp])
    var found = try blocks.block(
      kinds, rows: 0..<blocks.rowCount, columns: 0..<blocks.columnCount)
    var values = Values(nngp: [], ntk: [], error: blocks.error)
    for kind in kinds.reversed() {
      let matrix = found.removeLast()
      switch kind {
      case .nngp: values.nngp = try backend.download(matrix)
      case .ntk: values.ntk = try backend.download(matrix)
      }
    }
    return values
  }

  /// The same by the definitions of all operations, in Double on the host: for small sets.
  public func callAsFunction(_ x1: [Double], _ x2: [Double]? = nil) -> Values {
    do {
      return try self(x1, x2, on: ReferenceBackend())
    } catch {
      preconditionFailure("the reference backend has no errors: \(error)")
    }
  }
}
