import Compute
import Networks

/// Which dense layers' coefficients 0 a run keeps for its training set, and why not more.
///
/// A layer with k inputs and n units saves 2·k·n flops for each example of a step, and costs the
/// gathering of n numbers; so it pays where k is large, and where the layer is large enough for its
/// product to take longer than a launch. What is kept changes no bit: memory may decide about it.
public struct OrderZeroLayout: Sendable {
  /// What a run may keep.
  public struct Limits: Sendable {
    /// Of all layers together; 0: nothing is kept.
    public var bytes: Int
    /// Of one layer.
    public var pieceBytes: Int
    /// The least inputs, and the least weights, of a layer.
    var inputs = 128
    var weights = 1 << 14
    /// The least life of an expansion. Filling takes the products of one epoch.
    var epochs = 2

    public init(bytes: Int, pieceBytes: Int = .max) {
      self.bytes = bytes
      self.pieceBytes = pieceBytes
    }

    public static let none = Limits(bytes: 0)
  }

  /// In the order of the flat parameter vector.
  public let layers: [Network.DenseWeight]
  /// Of the tables of all layers.
  public let bytes: Int
  /// Why nothing is kept.
  public let reason: String?
  /// The least life of an expansion, in epochs.
  let epochs: Int

  private init(_ layers: [Network.DenseWeight], bytes: Int, epochs: Int) {
    self.layers = layers
    self.bytes = bytes
    self.epochs = epochs
    reason = nil
  }

  private init(nothing reason: String) {
    layers = []
    bytes = 0
    epochs = 0
    self.reason = reason
  }

  /// A pure function of its arguments.
  ///
  /// - Parameters:
  ///   - examples: of the training set.
  ///   - isAugmented: whether an example is another one at every step.
  public init(
    _ network: Network, _ settings: TrainingSettings, examples: Int, isAugmented: Bool = false,
    within limits: Limits
  ) {
    func size(_ weight: Network.DenseWeight) -> Int {
      let (count, overflow) = weight.outputs.multipliedReportingOverflow(
        by: examples * settings.type.byteCount)
      return overflow ? .max : count
    }
    guard settings.order > 0 else {
      self.init(nothing: "the network itself has no center that stays")
      return
    }
    guard limits.bytes > 0 else {
      self.init(nothing: "it is off")
      return
    }
    guard !isAugmented else {
      self.init(nothing: "augmented examples are others at every step")
      return
    }
    guard settings.movement?.randomize == nil else {
      self.init(nothing: "random signs may be on the center's weights")
      return
    }
    guard let weights = network.denseWeights else {
      self.init(nothing: "networks with convolutions keep nothing")
      return
    }
    let large = weights.filter {
      $0.inputs >= limits.inputs && $0.inputs * $0.outputs >= limits.weights
    }
    guard !large.isEmpty else {
      self.init(
        nothing: "no dense layer has \(limits.inputs) inputs and \(limits.weights) weights")
      return
    }
    let epoch = (examples + settings.batchSize - 1) / settings.batchSize
    guard Self.longestLife(settings, epoch: epoch) >= limits.epochs * epoch else {
      self.init(nothing: "no expansion is sure to last for \(limits.epochs) epochs")
      return
    }
    var (kept, bytes): (Set<Int>, Int) = ([], 0)
    // What saves most for its memory comes first.
    for weight in large.sorted(by: { ($0.inputs, $1.index) > ($1.inputs, $0.index) }) {
      let own = size(weight)
      guard own <= limits.pieceBytes, own <= limits.bytes - bytes else { continue }
      kept.insert(weight.index)
      bytes += own
    }
    guard !kept.isEmpty else {
      self.init(
        nothing: "no layer's \(examples) examples fit into \(limits.bytes >> 20) MiB")
      return
    }
    self.init(large.filter { kept.contains($0.index) }, bytes: bytes, epochs: limits.epochs)
  }

  /// Steps that an expansion that is cached lasts at least, of a run with `examples` examples.
  func leastLife(_ settings: TrainingSettings, _ examples: Int) -> Int {
    var least = settings.steps
    if case .periodic(let every, _) = settings.relinearization.rule { least = min(least, every) }
    return max(1, least, epochs * ((examples + settings.batchSize - 1) / settings.batchSize))
  }

  /// The most steps that an expansion of a run may be known to last when it is to be cached. Where
  /// looks decide, one that has lasted for an epoch is trusted to go on.
  private static func longestLife(_ settings: TrainingSettings, epoch: Int) -> Int {
    switch settings.relinearization.rule {
    case .never: return settings.steps
    case .trust, .adaptiveOrder: return settings.steps - epoch
    case .periodic:
      // A growing period's last expansions are the longest.
      var (longest, count) = (0, 0)
      var state = ExpansionState(settings)
      while state.last < settings.steps, count < 1000 {
        let steps = state.remaining(from: state.last, of: settings.steps) ?? 0
        longest = max(longest, steps)
        guard steps > 0 else { break }
        state.expanded(before: state.last + steps)
        count += 1
      }
      return longest
    }
  }
}
