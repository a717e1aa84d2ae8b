/// How contractions are laid out; both families give the same bits.
public enum KernelFamily: String, Sendable, Codable, CaseIterable {
  /// Tiles in local memory, barriers, 8×8 outputs per work-item: for GPUs.
  case device
  /// Packed panels, wide vectors, no barriers: for processors.
  case host
}
