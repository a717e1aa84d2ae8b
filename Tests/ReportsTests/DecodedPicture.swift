import CZlib
import FoundationEssentials
import Testing

/// A picture embedded in SVG, taken apart by the PNG standard: what a reader's browser makes of it.
struct DecodedPicture {
  let columns: Int
  let rows: Int
  /// Red, green, blue, alpha.
  let pixels: [[UInt8]]

  /// - Parameter address: data:image/png;base64,…
  init(_ address: String) throws {
    let prefix = "data:image/png;base64,"
    try #require(address.hasPrefix(prefix))
    let file = [UInt8](
      try #require(Data(base64Encoded: String(address.dropFirst(prefix.count)))))
    #expect(Array(file.prefix(8)) == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    var chunks: [(name: String, content: [UInt8])] = []
    var place = 8
    while place < file.count {
      let size = Self.number(file[place...])
      let name = String(decoding: file[(place + 4)..<(place + 8)], as: UTF8.self)
      let body = file[(place + 4)..<(place + 8 + size)]
      #expect(Self.checkSum(body) == Self.number(file[(place + 8 + size)...]), "\(name)")
      chunks.append((name, Array(body.dropFirst(4))))
      place += 12 + size
    }
    #expect(chunks.first?.name == "IHDR" && chunks.last?.name == "IEND")
    func chunk(_ name: String) -> [UInt8]? { chunks.first { $0.name == name }?.content }
    let header = try #require(chunk("IHDR"))
    let (columns, rows) = (Self.number(header[0...]), Self.number(header[4...]))
    #expect(Array(header[8...]) == [8, 3, 0, 0, 0])
    let palette = try #require(chunk("PLTE"))
    let opacity = chunk("tRNS") ?? []
    var lines = [UInt8](repeating: 0, count: (columns + 1) * rows)
    var count = uLong(lines.count)
    let compressed = try #require(chunk("IDAT"))
    #expect(uncompress(&lines, &count, compressed, uLong(compressed.count)) == Z_OK)
    #expect(Int(count) == lines.count)
    pixels = (0..<rows).flatMap { row -> [[UInt8]] in
      #expect(lines[row * (columns + 1)] == 0, "no filter")
      return (0..<columns).map { column in
        let index = Int(lines[row * (columns + 1) + 1 + column])
        let color = Array(palette[(3 * index)..<(3 * index + 3)])
        return color + [index < opacity.count ? opacity[index] : 255]
      }
    }
    (self.columns, self.rows) = (columns, rows)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }

  /// CRC-32 bit by bit.
  private static func checkSum(_ bytes: ArraySlice<UInt8>) -> Int {
    var sum: UInt32 = 0xffff_ffff
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
    }
    return Int(~sum)
  }
}
