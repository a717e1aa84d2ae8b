import Compute
import DataSets
import FoundationEssentials

/// What a file of kernel values holds: everything that decides about the values, and how they lie.
public struct KernelRecord: Codable, Equatable, Sendable {
  /// Settings that decide about values, by the option that says each. Of a file's content there is a
  /// hash.
  public var settings: [String: String]
  /// [n1, n2] and the shape of an entry.
  public var shape: [Int]
  public var type: ScalarType
  public var isSymmetric: Bool
  /// Rows and columns of a tile.
  public var side: Int
  /// The share of the tiles that the file holds; nil for all.
  public var shard: KernelShard?

  public init(
    settings: [String: String], shape: [Int], type: ScalarType, isSymmetric: Bool, side: Int,
    shard: KernelShard? = nil
  ) {
    self.settings = settings
    self.shape = shape
    self.type = type
    self.isSymmetric = isSymmetric
    self.side = side
    self.shard = shard
  }

  public var entry: [Int] { Array(shape.dropFirst(2)) }
  public var grid: TileGrid {
    TileGrid(rows: shape[0], columns: shape[1], isSymmetric: isSymmetric, side: side)
  }
  /// Bytes of a pair of examples' values.
  public var entryBytes: Int { entry.reduce(type.byteCount, *) }
  /// The numbers of the tiles in the file.
  public var tiles: Range<Int> {
    let count = grid.count
    return shard?.tiles(of: count) ?? 0..<count
  }

  var elementType: ElementType { type == .float64 ? .float64 : .float32 }

  /// Shape of the array in the file: the kernel's, or the numbers of a share's tiles in a row.
  public var storedShape: [Int] {
    guard shard != nil else { return shape }
    let grid = grid
    return [tiles.reduce(0) { $0 + grid[$1].count } * entry.reduce(1, *)]
  }

  /// Bytes of that array.
  public var byteCount: Int { storedShape.reduce(type.byteCount, *) }

  /// As one line of JSON.
  var line: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: (try? encoder.encode(self)) ?? Data(), as: UTF8.self)
  }

  /// - Parameter path: where the line was read, for messages.
  init(line: String, path: String) throws {
    guard let record = try? JSONDecoder().decode(KernelRecord.self, from: Data(line.utf8)),
      record.shape.count >= 2, record.shape.allSatisfy({ (1...1 << 40).contains($0) }),
      (1...1 << 40).contains(record.side), record.type != .int32,
      !record.isSymmetric || record.shape[0] == record.shape[1],
      record.shape.reduce(Double(record.type.byteCount), { $0 * Double($1) }) < 0x1p62
    else {
      throw FileError(
        path: path, problem: "does not say of what kernel it is",
        advice: "it is damaged or of another program: remove it, to begin anew")
    }
    self = record
  }

  // MARK: Comparison

  /// Options whose settings are hashes.
  private static let hashed = ["network", "inputs", "inputs2", "parameters", "center"]

  /// The first thing in which a file's record differs from what is asked for now, in words; nil if
  /// nothing does.
  func difference(from now: KernelRecord) -> String? {
    for name in Set(settings.keys).union(now.settings.keys).sorted() {
      let (before, after) = (settings[name], now.settings[name])
      guard before != after else { continue }
      if name == "program", let before, let after {
        return "version \(before) of this program, not with \(after)"
      }
      if Self.hashed.contains(name), before != nil, after != nil { return "another --\(name)" }
      func text(_ value: String?) -> String {
        value.map { Self.hashed.contains(name) ? "--\(name)" : "--\(name) \($0)" } ?? "no --\(name)"
      }
      return "\(text(before)), not with \(text(after))"
    }
    if shape != now.shape || isSymmetric != now.isSymmetric {
      return "the shape \(shape), not with \(now.shape)"
    }
    if type != now.type { return "--dtype \(type.rawValue), not with --dtype \(now.type.rawValue)" }
    if shard != now.shard {
      func text(_ shard: KernelShard?) -> String { shard.map { "--shard \($0)" } ?? "no --shard" }
      return "\(text(shard)), not with \(text(now.shard))"
    }
    return side == now.side ? nil : "--tile \(side), not with --tile \(now.side)"
  }

  /// - Throws: `FileError` that names what differs.
  func requireSame(_ now: KernelRecord, path: String) throws {
    guard let difference = difference(from: now) else { return }
    throw FileError(
      path: path, problem: "was begun with \(difference)",
      advice: "go on with the same settings, or choose another --output")
  }
}
