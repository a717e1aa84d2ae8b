import FoundationEssentials
import Networks
import Testing

@testable import Reports

@Suite("Event files for TensorBoard")
struct EventFileTests {
  /// RFC 3720, appendix B.4, the read command there included.
  @Test("CRC-32C of known texts")
  func checksums() {
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46dd_794e)
    #expect(CRC32C.checksum((0..<32).reversed().map { UInt8($0) }) == 0x113f_db5c)
    var command = [UInt8](repeating: 0, count: 48)
    for (index, byte) in [
      0: 0x01, 1: 0xc0, 16: 0x14, 22: 0x04, 27: 0x14, 31: 0x18, 32: 0x28, 40: 0x02,
    ] { command[index] = UInt8(byte) }
    #expect(CRC32C.checksum(command) == 0xd996_3a56)
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
  }

  /// A decoder of its own: CRC by long division, bit by bit, with the polynomial as it is printed.
  private struct Decoder {
    struct Wrong: Error { var what: String }

    struct Event: Equatable {
      var time = 0.0
      var step: Int64 = 0
      var version: String?
      var scalars: [String: Float] = [:]
    }

    static func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
      var register: UInt32 = 0xffff_ffff
      for byte in bytes {
        for bit in 0..<8 {
          let isSet = (byte >> bit) & 1 == 1
          let top = register >> 31 == 1
          register <<= 1
          if isSet != top { register ^= 0x1edc_6f41 }
        }
      }
      var reflected: UInt32 = 0
      for bit in 0..<32 where (register >> bit) & 1 == 1 { reflected |= 1 << (31 - bit) }
      return ~reflected
    }

    static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
      var value: UInt64 = 0
      for (index, byte) in bytes.enumerated() { value += UInt64(byte) << (8 * index) }
      return value
    }

    static func check(_ bytes: ArraySlice<UInt8>, _ stored: ArraySlice<UInt8>) throws {
      let crc = crc(bytes)
      let masked = ((crc >> 15) | (crc << 17)) &+ 0xa282_ead8
      guard UInt64(masked) == integer(stored) else { throw Wrong(what: "checksum") }
    }

    static func events(_ file: [UInt8]) throws -> [Event] {
      var rest = file[...]
      var events: [Event] = []
      while !rest.isEmpty {
        guard rest.count >= 16 else { throw Wrong(what: "cut off") }
        let length = rest.prefix(8)
        try check(length, rest.dropFirst(8).prefix(4))
        let count = Int(integer(length))
        let data = rest.dropFirst(12).prefix(count)
        guard data.count == count else { throw Wrong(what: "cut off") }
        try check(data, rest.dropFirst(12 + count).prefix(4))
        events.append(try event(data))
        rest = rest.dropFirst(16 + count)
      }
      return events
    }

    enum Field {
      case number(UInt64)
      case bytes(ArraySlice<UInt8>)
    }

    static func fields(_ message: ArraySlice<UInt8>) throws -> [(Int, Field)] {
      var rest = message
      func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for place in 0..<10 {
          guard let byte = rest.popFirst() else { throw Wrong(what: "varint") }
          value |= UInt64(byte & 0x7f) << (7 * place)
          if byte < 0x80 { return value }
        }
        throw Wrong(what: "varint")
      }
      func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw Wrong(what: "field") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
      }
      var fields: [(Int, Field)] = []
      while !rest.isEmpty {
        let key = try varint()
        let value: Field
        switch key & 7 {
        case 0: value = .number(try varint())
        case 1: value = .number(integer(try take(8)))
        case 2: value = .bytes(try take(Int(varint())))
        case 5: value = .number(integer(try take(4)))
        default: throw Wrong(what: "wire type")
        }
        fields.append((Int(key >> 3), value))
      }
      return fields
    }

    static func event(_ data: ArraySlice<UInt8>) throws -> Event {
      var event = Event()
      for (number, field) in try fields(data) {
        switch (number, field) {
        case (1, .number(let bits)): event.time = Double(bitPattern: bits)
        case (2, .number(let step)): event.step = Int64(bitPattern: step)
        case (3, .bytes(let text)): event.version = String(decoding: text, as: UTF8.self)
        case (5, .bytes(let summary)):
          for case (1, .bytes(let value)) in try fields(summary) {
            let parts = try fields(value)
            guard parts.count == 2, case (1, .bytes(let tag)) = parts[0],
              case (2, .number(let bits)) = parts[1]
            else { throw Wrong(what: "value") }
            event.scalars[String(decoding: tag, as: UTF8.self)] = Float(
              bitPattern: UInt32(bits))
          }
        default: throw Wrong(what: "field \(number)")
        }
      }
      return event
    }
  }

  // MARK: Files

  private static func line(_ step: Int, _ loss: String) -> String {
    "{\"step\":\(step),\"epoch\":1,\"loss\":\(loss),\"gradient_norm\":2.5}\n"
  }

  private static let evaluation = """
    {"step":300,"learning_rate":0.1,"train_accuracy":0.5,"test_loss":1.25,"test_accuracy":0.75,\
    "movement.layers.0.weight":3,"relative_movement.layers.0.weight":null,\
    "movement.layers.0.bias":4,"relative_movement.layers.0.bias":0.5}

    """

  private struct Folder: ~Copyable {
    let path: String
    init() throws { path = try StudyFixture.newFolder([:]) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String) throws {
      try Data(text.utf8).write(to: URL(filePath: path + "/metrics.jsonl"))
    }
    var file: String {
      get throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter {
          $0.hasPrefix("events.out.tfevents.")
        }
        #expect(names.count == 1)
        return path + "/" + names[0]
      }
    }
    func events() throws -> [Decoder.Event] {
      try Decoder.events([UInt8](Data(contentsOf: URL(filePath: try file))))
    }
  }

  @Test func tagsAndValues() throws {
    let folder = try Folder()
    try folder.write(Self.line(10, "0.1") + Self.line(200, "null") + Self.evaluation)
    try EventFile(folder.path).finish()
    let events = try folder.events()
    #expect(events.map(\.version) == ["brain.Event:2", nil, nil, nil])
    #expect(events.map(\.step) == [0, 10, 200, 300])
    #expect(events.allSatisfy { $0.time > 1.6e9 && $0.time < 1e11 })
    #expect(events[1].scalars == ["loss/train": 0.1, "grad_norm": 2.5])
    #expect(events[2].scalars == ["grad_norm": 2.5])
    #expect(
      events[3].scalars == [
        "learning_rate": 0.1, "accuracy/train": 0.5, "loss/test": 1.25, "accuracy/test": 0.75,
        "dist/absolute/layers.0.weight": 3, "dist/absolute/layers.0.bias": 4,
        "dist/relative/layers.0.bias": 0.5,
      ])
  }

  @Test func updatesAppend() throws {
    let folder = try Folder()
    let file = EventFile(folder.path)
    file.update()
    #expect(try folder.events().count == 1)
    var text = ""
    for step in 1...20 {
      text += Self.line(step, "\(step)")
      // Half a line is not there yet.
      try folder.write(text + "{\"step\":")
      file.update()
      #expect(try folder.events().map(\.step) == [0] + (1...step).map { Int64($0) })
    }
    try folder.write(text)
    try file.finish()
    #expect(try folder.events().count == 21)
  }

  @Test("a resumed run: kept events keep their times, lost ones go, a torn end too")
  func resumed() throws {
    let folder = try Folder()
    try folder.write(Self.line(1, "1") + Self.line(2, "2") + Self.line(3, "3"))
    try EventFile(folder.path).finish()
    let before = try folder.events()
    let whole = [UInt8](try Data(contentsOf: URL(filePath: try folder.file)))
    for cut in [0, 1, 15, whole.count / 2, whole.count - 1, whole.count] {
      try Data(whole[..<cut] + [7, 7]).write(to: URL(filePath: try folder.file))
      try folder.write(Self.line(1, "1") + Self.line(2, "20") + Self.line(3, "3"))
      let file = EventFile(folder.path)
      file.update()
      // While it is open, the run may fall back to a checkpoint, too.
      try folder.write(Self.line(1, "1"))
      file.update()
      #expect(try folder.events().map(\.step) == [0, 1])
      try folder.write(Self.line(1, "1") + Self.line(2, "200"))
      try file.finish()
      let events = try folder.events()
      #expect(events.map { $0.scalars["loss/train"] } == [nil, 1, 200])
      if cut == whole.count { #expect(events[1] == before[1] && events[0] == before[0]) }
    }
  }

  @Test func errorsComeAtTheEnd() throws {
    let file = EventFile("/nowhere/at/all")
    file.update()
    #expect(throws: (any Error).self) { try file.finish() }
    let folder = try Folder()
    try folder.write("{\n")
    let error = #expect(throws: (any Error).self) { try EventFile(folder.path).finish() }
    #expect("\(error!)".contains("metrics.jsonl"))
  }
}
