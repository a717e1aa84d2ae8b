import Maclaurin

/// Whether a run fits into memory, asked before anything is allocated.
enum MemoryCheck {
  /// - Throws: `TrainingError` that says what is needed, what there is, and the largest batch that
  ///   fits.
  static func check(
    _ plan: TrainingPlan, _ record: RunRecord, on backend: any Backend,
    workspace: @escaping (Contraction) -> Int
  ) throws {
    var (name, memory, copies) = ("this machine", HostMachine.memory, 0)
    if let device = (backend as? OpenCLBackend)?.device {
      (name, memory) = (device.name, device.globalMemory)
    } else {
      // Parameters pass through the host in double precision and are written in their own type.
      copies = plan.parameters * (8 + record.settings.type.byteCount)
    }
    guard plan.peakBytes + copies > memory else { return }
    let largest = try TrainingPlan.largestBatch(
      record.network, record.settings, examples: record.examples, within: memory - copies,
      workspace: workspace)
    let advice =
      largest.map { "the largest --batch-size that fits is \($0)" }
      ?? "no --batch-size makes it fit, so take a narrower network or less data"
    throw TrainingError(
      "this run needs \(bytesText(plan.peakBytes + copies)) of memory, and \(name) has "
        + "\(bytesText(memory)); \(advice)")
  }
}
