import Compute

/// What is projected to check a contraction: the outputs, and the products that they are sums of.
struct ProjectionPlan {
  /// Outputs that are projected together; its rows are rows `first`… of the residual.
  struct Region {
    var matrix: Matrix
    var first: Int
    var batch = 1
    var stride = 0
    /// Rows of the residual from one product of the batch to the next.
    var rowStride = 0
  }

  /// A product and the row of the residual with which it begins.
  struct Product {
    var contraction: Contraction
    var first: Int
    var rowStride: Int
  }

  var regions: [Region]
  var products: [Product]
  /// Rows that begin at zero before products are added.
  var cleared: [Range<Int>] = []
  /// Length of the residual.
  let rows: Int
  let columns: Int
  /// τ_i / S_i
  let coefficient: Double

  /// Nil for what is no contraction or has no outputs.
  init?(_ operation: Operation, numerics: Numerics) {
    switch operation {
    case .contraction(let contraction):
      guard contraction.m > 0, contraction.n > 0, contraction.batch > 0 else { return nil }
      let m = contraction.m
      regions = [
        Region(
          matrix: contraction.c, first: 0, batch: contraction.batch, stride: contraction.strideC,
          rowStride: m)
      ]
      products = [Product(contraction: contraction, first: 0, rowStride: m)]
      rows = m * contraction.batch
      columns = contraction.n
    case .jetContraction(let product) where !product.plan.isInterpolated:
      let output = product.output
      guard output.block > 0, output.columns > 0 else { return nil }
      let width = output.columns
      func row(_ matrix: Matrix) -> Int { (matrix.offset - output.matrix.offset) / width }
      let degree =
        product.sense == .forward ? output.degree : min(output.degree, product.input.degree)
      if output.directions == 1 {
        let computed = output[(output.hasZero && !product.isZeroGiven ? 0 : 1)...degree]
        regions = [Region(matrix: computed, first: row(computed))]
      } else {
        regions =
          output.hasZero && !product.isZeroGiven ? [Region(matrix: output[0], first: 0)] : []
        if degree >= 1 {
          let higher = output[1...degree]
          regions.append(
            Region(
              matrix: higher, first: row(higher), batch: output.directions,
              stride: output.directionStride, rowStride: output.directionStride / width))
        }
      }
      products = product.contractions.map {
        Product(contraction: $0, first: row($0.c), rowStride: $0.strideC / width)
      }
      cleared = product.fills.map { row($0.output)..<(row($0.output) + $0.output.rows) }
      rows = output.matrix.rows
      columns = width
    default: return nil
    }
    coefficient = FreivaldsBound.coefficient(
      depths: products.map(\.contraction.k), columns: columns,
      type: products[0].contraction.c.type, numerics: numerics)
  }

  /// The rows of the residual that hold outputs.
  var outputRows: [Int] {
    regions.flatMap { region in
      (0..<region.batch).flatMap { index in
        (0..<region.matrix.rows).map { region.first + index * region.rowStride + $0 }
      }
    }
  }

  /// Elements of the longest vector in a projection, and of the longest that signs multiply.
  var longest: Int {
    products.reduce(columns) { max($0, $1.contraction.k) }
  }
}

/// Random signs in device memory, of which every projection takes another part; and ones.
struct ProjectionSigns {
  private let signs: Matrix
  private let one: Matrix

  private static let spare = 1 << 16

  init(longest: Int, seed: UInt64, on backend: any Backend) throws {
    let count = longest + Self.spare
    // Drawn on the host: the device is what is being checked.
    var values: [Double] = []
    values.reserveCapacity(count + 128)
    for block in 0..<UInt64((count + 127) / 128) {
      for word in Philox.words(seed: seed, purpose: .checkSigns, tensor: 0, block: block) {
        for bit in 0..<32 { values.append(word >> UInt32(bit) & 1 == 0 ? 1 : -1) }
      }
    }
    signs = try backend.matrix(1, count, .float64, values.prefix(count))
    one = try backend.matrix(1, longest, .float64, repeatElement(1, count: longest))
  }

  func reaches(_ longest: Int) -> Bool { one.columns >= longest }

  /// `count` signs for operation number `number`.
  func vector(_ count: Int, seed: UInt64, number: Int) -> Matrix {
    var sampler = Sampler(seed: seed, operation: number)
    let first = sampler.integer(below: Self.spare)
    return Matrix(signs.buffer, offset: first, rows: 1, columns: count)
  }

  func ones(_ count: Int) -> Matrix { Matrix(one.buffer, rows: 1, columns: count) }
}
