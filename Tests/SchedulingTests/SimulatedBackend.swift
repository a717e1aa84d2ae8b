import Compute

/// A device that computes nothing and takes the time that it is told, on a clock of its own.
final class SimulatedBackend: Backend {
  let name = "simulated"
  let numerics = Numerics.reproducible
  /// Seconds since it was made.
  private(set) var time = 0.0
  /// What `run` was given.
  private(set) var operations = 0
  private let seconds: (Operation) -> Double
  private let latency: Double
  private let rate: Double
  private let memory: Int
  private var fresh: Set<String> = []
  private let compiling: Double
  private let plan = NullBackend()

  /// - Parameters:
  ///   - compiling: seconds that the first operation of each name takes besides.
  ///   - latency, rate: of copies.
  ///   - memory: bytes.
  init(
    compiling: Double = 0, latency: Double = 1e-5, rate: Double = 1e10, memory: Int = .max,
    seconds: @escaping (Operation) -> Double
  ) {
    self.compiling = compiling
    self.latency = latency
    self.rate = rate
    self.memory = memory
    self.seconds = seconds
  }

  var statistics: BackendStatistics { plan.statistics }

  func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    guard plan.statistics.liveBytes + count * type.byteCount <= memory else {
      throw BackendError("no memory left", cause: .memory)
    }
    return plan.allocate(count, type)
  }

  func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) {
    time += latency + Double(matrix.count * matrix.type.byteCount) / rate
  }

  func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) {
    time += latency + Double(matrix.count * matrix.type.byteCount) / rate
  }

  func run(_ operation: Operation) throws {
    try plan.run(operation)
    operations += 1
    if fresh.insert(operation.name).inserted { time += compiling }
    time += seconds(operation)
  }

  func finish() {}
}
