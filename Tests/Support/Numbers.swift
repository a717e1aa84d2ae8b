import Compute

/// ‖a − b‖ / ‖b‖, and ‖a‖ where b is zero.
public func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  let difference = norm(zip(a, b).map { $0 - $1 })
  let size = norm(b)
  return size > 0 ? difference / size : difference
}

public func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// ⟨a, b⟩
public func inner(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Numbers in (−1, 1) with 23 bits, the same for equal seeds.
public func sample(_ count: Int, seed: UInt64) -> [Double] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Int64(bitPattern: state) >> 40) * 0x1p-23
  }
}

/// Bit patterns, every NaN the same: the sense of "same bits".
public func bits(_ values: [Double]) -> [UInt64] {
  values.map { $0.isNaN ? Double.nan.bitPattern : $0.bitPattern }
}
