import Glibc

/// Numbers for people.
package enum NumberText {
  /// `value` with `decimals` digits behind the point.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    let scale = pow(10, Double(decimals))
    guard abs(value) * scale < 1e15 else { return "\(value)" }
    let rounded = Int((abs(value) * scale).rounded())
    let sign = value < 0 && rounded > 0 ? "−" : ""
    let digits = String(rounded)
    guard decimals > 0 else { return sign + grouped(digits) }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + grouped(String(padded.dropLast(decimals))) + "." + padded.suffix(decimals)
  }

  /// `value` with `digits` significant digits; powers of ten outside 10⁻⁴…10⁶.
  package static func significant(_ value: Double, _ digits: Int = 4) -> String {
    guard value.isFinite, abs(value) >= 1e-300 else { return value == 0 ? "0" : "\(value)" }
    let exponent = Int(log10(abs(value)).rounded(.down))
    if (-4...6).contains(exponent) {
      if let integer = Int(exactly: value) { return fixed(Double(integer), 0) }
      return fixed(value, max(0, digits - 1 - exponent))
    }
    return fixed(value / pow(10, Double(exponent)), digits - 1) + "·" + powerOfTen(exponent)
  }

  /// 10ⁿ with a raised exponent.
  static func powerOfTen(_ exponent: Int) -> String {
    let raised: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    let digits = String(abs(exponent)).compactMap { $0.wholeNumberValue.map { raised[$0] } }
    return "10" + (exponent < 0 ? "⁻" : "") + String(digits)
  }

  /// Digits in groups of three from 10,000 on.
  private static func grouped(_ digits: String) -> String {
    guard digits.count > 4 else { return digits }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return result
  }
}
