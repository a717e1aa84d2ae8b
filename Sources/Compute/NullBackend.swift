/// Memory that a backend takes from its pool besides the matrices that it is given.
public struct Workspace {
  /// Elements taken while it computes a contraction (packed copies of the operands).
  public var contractionCount: (Contraction) -> Int
  /// Bytes that a convolution may take for its tiles.
  public var convolutionBytes: Int

  public init(
    convolutionBytes: Int = NullBackend.defaultWorkspaceBytes,
    contractionCount: @escaping (Contraction) -> Int = { _ in 0 }
  ) {
    self.contractionCount = contractionCount
    self.convolutionBytes = convolutionBytes
  }
}

/// Computes nothing: counts the work and the memory of what it is asked to run.
///
/// `--plan` runs a step on it, so that a prediction and the real thing cannot drift apart.
public final class NullBackend: Backend {
  public let name = "null"
  public let numerics = Numerics.reproducible
  /// What all operations so far would cost, and the contractions among them.
  public private(set) var cost = Cost()
  public private(set) var contractionCost = Cost()
  /// The products of jets with moving weights so far, without memory.
  public private(set) var jetProducts: [JetContraction] = []
  public var workspaceBytes: Int
  private let counter = Counter()
  private let workspace: Workspace

  public init(workspace: Workspace = Workspace()) {
    self.workspace = workspace
    workspaceBytes = workspace.convolutionBytes
  }

  private final class Counter {
    var statistics = BackendStatistics()
    var largestBuffer = 0

    func allocated(_ bytes: Int) {
      statistics.allocated(bytes)
      largestBuffer = max(largestBuffer, bytes)
    }
  }

  private final class Counted: Buffer {
    let counter: Counter
    init(count: Int, type: ScalarType, counter: Counter) {
      self.counter = counter
      super.init(count: count, type: type)
      counter.allocated(byteCount)
    }
    deinit { counter.statistics.released(byteCount) }
  }

  public var statistics: BackendStatistics { counter.statistics }
  /// Bytes of the largest piece of memory that was asked for.
  public var largestBuffer: Int { counter.largestBuffer }

  public func allocate(_ count: Int, _ type: ScalarType) -> Buffer {
    Counted(count: count, type: type, counter: counter)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) {
    counter.statistics.uploadedBytes += matrix.count * matrix.type.byteCount
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) {
    counter.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    target.initializeMemory(as: UInt8.self, repeating: 0)
  }

  public func run(_ operation: Operation) throws {
    counter.statistics.count(operation.name)
    cost = cost + operation.cost
    switch operation {
    case .contraction(let contraction): count([contraction])
    case .jetContraction(let product): count(product)
    default: break
    }
    if let portable = operation.content as? any PortableOperation {
      _ = try portable.launches(workspace: allocate)
    }
  }

  private func count(_ product: JetContraction) {
    if product.displacement != nil { jetProducts.append(product.withoutMemory) }
    var buffers: [Buffer] = []
    let parts = product.lowered { count, type in
      buffers.append(allocate(count, type))
      return buffers[buffers.count - 1]
    }
    for case .contraction(let contraction) in parts { count([contraction]) }
    withExtendedLifetime(buffers) {}
  }

  private func count(_ contractions: [Contraction]) {
    for contraction in contractions {
      contractionCost = contractionCost + contraction.cost
      // Counted by hand: the optimizer drops a buffer that nobody uses, and its counting with it.
      let bytes = workspace.contractionCount(contraction) * contraction.c.type.byteCount
      counter.allocated(bytes)
      counter.statistics.released(bytes)
    }
  }

  public func finish() {}
}
