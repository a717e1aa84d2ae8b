import Compute
import Glibc
import Kernels

/// The CPU path: our ordered contractions and the host compilation of the portable kernels; with
/// `--numerics fast`, contractions by OpenBLAS.
public final class OpenBLASBackend: Backend {
  public let name = "openblas"
  public let numerics: Numerics
  public let threads: Int
  public var workspaceBytes = OpenBLASBackend.defaultWorkspaceBytes
  private let memory: HostMemory
  private let pool: ThreadPool
  let contraction: HostContraction
  /// Packed copies of weights that do not change.
  let keptPanels = KeptPanels()
  let library: OpenBLASLibrary?
  private var functions: [String: MaclaurinHostFunction] = [:]
  /// Seconds by function, while profiling.
  private var seconds: [String: Double]?

  /// - Parameters:
  ///   - threads: 0 for one per processor.
  ///   - instructionSet: forces one of `instructionSets`; the bits stay the same.
  public init(
    numerics: Numerics = .reproducible, threads: Int = 0, instructionSet: String? = nil
  ) throws {
    self.numerics = numerics
    memory = try HostMemory()
    let threads = threads > 0 ? threads : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    pool = ThreadPool(threads: threads)
    self.threads = pool.threads
    contraction = HostContraction(pool: pool, instructionSet: instructionSet)
    if numerics == .fast {
      do {
        let library = try OpenBLASLibrary()
        library.setThreads(threads)
        self.library = library
      } catch {
        throw BackendError(
          "\(error); install libopenblas0 or leave --numerics fast out (reproducible needs no library)"
        )
      }
    } else {
      library = nil
    }
  }

  /// The instruction sets of this processor that contractions are compiled for, fastest first.
  public static var instructionSets: [String] { HostContraction.instructionSets }

  public var statistics: BackendStatistics { memory.statistics }

  /// Bytes up to the end of what buffers ever used of the memory that the process keeps for them.
  public var reservedBytes: Int { memory.highWater }

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    try HostBuffer(count: count, type: type, memory: memory)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) {
    guard matrix.count > 0, let base = source.baseAddress else { return }
    memory.statistics.uploadedBytes += matrix.count * matrix.type.byteCount
    matrix.buffer.version += 1
    let bytes = matrix.columns * matrix.type.byteCount
    for row in 0..<matrix.rows {
      memcpy(
        matrix.pointer + row * matrix.stride * matrix.type.byteCount, base + row * bytes, bytes)
    }
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) {
    guard matrix.count > 0, let base = target.baseAddress else { return }
    memory.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    let bytes = matrix.columns * matrix.type.byteCount
    for row in 0..<matrix.rows {
      memcpy(
        base + row * bytes, matrix.pointer + row * matrix.stride * matrix.type.byteCount, bytes)
    }
  }

  public func finish() {}

  /// What runs is recorded here, by operation.
  public var timeline: Timeline?

  public func run(_ operation: Operation) throws {
    guard let timeline else { return try perform(operation) }
    let cost = operation.cost
    try timeline.measure(name, operation.name, .operation, flops: cost.flops, bytes: cost.bytes) {
      try perform(operation)
    }
  }

  public var runsSequencesAtOnce: Bool { numerics == .reproducible }

  public func run(sequence: [Operation]) throws {
    guard let timeline else { return try perform(sequence: sequence) }
    let cost = sequence.reduce(Cost()) { $0 + $1.cost }
    try timeline.measure(
      name, sequence.map { $0.name }.joined(separator: ", "), .operation, flops: cost.flops,
      bytes: cost.bytes
    ) {
      try perform(sequence: sequence)
    }
  }

  func perform(_ operation: Operation) throws {
    if keptPanels.isInUse { noteChanges(operation) }
    switch operation {
    case .contraction(let contraction): run(contraction)
    case .jetContraction(let product):
      if try sweep(product) { return }
      for part in try product.lowered(workspace: allocate) { try perform(part) }
    default:
      guard let portable = operation.content as? any PortableOperation else {
        preconditionFailure("\(operation.name) has no lowering")
      }
      for launch in try portable.launches(workspace: allocate) { run(launch) }
    }
  }

  /// What the operation writes is no longer what packed copies were made of.
  func noteChanges(_ operation: Operation) {
    var operation = operation
    operation.visitOperands { matrix, access in
      if access.writes { matrix.buffer.version += 1 }
    }
  }

  // MARK: Contractions

  private func run(_ operation: Contraction) {
    guard operation.m > 0, operation.n > 0, operation.batch > 0 else { return }
    if let library, !operation.isOrdered, runFast(operation, library) { return }
    timed("contraction") {
      contraction.run(
        operation.parameters, isDouble: operation.c.type == .float64, a: operation.a.pointer,
        b: operation.b.pointer, c: operation.c.pointer, scale: operation.scale?.pointer)
    }
  }

  /// False if CBLAS cannot express it.
  private func runFast(_ operation: Contraction, _ library: OpenBLASLibrary) -> Bool {
    let p = operation.parameters
    guard operation.k > 0,
      let product = OpenBLASLibrary.Product(
        m: p.m, n: p.n, k: p.k, aRow: p.aRow, aColumn: p.aColumn, bRow: p.bRow,
        bColumn: p.bColumn, cRow: p.cRow)
    else { return false }
    let (a, b, c) = (operation.a.pointer, operation.b.pointer, operation.c.pointer)
    timed(operation.c.type == .float64 ? "cblas_dgemm" : "cblas_sgemm") {
      for index in 0..<operation.batch {
        if operation.c.type == .float64 {
          func at(_ base: UnsafeMutableRawPointer, _ stride: Int) -> UnsafeMutablePointer<Double> {
            base.assumingMemoryBound(to: Double.self) + index * stride
          }
          let scale = operation.scale?.pointer.load(as: Double.self) ?? 1
          library.multiply(
            product, alpha: operation.alpha * scale, a: at(a, p.aBatch), b: at(b, p.bBatch),
            beta: operation.beta, c: at(c, p.cBatch))
        } else {
          func at(_ base: UnsafeMutableRawPointer, _ stride: Int) -> UnsafeMutablePointer<Float> {
            base.assumingMemoryBound(to: Float.self) + index * stride
          }
          let scale = operation.scale?.pointer.load(as: Float.self) ?? 1
          library.multiply(
            product, alpha: Float(operation.alpha) * scale, a: at(a, p.aBatch),
            b: at(b, p.bBatch), beta: Float(operation.beta), c: at(c, p.cBatch))
        }
      }
    }
    return true
  }

  // MARK: Portable kernels

  /// Below this many elements a launch runs on the calling thread alone.
  private static let parallelWork = 1 << 14

  private func run(_ launch: Launch) {
    let range = launch.range
    guard range.items > 0, range.columns > 0 else { return }
    let call = call(launch)
    let parts = launch.work < Self.parallelWork ? 1 : min(threads, range.items)
    timed(launch.function) {
      pool.run(parts: parts) { part in
        var own = range
        own.begin = range.items * part / parts
        own.end = range.items * (part + 1) / parts
        call(own)
      }
    }
  }

  /// A launch for any thread to call with a part of its range.
  func call(_ launch: Launch) -> (LaunchRange) -> Void {
    nonisolated(unsafe) let function = implementation(launch)
    let pointers = launch.arguments.map { Optional($0.pointer) }
    return { range in
      launch.parameters.withUnsafeBytes { parameters in
        pointers.withUnsafeBufferPointer { buffers in
          var own = range
          function(&own, parameters.baseAddress, buffers.baseAddress)
        }
      }
    }
  }

  private func implementation(_ launch: Launch) -> MaclaurinHostFunction {
    let key = launch.type == .float64 ? launch.hostFunction + ".64" : launch.hostFunction
    if let known = functions[key] { return known }
    guard let function = launch.implementation else {
      preconditionFailure("\(launch.hostFunction) has no host compilation")
    }
    functions[key] = function
    return function
  }

  // MARK: Statistics

  func timed(_ name: String, _ body: () -> Void) {
    memory.statistics.count(name)
    guard seconds != nil else { return body() }
    let clock = ContinuousClock()
    let elapsed = clock.measure(body)
    seconds?[name, default: 0] += elapsed / .seconds(1)
  }

  /// Starts counting seconds by function from zero.
  public func startProfiling() { seconds = [:] }

  /// Seconds by function since `startProfiling`, which it ends.
  public func profile() -> [String: Double] {
    defer { seconds = nil }
    return seconds ?? [:]
  }
}
