import Compute
import OpenBLASBackend
import OpenCLBackend

/// Where tests use backends: a backend and its buffers belong to one concurrency domain, and two
/// tests at once would share it.
@globalActor public actor BackendActor {
  public static let shared = BackendActor()
}

/// The backends that every promise is checked on, each made once for all tests.
public enum BackendUnderTest: String, CaseIterable, Sendable, CustomStringConvertible {
  /// The definition: loops in Double, nothing rounded to float32.
  case reference
  case openblas1 = "openblas, 1 thread"
  case openblas2 = "openblas, 2 threads"
  case openclHost = "opencl, host family"
  case openclDevice = "opencl, device family"

  /// Those that compute in the canonical order, and so with the same bits.
  public static let canonical = allCases.filter { $0 != .reference }

  public var description: String { rawValue }

  @BackendActor private static var made: [Self: any Backend] = [:]

  @BackendActor public func backend() throws -> any Backend {
    if let known = Self.made[self] { return known }
    let backend: any Backend
    switch self {
    case .reference: backend = ReferenceBackend()
    case .openblas1: backend = try OpenBLASBackend(threads: 1)
    case .openblas2: backend = try OpenBLASBackend(threads: 2)
    case .openclHost: backend = try Self.openCL(.host)
    case .openclDevice: backend = try Self.openCL(.device)
    }
    Self.made[self] = backend
    return backend
  }

  @BackendActor private static func openCL(_ family: KernelFamily) throws -> any Backend {
    try OpenCLBackend(deviceIndex: 0, family: family)
  }

  /// `body`'s result on every canonical backend, with the backend's name.
  @BackendActor public static func onEach<Result>(
    _ body: (any Backend) throws -> Result
  ) throws -> [(backend: Self, result: Result)] {
    try canonical.map { ($0, try body($0.backend())) }
  }
}
