import Compute
import DataSets

extension KernelFile {
  /// The record that the merged shares have.
  ///
  /// - Throws: `FileError` when a share is missing, unfinished, given twice or of another kernel.
  public static func mergedRecord(_ shards: [String]) throws -> KernelRecord {
    var (first, found) = (KernelRecord?.none, [Int: String]())
    for path in shards {
      let record = try shardRecord(path)
      guard let shard = record.shard else { continue }
      if var expected = first {
        expected.shard = record.shard
        if let count = first?.shard?.count, count != shard.count {
          throw FileError(
            path: path,
            problem: "is a share of \(shard.count), but \(shards[0]) is one of \(count)",
            advice: "merge the shares of one computation")
        }
        if let difference = record.difference(from: expected) {
          throw FileError(
            path: path,
            problem: "does not go with \(shards[0]): it was computed with \(difference)",
            advice: "compute all shares with the same settings")
        }
      } else {
        first = record
      }
      if let other = found[shard.index] {
        throw FileError(
          path: path, problem: "is share \(shard), and so is \(other)",
          advice: "give every share once")
      }
      found[shard.index] = path
    }
    guard var record = first, let count = record.shard?.count else {
      throw FileError(path: "merge", problem: "no shares are given", advice: "name all of them")
    }
    let missing = (1...count).filter { found[$0] == nil }
    guard missing.isEmpty else {
      let names = missing.prefix(10).map { "\($0)/\(count)" }.joined(separator: ", ")
      throw FileError(
        path: shards[0],
        problem: "is one of \(count) shares, of which \(names)"
          + (missing.count > 10 ? " and \(missing.count - 10) more" : "")
          + (missing.count == 1 ? " is missing" : " are missing"),
        advice: "compute and name all of them")
    }
    record.shard = nil
    return record
  }

  private static func shardRecord(_ path: String) throws -> KernelRecord {
    let argument = try ArrayArgument(parsing: path)
    guard ReadableFile.exists(path) else {
      let isUnfinished = ReadableFile.exists(path + ".partial")
      throw FileError(
        path: path, problem: isUnfinished ? "is not finished yet" : "does not exist",
        advice: isUnfinished ? "go on with it with --resume first" : "check the path")
    }
    let stored = try StoredArray(argument)
    guard let line = stored.metadata["kernel"],
      case let record = try KernelRecord(line: line, path: path), record.shard != nil
    else {
      throw FileError(
        path: path, problem: "is no share of a kernel", advice: "give what kernel --shard wrote")
    }
    guard stored.shape == record.storedShape, stored.elementType == record.elementType else {
      throw FileError(
        path: path, field: "shape", problem: "\(stored.shape) does not go with what it says it is",
        advice: "compute this share again")
    }
    return record
  }

  /// Copies the tiles of all shares to their places and finishes the file, whose record is that of
  /// `mergedRecord`.
  ///
  /// - Returns: false if it was told to stop.
  public func merge(
    _ shards: [String], shouldStop: () -> Bool = { false },
    onProgress: (_ done: Int) -> Void = { _ in }
  ) throws -> Bool {
    let missing = Set(missing)
    var done = finishedCount
    for path in shards {
      let record = try Self.shardRecord(path)
      let (layout, stored) = (
        TileLayout(record), try StoredArray(ArrayArgument(parsing: path))
      )
      for tile in record.tiles where missing.contains(tile) {
        if shouldStop() {
          try commit()
          return false
        }
        guard let range = layout.range(of: tile) else { continue }
        try store(try stored.bytes(range), of: tile)
        done += 1
        onProgress(done)
      }
    }
    try finish()
    return true
  }
}
