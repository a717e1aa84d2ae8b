/// What a driver's compiler says of the registers that a program's functions take.
///
/// NVIDIA's says it in the build log, given -cl-nv-verbose, for each function:
///
///     ptxas info    : Function properties for contraction
///         0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
///     ptxas info    : Used 142 registers, 33792 bytes smem, 600 bytes cmem[0]
struct CompilerReport: Equatable {
  /// The most of any function.
  var registers: Int?
  /// Bytes that work-items move to memory and back for want of registers, over all functions; nil
  /// where the log does not tell.
  var spilledBytes: Int?

  init(registers: Int? = nil, spilledBytes: Int? = nil) {
    self.registers = registers
    self.spilledBytes = spilledBytes
  }

  init(parsing log: String) {
    for line in log.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split {
        $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ",") || $0 == 9 || $0 == 13
      }
      .map { String(Substring($0)) }
      for index in words.indices.dropFirst() {
        // "Used N registers", "N bytes spill stores"
        let rest = words[index...]
        guard let number = Int(words[index - 1]) else { continue }
        if rest.first == "registers" { registers = max(registers ?? 0, number) }
        if rest.starts(with: ["bytes", "spill", "stores"])
          || rest.starts(with: ["bytes", "spill", "loads"])
        {
          spilledBytes = (spilledBytes ?? 0) + number
        }
      }
    }
  }

  /// Both programs' functions together.
  mutating func add(_ other: CompilerReport) {
    if let more = other.registers { registers = max(registers ?? 0, more) }
    if let more = other.spilledBytes { spilledBytes = (spilledBytes ?? 0) + more }
  }
}
