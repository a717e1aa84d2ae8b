import Glibc
import Testing

@testable import Reports

@Suite("Heat maps")
struct HeatMapTests {
  /// The pictures of a heat map: its cells, and its scale from the greatest value down.
  private func pictures(_ map: HeatMap) throws -> (cells: DecodedPicture, scale: DecodedPicture) {
    let document = try XMLChecker(Figure("a", map).file)
    let images = document.elements.indices.filter { document.elements[$0] == "image" }.map {
      document.attributes[$0]["href"] ?? ""
    }
    #expect(images.count == 2)
    return (try DecodedPicture(images[0]), try DecodedPicture(images[1]))
  }

  /// Lightness L and colour a, b of OKLab, from sRGB's definition and Ottosson's matrices.
  private func oklab(_ pixel: [UInt8]) -> [Double] {
    let linear = pixel.prefix(3).map { byte -> Double in
      let x = Double(byte) / 255
      return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4)
    }
    func times(_ m: [[Double]], _ v: [Double]) -> [Double] {
      m.map { $0[0] * v[0] + $0[1] * v[1] + $0[2] * v[2] }
    }
    let cones = times(
      [
        [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
      ], linear)
    return times(
      [
        [0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
      ], cones.map { cbrt($0) })
  }

  @Test("a greater value is lighter, cell by cell")
  func lightnessFollowsValues() throws {
    let values = [3, -1, 4, 1, -5, 9, 2, 6, 5.5, 3.5, 8, 9.7]
    let (cells, _) = try pictures(HeatMap(title: "m", values, rows: 3, columns: 4))
    #expect(cells.columns == 4 && cells.rows == 3)
    let lightness = cells.pixels.map { oklab($0)[0] }
    for a in values.indices {
      for b in values.indices where values[a] < values[b] {
        #expect(lightness[a] < lightness[b], "\(values[a]) and \(values[b])")
      }
    }
    #expect(cells.pixels.allSatisfy { $0[3] == 255 })
  }

  /// A byte is off by half a step of 1/255, in OKLab by less than 0.005 in all.
  @Test("equal steps of a value look equally far apart")
  func colorsAreUniform() throws {
    let (_, scale) = try pictures(HeatMap(title: "m", [0, 1], rows: 1, columns: 2))
    let colors = scale.pixels.map { oklab($0) }
    let steps = stride(from: 0, to: colors.count - 16, by: 16).map { i -> Double in
      let squares = zip(colors[i], colors[i + 16]).map { ($0 - $1) * ($0 - $1) }
      return squares.reduce(0, +).squareRoot()
    }
    let mean = steps.reduce(0, +) / Double(steps.count)
    #expect(mean > 0.03)
    for step in steps { #expect(abs(step - mean) < 0.005, "\(step), mean \(mean)") }
    // From light to dark without turning back.
    #expect(zip(colors, colors.dropFirst()).allSatisfy { $0[0] > $1[0] - 0.001 })
    #expect(colors[0][0] > 0.9 && colors[colors.count - 1][0] < 0.3)
  }

  @Test(
    "a block's cell is the mean of its entries", arguments: [(512, 512), (300, 1000), (257, 9)])
  func reduction(rows: Int, columns: Int) throws {
    // Integers, so that sums are exact.
    func entry(_ i: Int, _ j: Int) -> Double { Double((i * 31 + j * 17) % 1024) }
    var asked: [Int] = []
    let map = HeatMap(title: "m", rows: rows, columns: columns) { i in
      asked.append(i)
      return (0..<columns).map { entry(i, $0) }
    }
    #expect(asked == Array(0..<rows))
    #expect(map.cellRows == min(256, rows) && map.cellColumns == min(256, columns))
    #expect(map.cells.count == map.cellRows * map.cellColumns)
    for (p, q) in [(0, 0), (1, 3), (255, map.cellColumns - 1), (100, 7)] {
      let own = (0..<rows).filter { belongs($0, p, rows) }
      let across = (0..<columns).filter { belongs($0, q, columns) }
      let sum = own.reduce(0.0) { sum, i in
        sum + across.reduce(0.0) { $0 + entry(i, $1) }
      }
      let count = own.count * across.count
      #expect(count > 0)
      #expect(map.cells[p * map.cellColumns + q] == sum / Double(count), "cell \(p), \(q)")
    }
    #expect(map.note?.contains("\(rows)×\(columns)") == true)
    #expect(Figure("a", map).file.utf8.count < 150_000)
  }

  /// Index i of n belongs to cell p where ⌊pn/r⌋ ≤ i < ⌊(p+1)n/r⌋.
  private func belongs(_ i: Int, _ p: Int, _ n: Int) -> Bool {
    let cells = min(256, n)
    return (p * n / cells..<(p + 1) * n / cells).contains(i)
  }

  @Test func everyEntryHasItsCellWhereThereAreFew() {
    let map = HeatMap(title: "m", [1, 2, 3, 4, 5, 6], rows: 2, columns: 3)
    #expect(map.cells == [1, 2, 3, 4, 5, 6] && map.note == nil)
  }

  @Test func whatIsNoNumberHasNoColor() throws {
    let map = HeatMap(title: "a < b", [1, .nan, .infinity, 4], rows: 2, columns: 2)
    let (cells, _) = try pictures(map)
    #expect(cells.pixels.map { $0[3] } == [255, 0, 0, 255])
    #expect(map.note?.contains("finite") == true)
    // Constant matrices, and matrices without a number.
    for values in [[2.0, 2, 2, 2], [0, 0, 0, 0], [.nan, .nan, .nan, .nan]] {
      _ = try pictures(HeatMap(title: "m", values, rows: 2, columns: 2))
    }
  }

  /// The scale's labels stand where their colour is: between the ends in proportion.
  @Test(arguments: [(0.0, 1.0), (-3, 40), (1e-9, 2e-9)])
  func scale(least: Double, most: Double) throws {
    let map = HeatMap(title: "m", [least, most, most, least], rows: 2, columns: 2)
    let svg = Figure("a", map).svg
    let frames = svg.split(separator: "\n").filter { $0.hasPrefix("<rect") }
    func number(_ line: Substring, _ name: String) throws -> Double {
      let rest = try #require(line.firstRange(of: " \(name)=\"")).upperBound
      return try #require(Double(line[rest...].prefix { $0 != "\"" }))
    }
    let frame = try #require(frames.last)
    let (top, height) = (try number(frame, "y"), try number(frame, "height"))
    let labels = svg.split(separator: "\n").filter { $0.contains("text-anchor=\"start\"") }
    #expect(labels.count >= 3)
    for label in labels {
      let text = label.split(separator: ">")[1].prefix { $0 != "<" }
      guard let value = DrawnChart.number(text) else {
        Issue.record("\(text) is no number")
        continue
      }
      let share = (top + height - (try number(label, "y") - 4)) / height
      #expect(abs(least + share * (most - least) - value) < 0.006 * (most - least), "\(text)")
    }
  }
}
