import Compute

/// Computes nothing: adds up what a device of a given profile should take.
public final class ProfiledPlan: Backend {
  public let name = "plan"
  public let numerics = Numerics.reproducible
  public let profile: DeviceProfile
  /// Of all operations so far, transfers aside.
  public private(set) var seconds = 0.0
  /// The same by the operation's name.
  public private(set) var secondsByName: [String: Double] = [:]
  private let plan = NullBackend()

  public init(_ profile: DeviceProfile) { self.profile = profile }

  public var statistics: BackendStatistics { plan.statistics }

  public func allocate(_ count: Int, _ type: ScalarType) -> Buffer { plan.allocate(count, type) }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) {
    plan.upload(source, to: matrix)
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) {
    plan.download(matrix, into: target)
  }

  public func run(_ operation: Operation) throws {
    let time = profile.seconds(operation)
    seconds += time
    secondsByName[operation.name, default: 0] += time
  }

  public func finish() {}
}
