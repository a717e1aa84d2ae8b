import COpenCL
import Compute

/// A launch whose kernel function is built: nothing but the driver's refusal can stop it.
struct PreparedLaunch {
  enum Argument {
    case bytes([UInt8])
    case memory(cl_mem)
    /// The workspace that all launches of an operation share.
    case workspace

    static func parameters<Block: BitwiseCopyable>(_ block: Block) -> Argument {
      .bytes(withUnsafeBytes(of: block) { Array($0) })
    }
  }

  let kernel: KernelFunction
  let arguments: [Argument]
  /// One extent per dimension.
  let groups: [Int]
  let local: [Int]
  /// Moves the global identifiers of dimension 1.
  let origin: Int
  /// Work, where it may be much.
  let flops: Double

  init(
    _ kernel: KernelFunction, _ arguments: [Argument], groups: [Int], local: [Int],
    origin: Int = 0, flops: Double = 0
  ) {
    self.kernel = kernel
    self.arguments = arguments
    self.groups = groups
    self.local = local
    self.origin = origin
    self.flops = flops
  }
}

/// The launches of an operation and the memory that they share: all that can be wanting, before
/// the first of them is enqueued.
struct Lowering {
  var launches: [PreparedLaunch] = []
  /// Elements of the workspace that the launches share, and their type.
  var workspaceCount = 0
  var workspaceType = ScalarType.float32
  /// Memory that launches name themselves, which must live until they are enqueued.
  var buffers: [Buffer] = []
}
