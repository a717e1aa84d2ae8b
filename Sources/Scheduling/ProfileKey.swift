import Compute

/// What a profile depends on. Profiles of other keys are measured anew.
public struct ProfileKey: Sendable, Codable, Equatable {
  /// "opencl" or "openblas".
  public var backend: String
  /// The device; on the CPU path the processor.
  public var device: String
  /// Driver version, or what else the speed comes from (instruction set, library).
  public var driver: String
  public var platform: String
  public var computeUnits: Int
  /// Contraction family; empty where there is one only.
  public var family: String
  /// Threads of the CPU path; 0 elsewhere.
  public var threads: Int
  public var numerics: Numerics
  public var type: ScalarType

  public init(
    backend: String, device: String, driver: String, platform: String = "", computeUnits: Int,
    family: String = "", threads: Int = 0, numerics: Numerics, type: ScalarType
  ) {
    self.backend = backend
    self.device = device
    self.driver = driver
    self.platform = platform
    self.computeUnits = computeUnits
    self.family = family
    self.threads = threads
    self.numerics = numerics
    self.type = type
  }

  /// A name for a file: 64 bits of FNV-1a over the fields, each with its length.
  /// Source: RFC 9923.
  var fileName: String {
    let fields = [
      "\(ProfileCache.format)", backend, device, driver, platform, "\(computeUnits)", family,
      "\(threads)", numerics.rawValue, type.rawValue,
    ]
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in fields.map({ "\($0.utf8.count):\($0)" }).joined().utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + ".json"
  }
}
