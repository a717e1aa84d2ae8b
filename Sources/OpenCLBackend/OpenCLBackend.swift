import COpenCL
import Compute

/// Operations on one OpenCL device, enqueued in order on one queue.
///
/// A backend and its buffers are used from one concurrency domain at a time. Only `download`,
/// `finish`, the profile, uploads of more than 1 MiB, and every 8192nd launch in a row wait for the
/// device.
public final class OpenCLBackend: Backend {
  public let device: OpenCLDevice
  public let numerics: Numerics
  public let family: KernelFamily
  /// The device family's tile; nil lets shapes choose. Bits do not depend on it.
  public var contractionTile: ContractionTile?

  /// The host family's register block.
  var contractionBlock: ContractionBlock

  let session: OpenCLSession

  /// Opens `opencl:deviceIndex`.
  ///
  /// - Parameters:
  ///   - family: nil for the one that suits the device.
  ///   - allowMissingCapabilities: does not refuse a device that lacks what reproducible numerics
  ///     needs (for tools that check memory accesses).
  ///   - programSourceOverride: texts in place of the embedded ones, by source name; such programs
  ///     are not cached on disk.
  ///   - cacheFolder: where compiled programs are kept, nil for nowhere.
  ///   - verboseBuilds: compiles anew and keeps the compiler's messages in `buildLogs`.
  ///   - buildOptions: further compiler options.
  public init(
    deviceIndex: Int, numerics: Numerics = .reproducible, family: KernelFamily? = nil,
    allowMissingCapabilities: Bool = false, programSourceOverride: [String: String] = [:],
    cacheFolder: String? = OpenCLBackend.userCacheFolder, verboseBuilds: Bool = false,
    buildOptions: [String] = []
  ) throws {
    let device = try OpenCLDevices.device(deviceIndex)
    if numerics == .reproducible && !allowMissingCapabilities {
      let missing = device.missingCapabilities
      guard missing.isEmpty else { throw OpenCLBackend.refusal(of: device.name, missing) }
    }
    var options = ["-cl-std=CL1.2"]
    if device.capabilities.contains(.correctlyRoundedDivideAndSquareRoot) {
      options.append("-cl-fp32-correctly-rounded-divide-sqrt")
    }
    if verboseBuilds && device.hasNVIDIACompiler { options.append("-cl-nv-verbose") }
    self.device = device
    self.numerics = numerics
    self.family = family ?? device.family
    contractionBlock = ContractionBlock(for: device)
    session = try OpenCLSession(
      device, texts: ProgramText(replacing: programSourceOverride),
      cache: verboseBuilds ? nil : cacheFolder.map { ProgramCache(folder: $0) },
      options: options + buildOptions)
  }

  /// $XDG_CACHE_HOME/maclaurin/programs or ~/.cache/maclaurin/programs.
  public static var userCacheFolder: String? { ProgramCache.userFolder }

  /// The embedded text of a kernel source ("jet_composition"), to make an override from.
  public static func programSource(_ name: String) -> String? { ProgramText()[name] }

  static func refusal(of name: String, _ missing: [OpenCLDevice.Capability]) -> BackendError {
    BackendError(
      "\(name) lacks \(missing.map(\.rawValue).joined(separator: " and ")), which reproducible "
        + "numerics needs; use --numerics fast or another --backend")
  }

  public var name: String { "opencl:\(device.index)" }
  public var statistics: BackendStatistics { session.statistics }
  /// The compiler's messages by program.
  public var buildLogs: [String: String] { session.programs.buildLogs }
  /// How many programs were compiled from text, and how many came from the disk cache.
  public var builtPrograms: (compiled: Int, loaded: Int) {
    (session.programs.compiled, session.programs.loaded)
  }
  /// How many pieces of device memory were ever made, and their bytes now, in use or not.
  public var reservedMemory: (blocksMade: Int, bytes: Int) {
    (session.pool.blocksMade, session.pool.reservedBytes)
  }

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    try session.allocate(count, type)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    try session.write(source, to: matrix)
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    try session.read(matrix, into: target)
  }

  public func run(_ operation: Operation) throws {
    switch operation {
    case .contraction(let contraction): try run(contraction)
    case .jetContraction(let contraction): try run(contraction)
    default:
      guard let portable = operation.content as? any PortableOperation else {
        preconditionFailure("\(operation.name) has no launches")
      }
      // Workspaces go back to the pool at the end; the queue's order keeps them valid.
      let launches = try portable.launches { try session.allocate($0, $1) }
      for launch in launches { try session.enqueue(launch) }
    }
  }

  public func finish() throws { try session.finish() }

  /// Gives unused memory of the pool back to the driver.
  public func releaseUnusedMemory() throws {
    try session.finish()
    session.trim()
  }

  /// Measures launches from here on, until `profile`.
  public func startProfiling() throws {
    session.profile?.discard(session.cl)
    try session.replaceQueue(profiling: true)
    session.profile = LaunchProfile()
  }

  /// Seconds of device time by kernel function since `startProfiling`, which this ends.
  public func profile() throws -> [String: Double] {
    guard var profile = session.profile else { return [:] }
    try session.finish()
    profile.collect(session.cl)
    session.profile = nil
    try session.replaceQueue(profiling: false)
    return profile.seconds
  }
}
