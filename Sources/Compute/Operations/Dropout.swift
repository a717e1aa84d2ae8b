import Kernels

/// x ← x/(1 − p) where an element is kept, +0 where it is dropped, in place: inverted dropout, and
/// its adjoint, which is the same on ȳ. Order 0 only: the mask belongs to a training step, not to
/// an expansion.
///
/// Element e = row·columns + column is dropped if word e mod 4 of block ⌊e/4⌋ of the stream (seed,
/// dropout, layer), step·2³² further on, is below p·2³² rounded to an integer: with a probability
/// within 2⁻³³ of p (at most 1 − 2⁻³²), independent of every other element, layer and step; never
/// for p = 0. The mask depends on nothing else, so the cotangent meets the same one, on any device
/// and in a resumed run. 1/(1 − p) is rounded once from Double.
/// Source: Srivastava et al., J. Mach. Learn. Res. 15 (2014) 1929.
public struct Dropout: PortableOperation {
  public var x: Matrix
  /// p, 0 ≤ p < 1.
  public var probability: Double
  public var seed: UInt64
  public var layer: Int
  public var step: Int
  /// The stream's block of four numbers, within the step, with which x begins.
  public var firstBlock: Int

  public init(
    _ x: Matrix, probability: Double, seed: UInt64, layer: Int, step: Int, firstBlock: Int = 0
  ) {
    precondition(x.isContiguous, "contiguous")
    precondition(probability >= 0 && probability < 1, "a probability below 1")
    precondition(0 <= step && step < 1 << 31 && 0 <= layer && layer < 1 << 32, "out of the stream")
    precondition(firstBlock >= 0 && firstBlock + x.count / 4 < 1 << 32, "too many elements")
    self.x = x
    self.probability = probability
    self.seed = seed
    self.layer = layer
    self.step = step
    self.firstBlock = firstBlock
  }

  public var name: String { "dropout" }
  public var cost: Cost {
    Cost(flops: Double(x.count), bytes: 2 * Double(x.count * x.type.byteCount))
  }

  /// Words below it drop their element.
  private var threshold: Int { min(Int((probability * 0x1p32).rounded()), 1 << 32 - 1) }
  private var factor: Double { 1 / (1 - probability) }
  private var position: Int { step << 32 + firstBlock }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .readWrite, body)
  }

  public func define() {
    let factor = Bounded(x.type.round(factor))
    let x = x.flat
    for block in 0..<((x.count + 3) / 4) {
      let words = Philox.words(
        seed: seed, purpose: .dropout, tensor: layer, block: UInt64(position + block))
      for i in 4 * block..<min(4 * block + 4, x.count) {
        x[0, i] = Int(words[i % 4]) < threshold ? Bounded(0) : factor * x.exact(0, i)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = DropoutParameters(
      seed: UInt(seed), purpose: RandomFill.Purpose.dropout.rawValue, tensor: layer,
      firstBlock: position, count: x.count, threshold: threshold, factor: x.type.encode(factor))
    return [
      Launch(
        "dropout", source: "dropout", type: x.type, .items((x.count + 3) / 4), [x], parameters,
        work: x.count)
    ]
  }
}
