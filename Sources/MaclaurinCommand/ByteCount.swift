/// A number of bytes on the command line: 1000000, 64MiB, 1.5GiB, 2GB.
enum ByteCount {
  private static let units: [(name: String, bytes: Double)] = [
    ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40),
    ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
  ]

  /// Nil for what is no positive number of bytes, or more than a PiB.
  static func parse(_ text: String) -> Int? {
    let unit = units.first { text.hasSuffix($0.name) }
    let digits = text.dropLast(unit?.name.count ?? 0)
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }),
      let number = Double(digits)
    else { return nil }
    let bytes = (number * (unit?.bytes ?? 1)).rounded()
    return (1...0x1p50).contains(bytes) ? Int(bytes) : nil
  }
}
