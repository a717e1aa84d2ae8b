/// Splits rows into two parts by their index alone, so that the same file always splits alike.
///
/// With share s, row i is taken out when ⌈(i+1)·s⌉ > ⌈i·s⌉: evenly spread over the file, the first
/// row among them, ⌈n·s⌉ of n rows. s = 1/5 takes out the multiples of 5. The share is rounded to
/// millionths first and the rule computed in integers.
public enum RowSplit {
  /// The indices kept and taken out, both ascending.
  ///
  /// - Parameter share: at least 0 and below 1.
  /// - Throws: `FileError` when the share is out of range; `name` is what the message calls it.
  public static func rows(
    _ count: Int, share: Double, name: String
  ) throws -> (kept: [Int], taken: [Int]) {
    guard share >= 0, share < 1 else {
      throw FileError(
        path: name, problem: "\(share) is not a share", advice: "give at least 0 and less than 1")
    }
    let whole = 1_000_000
    let part = Int((share * Double(whole)).rounded())
    var kept: [Int] = []
    var taken: [Int] = []
    // i·part mod whole, carried along so that it cannot overflow.
    var remainder = 0
    for row in 0..<count {
      if part > 0 && (remainder == 0 || remainder + part > whole) {
        taken.append(row)
      } else {
        kept.append(row)
      }
      remainder = (remainder + part) % whole
    }
    return (kept, taken)
  }
}
