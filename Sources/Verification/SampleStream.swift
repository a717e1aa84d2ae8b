import Compute

/// Random numbers of cases: a Philox stream of the purpose "test".
struct SampleStream {
  private let tensor: Int
  private let isDouble: Bool
  private var block: UInt64 = 0
  private var words: ArraySlice<UInt32> = []

  private static let seed: UInt64 = 0x6d61_636c_6175_7269

  /// - Parameter isDouble: draws numbers of 53 bits rather than of 24.
  init(tensor: Int, isDouble: Bool) {
    self.tensor = tensor
    self.isDouble = isDouble
  }

  private mutating func word() -> UInt32 {
    if words.isEmpty {
      words = Philox.words(seed: Self.seed, purpose: .test, tensor: tensor, block: block)[...]
      block += 1
    }
    return words.removeFirst()
  }

  /// In (−1, 1), exact in the scalar type.
  mutating func symmetric() -> Double {
    if !isDouble { return (Double(Int32(bitPattern: word()) >> 8) + 0.5) * 0x1p-23 }
    let bits = Int64(Int32(bitPattern: word())) << 32 | Int64(word())
    return Double(bits >> 11) * 0x1p-52
  }

  /// 0 ..< limit.
  mutating func integer(below limit: Int) -> Int {
    Int(UInt64(word()) * UInt64(limit) >> 32)
  }

  /// One of the numbers that arithmetic treats specially, or an ordinary one.
  mutating func special() -> Double {
    let tiny = isDouble ? 0x1p-1074 : 0x1p-149
    let normal = isDouble ? 0x1p-1022 : 0x1p-126
    let largest = isDouble ? Double.greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
    let values = [
      0, -0.0, tiny, -tiny, 1000 * tiny, normal, -normal / 2, largest, -largest, .infinity,
      -.infinity, .nan, 1, -1,
    ]
    let choice = integer(below: 3 * values.count)
    return choice < values.count ? values[choice] : 4 * symmetric()
  }
}
