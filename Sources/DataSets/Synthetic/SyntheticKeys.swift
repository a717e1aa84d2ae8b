/// The keys of a synthetic task with their values: those given, and the defaults of the others.
struct SyntheticKeys: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    case integer(Int, ClosedRange<Int>)
    case real(Double, ClosedRange<Double>)
    /// One of these words; the first is the default.
    case word([String])
  }

  private let task: SyntheticData.Task
  private var integers: [String: Int] = [:]
  private var reals: [String: Double] = [:]
  private var words: [String: String] = [:]
  let seed: UInt64

  init(_ text: String, _ task: SyntheticData.Task) throws {
    self.task = task
    var given: [String: String] = [:]
    func failure(_ field: String, _ problem: String, _ advice: String) -> FileError {
      FileError(
        path: "synthetic:\(task.rawValue)", field: FileError.clean(field), problem: problem,
        advice: advice)
    }
    let known = Self.known(task)
    let names = (known.keys + ["seed"]).sorted().joined(separator: ", ")
    for part in text.split(separator: ",", omittingEmptySubsequences: !text.contains(",")) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
        throw failure(String(part), "is no KEY=VALUE", "give keys such as n=1000")
      }
      guard known[sides[0]] != nil || sides[0] == "seed" else {
        throw failure(sides[0], "is no key of this task", "its keys are \(names)")
      }
      guard given.updateValue(sides[1], forKey: sides[0]) == nil else {
        throw failure(sides[0], "is given twice", "give it once")
      }
    }
    guard let seed = UInt64(given["seed"] ?? "0") else {
      throw failure(
        "seed", "\(FileError.quote(given["seed"] ?? "")) is no seed",
        "give a whole number that is not negative")
    }
    self.seed = seed
    for (name, kind) in known {
      let value = given[name]
      switch kind {
      case .integer(let standard, let range):
        guard let number = value.map({ Int($0) }) ?? standard, range.contains(number) else {
          throw failure(
            name,
            "takes \(range.lowerBound) to \(range.upperBound), not "
              + FileError.quote(value ?? ""), "change it")
        }
        integers[name] = number
      case .real(let standard, let range):
        guard let number = value.map({ Double($0) }) ?? standard, range.contains(number) else {
          throw failure(
            name,
            "takes a number from \(range.lowerBound) to \(range.upperBound), not "
              + FileError.quote(value ?? ""), "change it")
        }
        reals[name] = number
      case .word(let choices):
        guard let word = value ?? choices.first, choices.contains(word) else {
          throw failure(
            name, "takes \(choices.joined(separator: ", ")), not \(FileError.quote(value ?? ""))",
            "change it")
        }
        words[name] = word
      }
    }
  }

  func integer(_ name: String) -> Int { integers[name]! }
  func real(_ name: String) -> Double { reals[name]! }
  func word(_ name: String) -> String { words[name]! }
  func has(_ name: String) -> Bool { integers[name] != nil || words[name] != nil }

  func failure(_ field: String, _ problem: String, _ advice: String = "lower it") -> FileError {
    FileError(
      path: "synthetic:\(task.rawValue)", field: field, problem: problem, advice: advice)
  }

  /// Refuses `count` · `each` numbers that cannot fit into this machine's memory; `key` is the one
  /// to lower.
  func checkMemory(_ key: String, _ count: Int, _ each: Int = 1) throws {
    let (bytes, isTooMuch) = count.multipliedReportingOverflow(by: 8 * each)
    try ReadableFile.checkMemory(
      isTooMuch ? .max : bytes, path: "synthetic:\(task.rawValue)", field: key, advice: "lower it")
  }

  /// Words for `link` and `activation`.
  static let functions = ["relu", "tanh", "sin", "quadratic", "identity"]

  private static func known(_ task: SyntheticData.Task) -> [String: Kind] {
    let count = 1...100_000_000
    var known: [String: Kind] = [
      "n": .integer(5000, count), "test": .integer(1000, 0...100_000_000),
      "noise": .real(0, 0...1e6),
    ]
    if task != .image, task != .sine { known["dimension"] = .integer(20, 1...1_000_000) }
    switch task {
    case .image:
      known["noise"] = .real(0.1, 0...10)
      known["classes"] = .integer(10, 2...1000)
      known["channels"] = .integer(3, 1...1024)
      known["size"] = .integer(32, 4...4096)
      known["wavelength"] = .real(6, 2.5...1000)
    case .teacher:
      known["width"] = .integer(32, 1...65_536)
      known["depth"] = .integer(1, 0...64)
      known["outputs"] = .integer(1, 1...65_536)
      known["activation"] = .word(["tanh", "relu", "sin", "quadratic", "identity"])
    case .singleIndex, .multiIndex:
      known["degree"] = .integer(task == .singleIndex ? 3 : 2, 1...30)
      known["link"] = .word(["hermite"] + functions)
      if task == .multiIndex {
        known["rank"] = .integer(2, 1...10_000)
        known["combine"] = .word(["sum", "product"])
      }
    case .power:
      known["degree"] = .integer(2, 1...30)
      known["rank"] = .integer(1, 1...10_000)
      known["inputs"] = .word(["sphere", "cube"])
      known["directions"] = .word(["orthonormal", "random"])
      known["form"] = .word(["power", "pure"])
    case .parity:
      known["degree"] = .integer(3, 1...1_000_000)
      known["noise"] = .real(0, 0...1)
      known["target"] = .word(["classes", "values"])
    case .sine:
      known["task"] = .integer(0, 0...1_000_000)
      known["n"] = .integer(10, count)
      known["test"] = .integer(200, 0...100_000_000)
    case .staircase:
      known["degree"] = .integer(3, 1...1_000_000)
    }
    return known
  }
}
