import Glibc
import Maclaurin
import Testing

/// --trace FILE: Chrome's trace format, whatever becomes of the run.
struct TraceTests {
  private static let tiny = ["train", "--model", "mlp:8x2", "--order", "2", "--steps", "4"]

  /// The complete events of a trace, with the names of their threads.
  private func events(
    _ name: String, in folder: TemporaryFolder
  ) throws -> [(thread: String, members: [String: JSONValue])] {
    let text = readText(folder.path + "/" + name)
    guard case .object(let trace) = try JSONValue(text: Array(text.utf8), named: name),
      case .array(let all)? = trace["traceEvents"]
    else {
      Issue.record("no trace in \(text.prefix(200))")
      return []
    }
    let events = all.compactMap { event in
      if case .object(let members) = event { members } else { nil }
    }
    func number(_ event: [String: JSONValue]) -> Double {
      if case .number(let number)? = event["tid"] { number } else { -1 }
    }
    var threads: [Double: String] = [:]
    for event in events where event["name"] == .string("thread_name") {
      guard case .object(let arguments)? = event["args"],
        case .string(let name)? = arguments["name"]
      else { continue }
      threads[number(event)] = name
    }
    return events.filter { $0["ph"] == .string("X") }.map { (threads[number($0)] ?? "", $0) }
  }

  @Test func everyBackEndTracesItsRun() throws {
    let folder = try TemporaryFolder()
    for (backend, track) in [("openblas", "openblas"), ("opencl", "opencl:0")] {
      let outcome = try Command.run(
        Self.tiny + ["--trace", "t.json", "--json", "--quiet", "--backend", backend], in: folder)
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      let events = try events("t.json", in: folder)
      let operations = events.filter { $0.members["cat"] == .string("operation") }
      #expect(Set(operations.map(\.thread)) == [track])
      let names = operations.compactMap { $0.members["name"] }
      // Four steps, each with one update.
      #expect(names.count { $0 == .string("optimizer_update") } == 4)
      for name in ["jet_contraction", "contraction", "jet_composition", "loss"] {
        // The CPU path computes some together, under both names.
        let isThere = names.contains { value in
          if case .string(let text) = value { text.contains(name) } else { false }
        }
        #expect(isThere, "\(name) on \(backend)")
      }
      #expect(try outcome.json["launches"] != nil)
      if backend == "opencl" {
        #expect(events.contains { $0.thread == "opencl:0 transfers" })
      }
    }
    // An old trace is replaced, and nothing else lies around.
    #expect(folder.names() == ["t.json"])
  }

  /// A run that is interrupted, or fails, leaves its trace.
  @Test func brokenRunsLeaveTheirTrace() throws {
    let folder = try TemporaryFolder()
    let child = try Child(
      [
        "train", "--model", "mlp:64x2", "--steps", "10000000", "--log-every", "1", "--trace",
        "t.json",
      ], in: folder)
    usleep(1_500_000)
    child.send(SIGINT)
    #expect(try child.wait().status == 130)
    #expect(try events("t.json", in: folder).count > 10)
    let diverged = try Command.run(
      "train", "--model", "mlp:64x2", "--lr", "1e30", "--steps", "100", "--trace", "d.json",
      in: folder)
    #expect(diverged.status == 1)
    #expect(try events("d.json", in: folder).count > 10)
  }

  @Test func filesThatCannotBeWrittenAreRefusedFirst() throws {
    let folder = try TemporaryFolder()
    try folder.write("data.csv", "1,2\n")
    for (file, words) in [
      ("no/such/folder.json", "no folder"), (".", "is a folder"), ("data.csv", "is no trace"),
    ] {
      let outcome = try Command.run(
        Self.tiny + ["--out", "run", "--trace", file], in: folder)
      expectSentence(outcome, words)
      #expect(!folder.names().contains("run"))
    }
    #expect(readText(folder.path + "/data.csv") == "1,2\n")
    let bench = try Command.run("bench", "step", "--trace", "t.json", in: folder)
    #expect(bench.status == 2 && bench.errors.contains("--trace"))
  }
}
