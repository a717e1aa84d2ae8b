import Compute

/// How fast a device is, as far as placing operations needs to know. Times in seconds.
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
  /// Flops per second of contractions.
  public var contractionRate: Double

  public init(
    launch: Double, opening: Double, transferLatency: Double, uploadRate: Double,
    downloadRate: Double, memoryRate: Double, elementwiseRate: Double, contractionRate: Double
  ) {
    self.launch = launch
    self.opening = opening
    self.transferLatency = transferLatency
    self.uploadRate = uploadRate
    self.downloadRate = downloadRate
    self.memoryRate = memoryRate
    self.elementwiseRate = elementwiseRate
    self.contractionRate = contractionRate
  }

  /// What an operation should take here, transfers aside.
  public func seconds(_ operation: Operation) -> Double {
    switch operation {
    case .contraction(let contraction): return seconds(contraction)
    case .jetContraction(let product):
      return product.contractions.reduce(0) { $0 + seconds($1) }
    default:
      let cost = operation.cost
      return launch + max(cost.bytes / memoryRate, cost.flops / elementwiseRate)
    }
  }

  private func seconds(_ contraction: Contraction) -> Double {
    launch + contraction.cost.flops / contractionRate
  }

  /// `pieces` copies of together `bytes` bytes from the host to the device.
  public func uploadSeconds(_ bytes: Int, pieces: Int) -> Double {
    Double(pieces) * transferLatency + Double(bytes) / uploadRate
  }

  public func downloadSeconds(_ bytes: Int, pieces: Int) -> Double {
    Double(pieces) * transferLatency + Double(bytes) / downloadRate
  }
}
