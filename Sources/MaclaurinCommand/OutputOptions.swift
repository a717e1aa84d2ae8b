import ArgumentParser
import Maclaurin

/// How to report.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON object on stdout and nothing else there.")
  var json = false

  @Flag(help: "Print nothing but the result.")
  var quiet = false

  /// A line on stderr, unless --quiet.
  func note(_ line: String) {
    if !quiet { Console.error(line) }
  }

  /// The result on stdout: one JSON object, or text, with the trace if there is one.
  func result(_ members: [String: JSONValue], _ text: @autoclosure () -> String, _ trace: Trace?) {
    if json { return Console.json(members.merging(trace?.members ?? [:]) { old, _ in old }) }
    print(text())
    if let trace { print(table(trace.rows)) }
  }
}

/// What a back end ran, by function.
struct Trace {
  /// Kernel functions on an OpenCL device.
  var launches: [String: Int] = [:]
  /// Functions on the CPU path.
  var calls: [String: Int] = [:]

  /// Nil without --trace.
  init?(_ backend: any Backend, _ options: BackendOptions) {
    guard options.trace != nil else { return nil }
    for part in backend.parts {
      if part is OpenCLBackend {
        launches.merge(part.statistics.launches) { $0 + $1 }
      } else {
        calls.merge(part.statistics.launches) { $0 + $1 }
      }
    }
  }

  var members: [String: JSONValue] {
    func object(_ counts: [String: Int]) -> JSONValue {
      .object(counts.mapValues { .number(Double($0)) })
    }
    return ["launches": object(launches), "calls": object(calls)]
  }

  var rows: [[String]] {
    [("launches", launches), ("calls", calls)].flatMap { title, counts in
      counts.isEmpty
        ? [] : [[title, ""]] + counts.sorted { $0.key < $1.key }.map { ["  \($0)", String($1)] }
    }
  }
}
