import FoundationEssentials
import Synchronization

/// Where a device's tuning table comes from.
public enum TuningOrigin: Sendable, Equatable {
  /// One of those inside the program.
  case shipped
  /// A file that `bench tune` wrote.
  case file(String)
  /// A file that cannot be read and is left alone.
  case damaged(String)
}

/// Tuning tables on disk: one JSON file per device and driver, beside the compiled programs.
///
/// A table of another driver or of other kernel texts counts as absent, a damaged one as well; the
/// latter is told to whoever asks for the origin.
struct TuningCache {
  let folder: String

  /// Tables inside the program, as `bench tune --output` writes them; they suit their device under
  /// every driver. Empty: no device has been tuned for it yet. Under PoCL no block was found that is
  /// faster than the one taken without a table.
  static let shipped: [String] = []

  init(folder: String) { self.folder = folder }

  /// The folder beside that of compiled programs.
  init(besidePrograms programs: String) {
    folder =
      (programs.hasSuffix("/programs") ? String(programs.dropLast("/programs".count)) : programs)
      + "/tuning"
  }

  func path(for device: OpenCLDevice) -> String {
    let fields = [
      device.name, device.driverVersion, device.platformName, "\(device.computeUnits)",
    ]
    let key = ProgramCache.hash(fields.map { "\($0.utf8.count):\($0)" }.joined().utf8)
    return "\(folder)/\(String(key, radix: 16)).json"
  }

  /// The table to use, and where it or its absence comes from.
  func table(
    for device: OpenCLDevice, shipped: [String] = shipped
  ) -> (table: ContractionTuning?, origin: TuningOrigin?) {
    let path = path(for: device)
    var origin: TuningOrigin?
    if let bytes = SmallFile.read(path) {
      if let table = Self.decode(bytes) {
        if table.suits(device) { return (table, .file(path)) }
      } else {
        origin = .damaged(path)
      }
    }
    for text in shipped {
      if let table = Self.decode(Array(text.utf8)), table.device == device.name,
        table.platform == device.platformName, table.computeUnits == device.computeUnits
      {
        return (table, origin ?? .shipped)
      }
    }
    return (nil, origin)
  }

  private static func decode(_ bytes: [UInt8]) -> ContractionTuning? {
    guard let table = try? JSONDecoder().decode(ContractionTuning.self, from: Data(bytes)),
      table.isPossible
    else { return nil }
    return table
  }

  static func encode(_ table: ContractionTuning) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(table)) + [UInt8(ascii: "\n")]
  }

  /// Keeps a table; returns its file, or nil where that cannot be written.
  func keep(_ table: ContractionTuning, for device: OpenCLDevice) throws -> String? {
    let path = path(for: device)
    SmallFile.makeFolder(folder)
    return SmallFile.write(try Self.encode(table), to: path) ? path : nil
  }

  /// Blocks of devices whose memory was planned, by backend name.
  private static let blocks = Mutex<[String: ContractionBlock]>([:])

  /// The register block that a backend with the user's caches has on this device.
  static func block(of device: OpenCLDevice) -> ContractionBlock {
    blocks.withLock { known in
      if let block = known[device.backendName] { return block }
      let table = ProgramCache.userFolder.flatMap {
        TuningCache(besidePrograms: $0).table(for: device).table
      }
      let block = table?.block?.value ?? ContractionBlock(for: device)
      known[device.backendName] = block
      return block
    }
  }
}

extension OpenCLDevice {
  /// Where the tuning table comes from that a backend on this device uses; nil: it uses none.
  public var tuningOrigin: TuningOrigin? {
    OpenCLBackend.userCacheFolder.flatMap {
      TuningCache(besidePrograms: $0).table(for: self).origin
    }
  }
}
