import Compute
import Glibc

/// How fast a device is, as far as placing operations needs to know. Times in seconds.
///
/// A profile knows operations by a few rates, or, when it was measured, by tables: contractions by
/// form and extents, elementwise work by kind and size. Tables are of one scalar type; operations of
/// another count as larger ones.
public struct DeviceProfile: Sendable, Codable, Equatable {
  /// From one small operation to the next while the queue is full.
  public var launch: Double
  /// Opening the device: context, queue, first programs. 0 for what is always open.
  public var opening: Double
  /// A small copy to or from the host, the wait for the queue included.
  public var transferLatency: Double
  /// Bytes per second, to the device and back.
  public var uploadRate: Double
  public var downloadRate: Double
  /// Bytes per second that elementwise operations stream.
  public var memoryRate: Double
  /// Flops per second of elementwise operations on data in the caches.
  public var elementwiseRate: Double
  /// Flops per second of contractions: where there is a table, the highest in it.
  public var contractionRate: Double

  /// From one small upload to the next: what `uploadSeconds` adds per piece.
  public var uploadLatency: Double
  /// What the tables were measured in.
  public var type: ScalarType
  public var contractions: ContractionTables?
  public var elementwise: ElementwiseTables?
  /// Whether a jet contraction is one launch over all its coefficients.
  public var fusesJets: Bool
  /// What the measurement left out, in a sentence; nil where it left out nothing.
  public var note: String?

  public init(
    launch: Double, opening: Double, transferLatency: Double, uploadRate: Double,
    downloadRate: Double, memoryRate: Double, elementwiseRate: Double, contractionRate: Double,
    uploadLatency: Double? = nil, type: ScalarType = .float32,
    contractions: ContractionTables? = nil, elementwise: ElementwiseTables? = nil,
    fusesJets: Bool = false, note: String? = nil
  ) {
    self.launch = launch
    self.opening = opening
    self.transferLatency = transferLatency
    self.uploadRate = uploadRate
    self.downloadRate = downloadRate
    self.memoryRate = memoryRate
    self.elementwiseRate = elementwiseRate
    self.contractionRate = contractionRate
    self.uploadLatency = uploadLatency ?? transferLatency
    self.type = type
    self.contractions = contractions
    self.elementwise = elementwise
    self.fusesJets = fusesJets
    self.note = note
  }

  /// Whether the rates are positive numbers, as a table's times are by construction: something read from a file may be anything.
  public var isValid: Bool {
    let times = [launch, transferLatency, uploadLatency]
    let rates = [uploadRate, downloadRate, memoryRate, elementwiseRate, contractionRate]
    return (times + rates).allSatisfy { $0.isFinite && $0 > 0 } && opening.isFinite && opening >= 0
      && type != .int32
  }

  /// What an operation should take here, transfers aside.
  public func seconds(_ operation: Operation) -> Double {
    switch operation {
    case .contraction(let contraction): return seconds(contraction)
    case .jetContraction(let product): return seconds(product)
    default:
      if let elementwise { return elementwise.seconds(operation, of: type) }
      let cost = operation.cost
      return launch + max(cost.bytes / memoryRate, cost.flops / elementwiseRate)
    }
  }

  /// `pieces` copies of together `bytes` bytes from the host to the device.
  public func uploadSeconds(_ bytes: Int, pieces: Int) -> Double {
    Double(pieces) * uploadLatency + Double(bytes) / uploadRate
  }

  public func downloadSeconds(_ bytes: Int, pieces: Int) -> Double {
    Double(pieces) * transferLatency + Double(bytes) / downloadRate
  }

  /// How much larger an operation on elements of `type` is than one on the tables' own.
  static func slowdown(_ type: ScalarType, against own: ScalarType) -> Double {
    type == own || type == .int32 ? 1 : type == .float64 ? 2 : 0.5
  }
}
