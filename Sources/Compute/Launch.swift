import Kernels

/// One call of a portable kernel function: the same value runs on a device and on the host.
public struct Launch {
  /// The kernel function's name in its program.
  public let function: String
  /// The name of its host compilation.
  public let hostFunction: String
  /// The source file, without ".cl".
  public let source: String
  /// Compile-time constants of the device's program.
  public let defines: [(name: String, value: Int)]
  public let type: ScalarType
  /// Where each buffer argument begins.
  public let arguments: [Matrix]
  /// The parameter block's bytes.
  public let parameters: [UInt8]
  public let extent: Extent
  /// Elements that it works on, where items are not elements: what decides about threads.
  public let work: Int

  /// How many items a launch has.
  public enum Extent {
    case items(Int)
    case grid(rows: Int, columns: Int)
  }

  init<Parameters>(
    _ function: String, host: String? = nil, source: String,
    defines: [(name: String, value: Int)] = [], type: ScalarType, _ extent: Extent,
    _ arguments: [Matrix], _ parameters: Parameters, work: Int? = nil
  ) {
    self.function = function
    self.hostFunction = host ?? function
    self.source = source
    self.defines = defines
    self.type = type
    self.arguments = arguments
    self.parameters = withUnsafeBytes(of: parameters) { Array($0) }
    self.extent = extent
    switch extent {
    case .items(let items): self.work = work ?? items
    case .grid(let rows, let columns): self.work = work ?? rows * columns
    }
  }

  /// The launch range with everything but `begin` and `end`.
  public var range: LaunchRange {
    var range = LaunchRange()
    switch extent {
    case .items(let items):
      range.items = items
      range.columns = 1
    case .grid(let rows, let columns):
      range.items = rows
      range.columns = columns
    }
    withUnsafeMutableBytes(of: &range.offset) { bytes in
      let offsets = bytes.assumingMemoryBound(to: Int.self)
      for (index, argument) in arguments.enumerated() { offsets[index] = argument.offset }
    }
    return range
  }

  /// The host compilation of this function.
  public var implementation: MaclaurinHostFunction? {
    maclaurin_host_function(hostFunction, type == .float64 ? 1 : 0)
  }
}
