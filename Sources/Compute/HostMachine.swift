import Glibc

/// The machine that the program runs on.
public enum HostMachine {
  /// Bytes of memory that a process may use: the physical memory, or a container's limit where
  /// that is lower.
  public static let memory: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    var bytes = Int.max
    if pages > 0, size > 0 {
      let (product, overflow) = pages.multipliedReportingOverflow(by: size)
      if !overflow { bytes = product }
    }
    for file in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      if let limit = number(in: file), limit > 0 { bytes = min(bytes, limit) }
    }
    return bytes
  }()

  /// The number that a file begins with; nil where there is none.
  private static func number(in path: String) -> Int? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var digits = ""
    while digits.count < 20, case let character = fgetc(file), (48...57).contains(character) {
      digits.append(Character(Unicode.Scalar(UInt8(character))))
    }
    return Int(digits)
  }
}
