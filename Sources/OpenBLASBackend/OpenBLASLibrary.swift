import COpenBLAS

/// OpenBLAS, loaded when first asked for: CBLAS for `--numerics fast`, LAPACK's factorizations.
/// Its products have no fixed order of summation.
struct OpenBLASLibrary {
  /// Why the library is not there, as a sentence's part: "OpenBLAS could not be loaded (…)".
  struct Unavailable: Error, CustomStringConvertible {
    let description: String
  }

  let functions: OpenBLASFunctions

  /// Loads the library, or finds it loaded.
  init() throws(Unavailable) {
    var message: UnsafePointer<CChar>?
    guard let functions = openblas_functions(&message) else {
      throw Unavailable(description: message.map { String(cString: $0) } ?? "no OpenBLAS")
    }
    self.functions = functions.pointee
  }

  /// The library's version, build options and processor kernel.
  var configuration: String { functions.configuration().map { String(cString: $0) } ?? "" }

  /// The number of threads that its functions use from now on, in the whole process.
  func setThreads(_ threads: Int) { functions.setThreads(Int32(threads)) }

  /// C ← α·op(A)·op(B) + β·C, row-major, as fast as the library can.
  func multiply(
    _ p: Product, alpha: Float, a: UnsafePointer<Float>, b: UnsafePointer<Float>, beta: Float,
    c: UnsafeMutablePointer<Float>
  ) {
    functions.sgemm(
      CblasRowMajor, p.a.transpose, p.b.transpose, p.m, p.n, p.k, alpha, a, p.a.stride, b,
      p.b.stride, beta, c, p.cStride)
  }

  /// The same in float64.
  func multiply(
    _ p: Product, alpha: Double, a: UnsafePointer<Double>, b: UnsafePointer<Double>, beta: Double,
    c: UnsafeMutablePointer<Double>
  ) {
    functions.dgemm(
      CblasRowMajor, p.a.transpose, p.b.transpose, p.m, p.n, p.k, alpha, a, p.a.stride, b,
      p.b.stride, beta, c, p.cStride)
  }
}

extension OpenBLASLibrary {
  /// The shape of a product in CBLAS's terms.
  struct Product {
    struct Operand {
      let transpose: CBLAS_TRANSPOSE
      let stride: blasint
    }

    let m, n, k: blasint
    let a, b: Operand
    let cStride: blasint

    /// C (m×n, rows `cRow` apart) ← A (m×k) · B (k×n). Nil if CBLAS cannot express it: an operand
    /// with neither contiguous rows nor contiguous columns, or an extent beyond its integers.
    init?(
      m: Int, n: Int, k: Int, aRow: Int, aColumn: Int, bRow: Int, bColumn: Int, cRow: Int
    ) {
      guard let a = Self.operand(rows: m, columns: k, row: aRow, column: aColumn),
        let b = Self.operand(rows: k, columns: n, row: bRow, column: bColumn),
        let m = blasint(exactly: m), let n = blasint(exactly: n), let k = blasint(exactly: k),
        let cStride = blasint(exactly: max(cRow, Int(n), 1))
      else { return nil }
      (self.m, self.n, self.k, self.a, self.b, self.cStride) = (m, n, k, a, b, cStride)
    }

    /// A stride that no step takes (one row or column) may have any value, but CBLAS wants one that
    /// is at least a row's length.
    private static func operand(rows: Int, columns: Int, row: Int, column: Int) -> Operand? {
      if column == 1 || columns <= 1, rows <= 1 || row >= columns {
        guard let stride = blasint(exactly: max(row, columns, 1)) else { return nil }
        return Operand(transpose: CblasNoTrans, stride: stride)
      }
      if row == 1 || rows <= 1, columns <= 1 || column >= rows {
        guard let stride = blasint(exactly: max(column, rows, 1)) else { return nil }
        return Operand(transpose: CblasTrans, stride: stride)
      }
      return nil
    }
  }
}
