import Compute
import DataSets

/// A file of kernel values on its way: `path.partial` and `path.journal`, until all its tiles are there
/// and it gets its name.
///
/// A killed process loses the tiles that were not journaled yet and nothing else: a tile is journaled
/// when its values are on the disk.
public final class KernelFile {
  public let record: KernelRecord
  /// The finished file's.
  public var path: String { file.path }
  private let layout: TileLayout
  private let file: PartialFile
  private let journal: PartJournal
  private let start: Int
  /// Stored and not journaled yet.
  private var loose: [Int] = []
  private var touchedBytes = 0
  private var lastCommit = ContinuousClock.now

  /// Pages that wait to be written hold at most about so much memory.
  public var touchedLimit = 64 << 20
  /// At most so much work is lost.
  public var commitInterval = Duration.seconds(1)

  /// What there is for a file.
  public enum Opening {
    /// Values can be stored.
    case open(KernelFile)
    /// It was finished before.
    case finished
  }

  /// Opens a file, and keeps other processes out.
  ///
  /// - Parameters:
  ///   - resume: go on with what is unfinished. Otherwise there must be nothing unfinished.
  ///   - replaces: replace a finished file in the end, as without `resume`.
  /// - Throws: `FileError`: an unfinished file of another record, no space, another process.
  public static func open(
    _ argument: ArrayArgument, _ record: KernelRecord, resume: Bool, replaces: Bool = false
  ) throws -> Opening {
    let file = try PartialFile(argument.path)
    let journalPath = file.path + ".journal"
    if file.size == 0 {
      // Nothing is under way: a journal without a file is left over.
      do {
        if resume, !replaces, try isFinished(argument, record) {
          file.remove()
          try? PartJournal(resuming: journalPath, count: { _ in 0 })?.remove()
          return .finished
        }
      } catch {
        file.remove()
        throw error
      }
    } else if let header = try PartJournal.header(of: journalPath) {
      guard resume else {
        throw FileError(
          path: file.partialPath, problem: "is a kernel that is not finished yet",
          advice: "add --resume to go on with it, or remove it and its journal")
      }
      try KernelRecord(line: header, path: journalPath).requireSame(record, path: file.partialPath)
      return .open(try KernelFile(resuming: argument, record, file, journalPath))
    }
    return .open(try KernelFile(beginning: argument, record, file, journalPath))
  }

  /// What the unfinished or the finished file of that name is; nil for nothing, or where nothing
  /// says it.
  public static func record(of argument: ArrayArgument) throws -> KernelRecord? {
    let path = PartialFile.destination(of: argument.path) + ".journal"
    if let header = try PartJournal.header(of: path) {
      return try KernelRecord(line: header, path: path)
    }
    guard let stored = try? StoredArray(argument), let line = stored.metadata["kernel"] else {
      return nil
    }
    return try KernelRecord(line: line, path: argument.path)
  }

  private init(
    beginning argument: ArrayArgument, _ record: KernelRecord, _ file: PartialFile,
    _ journalPath: String
  ) throws {
    let header = try StoredArray.header(
      of: argument, shape: record.storedShape, elementType: record.elementType,
      metadata: ["kernel": record.line])
    // What an old journal says is of another file: not even a crash may join the two.
    PartJournal.remove(journalPath)
    do {
      try file.allocate(header, size: header.count + record.byteCount)
    } catch let error as FileError {
      throw FileError(
        path: error.path, problem: "\(error.problem) (\(record.byteCount) bytes are needed)",
        advice: "\(error.advice), or share the tiles out with --shard")
    }
    self.record = record
    self.file = file
    layout = TileLayout(record)
    start = header.count
    do {
      journal = try PartJournal(journalPath, header: record.line)
    } catch {
      file.remove()
      throw error
    }
  }

  private init(
    resuming argument: ArrayArgument, _ record: KernelRecord, _ file: PartialFile,
    _ journalPath: String
  ) throws {
    let header = try StoredArray.header(
      of: argument, shape: record.storedShape, elementType: record.elementType,
      metadata: ["kernel": record.line])
    let count = record.grid.count
    guard file.size == header.count + record.byteCount,
      let journal = try PartJournal(resuming: journalPath, count: { _ in count })
    else {
      throw FileError(
        path: file.partialPath, problem: "has another size than its journal says",
        advice: "remove it and \(journalPath), to begin anew")
    }
    try file.map()
    self.record = record
    self.file = file
    self.journal = journal
    layout = TileLayout(record)
    start = header.count
  }

  // MARK: Tiles

  /// Tiles of the file that are on the disk.
  public var finishedCount: Int { record.tiles.count { journal.finished.contains($0) } }
  /// Tiles that are to be computed.
  public var missing: [Int] { record.tiles.filter { !journal.finished.contains($0) } }

  /// Takes a tile's values, [rows, columns, entry].
  ///
  /// - Throws: `KernelError` for values that are not finite: they are no kernel.
  public func store(_ bytes: [UInt8], of index: Int) throws {
    guard Self.isFinite(bytes, record.type) else {
      let tile = record.grid[index]
      throw KernelError(
        "the kernel is not finite between examples \(tile.rows) and \(tile.columns); scale the inputs, "
          + "or take smaller weights or another activation")
    }
    let data = UnsafeMutableRawBufferPointer(rebasing: file.memory[start...])
    touchedBytes += layout.store(bytes, of: index, in: data)
    loose.append(index)
    if touchedBytes >= touchedLimit || ContinuousClock.now - lastCommit >= commitInterval {
      try commit()
    }
  }

  private static func isFinite(_ bytes: [UInt8], _ type: ScalarType) -> Bool {
    bytes.withUnsafeBytes { bytes in
      type == .float64
        ? bytes.bindMemory(to: Double.self).allSatisfy(\.isFinite)
        : bytes.bindMemory(to: Float.self).allSatisfy(\.isFinite)
    }
  }

  /// Brings what was stored to the disk, and notes that it is there.
  public func commit() throws {
    guard !loose.isEmpty else { return }
    try file.synchronize()
    try journal.append(loose)
    loose = []
    touchedBytes = 0
    lastCommit = .now
  }

  /// Gives the file its name.
  public func finish() throws {
    try commit()
    precondition(missing.isEmpty, "all tiles are there")
    try file.finish()
    journal.remove()
  }

  // MARK: Finished files

  /// Whether a file of that name holds such a kernel, as far as it says so itself: a .npy file says
  /// its shape and type only.
  private static func isFinished(
    _ argument: ArrayArgument, _ record: KernelRecord
  ) throws -> Bool {
    guard ReadableFile.exists(argument.path) else { return false }
    let stored = try StoredArray(argument)
    if let line = stored.metadata["kernel"] {
      try KernelRecord(line: line, path: argument.path).requireSame(record, path: argument.path)
    }
    guard stored.shape == record.storedShape, stored.elementType == record.elementType else {
      throw FileError(
        path: argument.path,
        problem: "holds \(stored.elementType) \(stored.shape), not \(record.type) "
          + "\(record.storedShape)", advice: "choose another --output")
    }
    return true
  }
}
