import CZlib
import FoundationEssentials

/// A picture of at most 256 colours as a PNG file (ISO/IEC 15948).
struct PaletteImage {
  var columns: Int
  var rows: Int
  /// Row by row, an index into `palette` each.
  var pixels: [UInt8]
  /// Red, green and blue; the last colour is transparent if `hasTransparentColor`.
  var palette: [(red: UInt8, green: UInt8, blue: UInt8)]
  var hasTransparentColor = false

  /// The file as an address that needs no file: data:image/png;base64,…
  var address: String { "data:image/png;base64," + Data(png).base64EncodedString() }

  var png: [UInt8] {
    precondition(pixels.count == rows * columns && palette.count <= 256)
    var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    // 8 bits for each pixel, palette, deflate, adaptive filters, not interlaced.
    file += Self.chunk(
      "IHDR", Self.bytes(UInt32(columns)) + Self.bytes(UInt32(rows)) + [8, 3, 0, 0, 0])
    file += Self.chunk("PLTE", palette.flatMap { [$0.red, $0.green, $0.blue] })
    if hasTransparentColor {
      file += Self.chunk("tRNS", [UInt8](repeating: 255, count: palette.count - 1) + [0])
    }
    // A filter in front of every row: none.
    var lines: [UInt8] = []
    lines.reserveCapacity((columns + 1) * rows)
    for row in 0..<rows {
      lines.append(0)
      lines += pixels[(row * columns)..<((row + 1) * columns)]
    }
    file += Self.chunk("IDAT", Self.compressed(lines))
    return file + Self.chunk("IEND", [])
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  /// Length, name, content, and the check sum of the last two.
  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + content
    let sum = crc32(0, body, uInt(body.count))
    return bytes(UInt32(content.count)) + body + bytes(UInt32(truncatingIfNeeded: sum))
  }

  private static func compressed(_ content: [UInt8]) -> [UInt8] {
    var size = compressBound(uLong(content.count))
    var result = [UInt8](repeating: 0, count: Int(size))
    let status = compress2(&result, &size, content, uLong(content.count), 9)
    precondition(status == Z_OK, "zlib has room for what compressBound promises")
    return Array(result.prefix(Int(size)))
  }
}
