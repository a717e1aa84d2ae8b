import Compute
import TangentKernels

/// K = J R² Jᵀ between all outputs of some examples, by products: vectors are float64 on the host and n·O
/// long, products have the model's precision.
final class KernelProducts {
  let model: LinearizedNetwork
  /// [n, features]
  let inputs: Matrix
  /// n·O
  let dimension: Int
  /// Products of a vector so far.
  private(set) var count = 0
  private let kernel: EmpiricalKernel
  /// Vectors of one pass, so that it stays within the model's memory for passes.
  let vectorsAtOnce: Int
  private var rowsByProducts: Bool?

  init(_ model: LinearizedNetwork, _ inputs: Matrix) throws {
    (self.model, self.inputs) = (model, inputs)
    dimension = inputs.rows * model.outputs
    kernel = try model.kernel(inputs)
    vectorsAtOnce = try model.vectorsAtOnce { null, count in
      let (copy, x) = try model.counting(on: null, examples: inputs.rows)
      let vectors = try null.matrix(count * x.rows, copy.outputs, copy.type)
      return { _ = try copy.kernel(x).products(vectors, count: count) }
    }
  }

  /// K v for every row v of [count, n·O].
  func apply(_ rows: [Double]) throws -> [Double] {
    let n = dimension
    let total = rows.count / n
    count += total
    var result: [Double] = []
    result.reserveCapacity(rows.count)
    for first in stride(from: 0, to: total, by: vectorsAtOnce) {
      let group = first..<min(total, first + vectorsAtOnce)
      // Vectors of length about 1, so that float32 has room for small residuals; exact.
      var scaled = Array(rows[(group.lowerBound * n)..<(group.upperBound * n)])
      let scales = group.indices.map { place in
        Self.scale(&scaled, (place - group.lowerBound) * n, n)
      }
      let vectors = try model.backend.matrix(
        group.count * inputs.rows, model.outputs, model.type, scaled)
      let products = try model.backend.download(kernel.products(vectors, count: group.count))
      for (place, scale) in scales.enumerated() {
        for index in (place * n)..<((place + 1) * n) { result.append(products[index] * scale) }
      }
    }
    return result
  }

  /// Divides n numbers by the power of two below the largest, and returns it.
  private static func scale(_ values: inout [Double], _ first: Int, _ n: Int) -> Double {
    var largest = 0.0
    for index in first..<(first + n) { largest = max(largest, abs(values[index])) }
    guard largest >= 0x1p-900, largest.isFinite else { return 1 }
    let scale = Double(sign: .plus, exponent: Int(largest.exponent), significand: 1)
    let inverse = 1 / scale
    for index in first..<(first + n) { values[index] *= inverse }
    return scale
  }

  /// J(x*) R² Jᵀ, [m·O, n·O], from blocks of the kernel or by products, whichever costs less.
  func rows(_ x: Matrix) throws -> [Double] {
    if try prefersProducts() { return try model.kernelRowsByProducts(x, inputs) }
    return try model.kernelMatrix(x, inputs)
  }

  private func prefersProducts() throws -> Bool {
    if let known = rowsByProducts { return known }
    let sample = (rows: min(8, inputs.rows), columns: min(256, inputs.rows))
    func flops(_ body: (LinearizedNetwork, Matrix, Matrix) throws -> Void) throws -> Double {
      let null = NullBackend()
      let (copy, x) = try model.counting(on: null, examples: sample.columns)
      try body(copy, x.rows(0..<sample.rows), x)
      return null.cost.flops
    }
    let products = try flops { _ = try $0.kernelRowsByProducts($1, $2) }
    let blocks = try flops { _ = try $0.kernelMatrix($1, $2) }
    rowsByProducts = products < blocks
    return products < blocks
  }
}

extension LinearizedNetwork {
  /// The same model on a back end that only counts, and so many examples.
  func counting(on null: NullBackend, examples: Int) throws -> (LinearizedNetwork, Matrix) {
    let copy = LinearizedNetwork(
      network, at: try null.matrix(1, parameterCount, type), scales: scales, priorMean: priorMean,
      passBytes: .max, on: null)
    return (copy, try null.matrix(examples, network.inputCount, type))
  }

  /// How many vectors a product may have at once within the memory for passes.
  ///
  /// - Parameter prepare: allocates what is there before, and returns the product with so many
  ///   vectors.
  func vectorsAtOnce(_ prepare: (NullBackend, Int) throws -> () throws -> Void) throws -> Int {
    func bytes(_ count: Int) throws -> Int {
      let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
      let body = try prepare(null, count)
      let before = null.statistics.liveBytes
      try body()
      return null.statistics.peakBytes - before
    }
    let (one, two) = (try bytes(1), try bytes(2))
    let room = min(passBytes, Self.productBytes) - one
    return max(1, min(Self.mostVectors, 1 + room / max(1, two - one)))
  }

  /// What the passes of iterative solvers may take: more vectors at once save little.
  private static let productBytes = 1 << 29
  private static let mostVectors = 32

  /// J(x1) R² J(x2)ᵀ, [n1·O, n2·O], from the gradients of every output at x1. Waits.
  func kernelRowsByProducts(_ x1: Matrix, _ x2: Matrix) throws -> [Double] {
    var result: [Double] = []
    let most = max(1, Self.productBytes / (4 * outputs * parameterCount * type.byteCount))
    for first in stride(from: 0, to: x1.rows, by: most) {
      let gradients = try gradientRows(x1.rows(first..<min(x1.rows, first + most)))
      result += try backend.download(push(gradients, x2))
    }
    return result
  }

  /// R Jᵀ of every output of every example, [n·O, P], example after example.
  func gradientRows(_ x: Matrix) throws -> Matrix {
    let o = outputs
    let result = try backend.matrix(x.rows * o, parameterCount, type)
    var unit = [Double](repeating: 0, count: o * o)
    for i in 0..<o { unit[i * o + i] = 1 }
    for i in 0..<x.rows {
      let units = try backend.matrix(o, o, type, unit)
      try copy(
        pull(units, count: o, x.rows(i..<(i + 1))), to: result.rows((i * o)..<((i + 1) * o)))
    }
    return result
  }
}
