import COpenCL
import Compute

/// Operations on one OpenCL device, enqueued in order on one queue.
///
/// A backend and its buffers are used from one concurrency domain at a time; several backends, of
/// one device or of several, work at once. Only `download`, `Download.wait`, `finish`, the profile
/// and a new timeline wait for what was enqueued. Where 32 MiB of uploads or 8192 launches have
/// piled up, the next one waits for the older half.
///
/// Errors say what follows (`BackendError.cause`): after `.memory` and `.launch` what was enqueued
/// before stands and the operation has changed nothing; after `.device` every use throws the same
/// error.
public final class OpenCLBackend: Backend {
  public let device: OpenCLDevice
  public let numerics: Numerics
  public let family: KernelFamily
  /// The device family's tile; nil lets shapes choose. Bits do not depend on it.
  public var contractionTile: ContractionTile?
  /// With such a tile, the chains of a launch of contractions that have several; nil: not split.
  var contractionChains: Int?

  public lazy var workspaceBytes = device.convolutionWorkspace(family: family)

  /// The host family's register block.
  var contractionBlock: ContractionBlock

  /// Tiles from the device's tuning table, if it has one.
  let tunedTiles: [ContractionClass: ContractionTile]

  let session: OpenCLSession

  /// Opens a device, or part of one; the same as often as wanted.
  ///
  /// - Parameters:
  ///   - family: nil for the one that suits the device.
  ///   - allowMissingCapabilities: does not refuse a device that lacks what reproducible numerics
  ///     needs (for tools that check memory accesses).
  ///   - programSourceOverride: texts in place of the embedded ones, by source name; such programs
  ///     are not cached on disk.
  ///   - cacheFolder: where compiled programs are kept, nil for nowhere; the user's folder only where
  ///     the driver does not keep them itself (`OpenCLDevice.keepsPrograms`). The device's tuning
  ///     table lies beside it.
  ///   - verboseBuilds: compiles anew and keeps the compiler's messages in `buildLogs`.
  ///   - buildOptions: further compiler options.
  public convenience init(
    device: OpenCLDevice, numerics: Numerics = .reproducible, family: KernelFamily? = nil,
    allowMissingCapabilities: Bool = false, programSourceOverride: [String: String] = [:],
    cacheFolder: String? = OpenCLBackend.userCacheFolder, verboseBuilds: Bool = false,
    buildOptions: [String] = []
  ) throws {
    try self.init(
      device: device, numerics: numerics, family: family,
      allowMissingCapabilities: allowMissingCapabilities,
      programSourceOverride: programSourceOverride, cacheFolder: cacheFolder,
      verboseBuilds: verboseBuilds, buildOptions: buildOptions,
      functions: OpenCLLibrary.functions())
  }

  /// Opens `opencl:deviceIndex`.
  public convenience init(
    deviceIndex: Int, numerics: Numerics = .reproducible, family: KernelFamily? = nil,
    allowMissingCapabilities: Bool = false, programSourceOverride: [String: String] = [:],
    cacheFolder: String? = OpenCLBackend.userCacheFolder, verboseBuilds: Bool = false,
    buildOptions: [String] = []
  ) throws {
    try self.init(
      device: OpenCLDevices.device(deviceIndex), numerics: numerics, family: family,
      allowMissingCapabilities: allowMissingCapabilities,
      programSourceOverride: programSourceOverride, cacheFolder: cacheFolder,
      verboseBuilds: verboseBuilds, buildOptions: buildOptions)
  }

  /// The same through another table of OpenCL's functions.
  init(
    device: OpenCLDevice, numerics: Numerics, family: KernelFamily?,
    allowMissingCapabilities: Bool, programSourceOverride: [String: String], cacheFolder: String?,
    verboseBuilds: Bool, buildOptions: [String], functions: OpenCLLibrary.Functions
  ) throws {
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
    let table = cacheFolder.flatMap { TuningCache(besidePrograms: $0).table(for: device).table }
    contractionBlock = table?.block?.value ?? ContractionBlock(for: device)
    tunedTiles = table?.tilesByClass ?? [:]
    let isTwice = device.keepsPrograms && cacheFolder == OpenCLBackend.userCacheFolder
    session = try OpenCLSession(
      device, texts: ProgramText(replacing: programSourceOverride),
      cache: verboseBuilds || isTwice ? nil : cacheFolder.map { ProgramCache(folder: $0) },
      options: options + buildOptions, functions: functions)
  }

  /// MACLAURIN_DEVICE_TIMEOUT in the environment, in seconds, or 300.
  public static var defaultAnswerTimeout: Double {
    guard let text = OpenCLDevices.environment("MACLAURIN_DEVICE_TIMEOUT"),
      let seconds = Double(text), seconds > 0
    else { return 300 }
    return min(seconds, 1e9)
  }

  /// Seconds. A device that ends nothing for so long while the host waits for it has failed: waits
  /// throw an error of cause `.device` then. The environment's MACLAURIN_DEVICE_TIMEOUT, else 300.
  public var answerTimeout: Double {
    get { session.answerTimeout }
    set { session.answerTimeout = max(1e-3, newValue) }
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

  /// "opencl:0", of the second part of a device "opencl:0.1".
  public var name: String { device.backendName }
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

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    try session.startDownload(matrix)
  }

  public func run(_ operation: Operation) throws {
    try session.prepare()
    var lowering = Lowering()
    switch operation {
    case .contraction(let contraction): try lower(contraction, into: &lowering)
    case .jetContraction(let contraction): try lower(contraction, into: &lowering)
    default:
      guard let portable = operation.content as? any PortableOperation else {
        preconditionFailure("\(operation.name) has no launches")
      }
      try lower(portable, into: &lowering)
    }
    try session.enqueue(lowering, of: operation)
  }

  func lower(_ operation: some PortableOperation, into lowering: inout Lowering) throws {
    let launches = try operation.launches { count, type in
      let buffer = try session.allocate(count, type)
      lowering.buffers.append(buffer)
      return buffer
    }
    for launch in launches { try session.lower(launch, into: &lowering) }
  }

  public func finish() throws { try session.finish() }

  /// The queue measures what runs while there is a timeline. One event per operation and transfer,
  /// from the device's clock, on the track `name`; waits of the host likewise. Events arrive in
  /// batches: `finish`, or nil here, brings the last ones.
  public var timeline: Timeline? {
    get { session.recorder?.timeline }
    set { session.record(on: newValue) }
  }

  /// Gives unused memory of the pool back to the driver.
  public func releaseUnusedMemory() throws {
    try session.finish()
    session.trim()
  }

  /// Measures launches from here on, until `profile`.
  public func startProfiling() throws {
    session.profile = LaunchProfile()
    do {
      try session.prepare()
    } catch {
      session.profile = nil
      throw error
    }
  }

  /// Seconds of device time by kernel function since `startProfiling`, which this ends.
  public func profile() throws -> [String: Double] {
    guard session.profile != nil else { return [:] }
    defer { session.profile = nil }
    try session.finish()
    return session.profile?.seconds ?? [:]
  }
}
