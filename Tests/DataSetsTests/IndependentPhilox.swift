import Glibc

/// Philox4x32-10 written from its publication (Salmon, Moraes, Dror, Shaw, SC'11, section 5.3), as
/// an oracle: with a bumped key per round, high and low words of two products swapped around.
enum IndependentPhilox {
  static func words(_ counter: (UInt32, UInt32, UInt32, UInt32), seed: UInt64) -> [UInt32] {
    var (l0, r0, l1, r1) = counter
    var key = (UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32))
    for round in 0..<10 {
      if round > 0 { key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85) }
      let a = UInt64(l0) * 0xD251_1F53
      let b = UInt64(l1) * 0xCD9E_8D57
      (l0, r0, l1, r1) = (
        UInt32(b >> 32) ^ r0 ^ key.0, UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ r1 ^ key.1, UInt32(truncatingIfNeeded: a)
      )
    }
    return [l0, r0, l1, r1]
  }

  /// Normal numbers by Box and Muller from the 23 high bits of words, in Double.
  static func normals(_ count: Int, seed: UInt64, purpose: UInt32, tensor: UInt32) -> [Double] {
    var result: [Double] = []
    for block in 0..<UInt32((count + 3) / 4) {
      let words = words((block, 0, tensor, purpose), seed: seed)
      let u = words.map { (Double($0 >> 9) + 0.5) / 8_388_608 }
      for pair in [0, 2] {
        let radius = sqrt(-2 * log(u[pair]))
        result += [radius * cos(2 * .pi * u[pair + 1]), radius * sin(2 * .pi * u[pair + 1])]
      }
    }
    return Array(result.prefix(count))
  }
}
