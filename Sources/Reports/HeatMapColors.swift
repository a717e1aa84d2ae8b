import Glibc

/// Colours for values, from dark to light: a straight helix in OKLab (B. Ottosson, "A perceptual color
/// space for image processing", 2020), lightness and hue linear in the value, chroma constant.
///
/// So equal steps of a value are equal distances between colours everywhere, and equal steps of
/// lightness, which a print in gray keeps.
enum HeatMapColors {
  /// Values are rounded to this many colours.
  static let count = 255

  private static let lightness = (first: 0.22, last: 0.95)
  /// From indigo by red and orange to yellow, in degrees.
  private static let hue = (first: -70.0, last: 105.0)
  private static let chroma = 0.12

  /// All colours, then one that is transparent, for what is no number.
  static let palette: [(red: UInt8, green: UInt8, blue: UInt8)] =
    (0..<count).map { color(Double($0) / Double(count - 1)) } + [(128, 128, 128)]

  /// The palette's index for a share of the range, 0…1; that of the transparent colour for NaN.
  static func index(_ share: Double) -> UInt8 {
    guard share.isFinite else { return UInt8(count) }
    return UInt8((min(1, max(0, share)) * Double(count - 1)).rounded())
  }

  private static func color(_ share: Double) -> (red: UInt8, green: UInt8, blue: UInt8) {
    func between(_ ends: (first: Double, last: Double)) -> Double {
      ends.first + share * (ends.last - ends.first)
    }
    let angle = between(hue) * .pi / 180
    let (light, a, b) = (between(lightness), chroma * cos(angle), chroma * sin(angle))
    func cube(_ x: Double) -> Double { x * x * x }
    let l = cube(light + 0.3963377774 * a + 0.2158037573 * b)
    let m = cube(light - 0.1055613458 * a - 0.0638541728 * b)
    let s = cube(light - 0.0894841775 * a - 1.2914855480 * b)
    return (
      encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
      encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
      encoded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)
    )
  }

  /// sRGB's byte for a linear intensity.
  private static func encoded(_ linear: Double) -> UInt8 {
    let x = min(1, max(0, linear))
    let value = x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055
    return UInt8((255 * value).rounded())
  }
}
