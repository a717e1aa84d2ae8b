/// Draws which outputs of an operation are looked at: a Philox stream of the purpose "checks".
///
/// Draws are independent and uniform, with replacement, and depend on the seed and on the
/// operation's number only.
public struct Sampler {
  /// Rows and columns of a contraction that are drawn: every pair of them is an output.
  public var rows = 4
  public var columns = 4
  /// Outputs of an elementwise operation that are drawn.
  public var elements = 16
  private let seed: UInt64
  /// The operation's number: its low 32 bits choose the stream, the high ones where it begins.
  private let stream: Int
  private var block: UInt64
  private var words: [UInt32] = []

  public init(seed: UInt64, operation: Int) {
    self.seed = seed
    stream = operation & 0xFFFF_FFFF
    block = UInt64(operation >> 32) << 32
  }

  private mutating func word() -> UInt32 {
    if words.isEmpty {
      words = Philox.words(seed: seed, purpose: .checks, tensor: stream, block: block)
      block += 1
    }
    return words.removeLast()
  }

  /// 0 ..< limit, uniform to 2⁻⁶⁴·limit.
  public mutating func integer(below limit: Int) -> Int {
    precondition(limit > 0, "nothing to draw from")
    let random = UInt64(word()) << 32 | UInt64(word())
    return Int(random.multipliedFullWidth(by: UInt64(limit)).high)
  }

  public mutating func integers(_ count: Int, below limit: Int) -> [Int] {
    (0..<count).map { _ in integer(below: limit) }
  }
}
