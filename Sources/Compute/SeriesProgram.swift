import Kernels

/// Which compilation of a kernel function that keeps whole power series fits these degrees.
///
/// Up to degree 8 a device's program knows the degrees, so that series stay in registers; above, in
/// float64, there is one program with arrays for degree 64, and one host function, for all degrees.
/// Both compute the same bits.
struct SeriesProgram {
  let defines: [(name: String, value: Int)]
  /// Behind the name of the host function.
  let suffix: String

  init(degrees: [(name: String, value: Int)], _ type: ScalarType) {
    let largest = degrees.map(\.value).max() ?? 0
    precondition(largest <= type.maximumOrder, "orders above 8 need float64")
    let isLong = largest > Int(MACLAURIN_ORDER)
    defines = isLong ? [("MAXIMUM_ORDER", Int(MACLAURIN_LONG_ORDER))] : degrees
    suffix = isLong ? "_long" : ""
  }
}
