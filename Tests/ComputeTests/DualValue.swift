import Compute

/// T and T′ of a function at covariance c and variances a and b.
struct DualValue: Sendable {
  var function: DualFunction
  var c: Double
  var a: Double
  var b: Double
  var value: Double
  var slope: Double

  init(
    _ function: DualFunction, _ c: Double, _ a: Double, _ b: Double, _ value: Double,
    _ slope: Double
  ) {
    self.function = function
    self.c = c
    self.a = a
    self.b = b
    self.value = value
    self.slope = slope
  }
}

/// T and T′ of triples, computed as the kernel of as many pairs of vectors.
func dual(
  _ function: DualFunction, _ type: ScalarType, _ points: [(c: Double, a: Double, b: Double)],
  on backend: any Backend
) throws -> (values: [Double], slopes: [Double]) {
  let count = points.count
  let nngp = try backend.matrix(count, 1, type, points.map(\.c))
  let ntk = try backend.matrix(count, 1, type, points.map { _ in 1 })
  try backend.run(
    .dualActivation(
      DualActivation(
        function, nngp: nngp, ntk: ntk, layout: .paired(count),
        rowVariances: backend.matrix(1, count, type, points.map(\.a)),
        columnVariances: backend.matrix(1, count, type, points.map(\.b)))))
  return (try backend.download(nngp), try backend.download(ntk))
}
