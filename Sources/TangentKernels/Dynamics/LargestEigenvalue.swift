import DataSets

/// The largest eigenvalue of a symmetric operator x ↦ Ax on n numbers, by Lanczos's method with full
/// reorthogonalization from a fixed start. Within its residual, at most 10⁻¹⁰ of it unless the limit
/// of 300 products comes first, there is an eigenvalue of A.
///
/// Source: Parlett, The Symmetric Eigenvalue Problem, chapter 13.
func largestEigenvalue(_ n: Int, _ apply: ([Double]) throws -> [Double]) rethrows -> Double {
  func dot(_ a: [Double], _ b: [Double]) -> Double {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        var sum = 0.0
        for i in 0..<n { sum += a[i] * b[i] }
        return sum
      }
    }
  }
  func add(_ factor: Double, _ a: [Double], to b: inout [Double]) {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeMutableBufferPointer { b in for i in 0..<n { b[i] += factor * a[i] } }
    }
  }
  var state: UInt64 = 1
  var next = (0..<n).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Int64(bitPattern: state) >> 11) * 0x1p-52
  }
  var length = dot(next, next).squareRoot()
  var (basis, diagonal, beside) = ([[Double]](), [Double](), [Double]())
  var largest = 0.0
  for step in 1...min(n, 300) {
    let unit = next.map { $0 / length }
    basis.append(unit)
    next = try apply(unit)
    diagonal.append(dot(unit, next))
    // Twice is enough (Parlett, 6.9).
    for _ in 0..<2 { for old in basis { add(-dot(old, next), old, to: &next) } }
    length = dot(next, next).squareRoot()
    if let pairs = SymmetricEigenvalues(
      diagonal: diagonal, beside: beside, components: [step - 1])
    {
      largest = pairs.values[0]
      if length * abs(pairs.vectors[0]) <= 1e-10 * abs(largest) { break }
    }
    beside.append(length)
  }
  return largest
}
