import Glibc
import Maclaurin
import Testing

/// What goes to stdout, what to stderr, and what ran.
struct ReportingTests {
  private static let tiny = ["train", "--model", "mlp:8x2", "--order", "2", "--steps", "4"]

  @Test func jsonAndQuiet() throws {
    let folder = try TemporaryFolder()
    let loud = try Command.run(Self.tiny + ["--json"], in: folder)
    let members = try loud.json
    for name in [
      "steps", "train_loss", "test_loss", "test_accuracy", "parameters_sha256", "seconds",
      "examples_per_second", "backend", "numerics",
    ] { #expect(members[name] != nil, "\(name)") }
    #expect(members["launches"] == nil && members["steps"] == .number(4))
    #expect(!loud.errors.isEmpty)
    // No bar, no colour, no carriage return where there is no terminal.
    #expect(!loud.errors.contains("\u{1B}") && !loud.errors.contains("\r"))
    let quiet = try Command.run(Self.tiny + ["--json", "--quiet"], in: folder)
    #expect(quiet.errors.isEmpty)
    #expect(try quiet.text("parameters_sha256") == loud.text("parameters_sha256"))
    let table = try Command.run(Self.tiny + ["--quiet"], in: folder)
    #expect(table.errors.isEmpty && table.output.contains("parameters_sha256"))
    #expect(folder.names() == [])
  }

  @Test func plan() throws {
    let folder = try TemporaryFolder()
    let plan = try Command.run(
      "train", "--model", "mlp:512x3", "--order", "3", "--plan", "--json", in: folder)
    #expect(plan.errors.isEmpty)
    // 64·512 + 512, twice 512·512 + 512, 512·10 + 10.
    #expect(try plan.number("parameters") == 563_722)
    #expect(try plan.number("peak_bytes") > 563_722 * 4 * 3)
    #expect(try plan.number("flops_per_step") > 0)
    let wide = try Command.run("train", "--model", "mlp:20000x3", "--plan", "--json", in: folder)
    #expect(try wide.number("parameters") == 801_540_010)
  }

  @Test func devices() throws {
    let folder = try TemporaryFolder()
    let list = try Command.run("devices", "--json", in: folder)
    guard case .array(let devices)? = try list.json["devices"] else {
      Issue.record("no devices in \(list.output)")
      return
    }
    let names = devices.compactMap { device -> JSONValue? in
      if case .object(let members) = device { members["backend"] } else { nil }
    }
    #expect(names.contains(.string("opencl:0")) && names.contains(.string("openblas")))
    #expect(list.errors.isEmpty)
    let explained = try Command.run("devices", "--explain", in: folder)
    #expect(explained.status == 0 && explained.output.contains("opencl:0"))
    #expect(explained.output.contains("libOpenCL") && explained.errors.isEmpty)
  }

  @Test func noVendors() throws {
    let folder = try TemporaryFolder()
    try folder.write("file", "x")
    let none: [String: String?] = [
      "OCL_ICD_VENDORS": folder.path + "/none", "OCL_ICD_FILENAMES": nil,
    ]
    for name in ["opencl", "opencl:0"] {
      let refused = try Command.run(
        Self.tiny + ["--backend", name, "--out", "run"], in: folder, environment: none)
      expectSentence(refused, "OpenCL", "maclaurin devices --explain")
      #expect(!folder.names().contains("run"))
    }
    var hashes: Set<String> = []
    for name in ["openblas", "cpu", "auto"] {
      let outcome = try Command.run(
        Self.tiny + ["--backend", name, "--json"], in: folder, environment: none)
      #expect(outcome.status == 0, "\(outcome.errors)")
      hashes.insert(try outcome.text("parameters_sha256"))
    }
    #expect(hashes.count == 1)
    let devices = try Command.run("devices", in: folder, environment: none)
    #expect(devices.status == 0 && devices.output.contains("openblas"))
    #expect(devices.errors.contains("--explain"))
    let explained = try Command.run("devices", "--explain", in: folder, environment: none)
    #expect(explained.status == 0 && explained.output.contains("\(folder.path)/none"))
    let json = try Command.run(
      "devices", "--explain", "--json", in: folder, environment: none)
    #expect(try json.text("explanation").contains("No driver is registered"))
  }

  private func counts(_ outcome: Command.Outcome, _ name: String) throws -> [String: JSONValue] {
    guard case .object(let counts)? = try outcome.json[name] else {
      Issue.record("no \(name) in \(outcome.output) \(outcome.errors)")
      return [:]
    }
    return counts
  }

  @Test func trace() throws {
    let folder = try TemporaryFolder()
    let arguments = Self.tiny + ["--trace", "trace.json", "--json", "--quiet", "--backend"]
    let host = try Command.run(arguments + ["openblas"], in: folder)
    #expect(try counts(host, "launches").isEmpty)
    let calls = try counts(host, "calls")
    #expect(calls["contraction"] != nil && calls["jet_composition"] != nil)
    #expect(calls["cblas_sgemm"] == nil)

    for family in ["host", "device"] {
      let device = try Command.run(
        arguments + ["opencl", "--kernel-family", family], in: folder)
      #expect(try counts(device, "calls").isEmpty)
      let launches = try counts(device, "launches")
      // Three compositions per pushforward (the last only adds the bias): 4 steps, and evaluations of 360 and of 1437 examples at
      // the start (test) and at the end (both) in batches of 512: 1 + 1 + 3.
      #expect(launches["jet_composition"] == .number(3 * (4 + 5)), "\(launches)")
      #expect(launches["loss"] == .number(4 + 5))
      #expect(launches.keys.contains { $0.hasPrefix("contraction") || $0.hasPrefix("jet_contr") })
      #expect(launches["update"] == .number(4) && launches["cblas_sgemm"] == nil)
    }

    let fast = try Command.run(arguments + ["openblas", "--numerics", "fast"], in: folder)
    let fastCalls = try counts(fast, "calls")
    #expect(fastCalls["cblas_sgemm"] != nil && fastCalls["contraction"] == nil, "\(fastCalls)")
    #expect(try fast.text("numerics") == "fast")
    let double = try Command.run(
      arguments + ["openblas", "--numerics", "fast", "--dtype", "float64"], in: folder)
    #expect(try counts(double, "calls")["cblas_dgemm"] != nil)
    // Close to the reproducible result, within what a few steps of rounding can do.
    let (a, b) = (try fast.number("train_loss"), try host.number("train_loss"))
    #expect(abs(a - b) < 1e-4 * b)
    let table = try Command.run(Self.tiny + ["--trace", "trace.json"], in: folder)
    #expect(table.output.contains("jet_composition"))
  }

  /// The bar is for terminals, and its colour goes away with NO_COLOR.
  @Test(arguments: [(false, nil), (false, "1"), (true, nil)] as [(Bool, String?)])
  func terminal(_ isQuiet: Bool, _ noColor: String?) throws {
    let folder = try TemporaryFolder()
    let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    try #require(controller >= 0)
    defer { close(controller) }
    // TIOCSPTLCK and TIOCGPTN of <asm-generic/ioctls.h>: unlock the terminal and ask its number.
    var (isLocked, number): (CInt, CInt) = (0, 0)
    try #require(ioctl(controller, 0x4004_5431, &isLocked) == 0)
    try #require(ioctl(controller, 0x8004_5430, &number) == 0)
    let name = "/dev/pts/\(number)"
    let held = open(name, O_RDWR | O_NOCTTY)
    defer { close(held) }
    let child = try Child(
      Self.tiny + ["--json"] + (isQuiet ? ["--quiet"] : []), in: folder,
      environment: ["NO_COLOR": noColor], terminal: name)
    let outcome = try child.wait()
    #expect(outcome.status == 0)
    // The kernel hands on what was written in its own time, but in order: everything has come once
    // a mark written after it has.
    let mark = "<end>"
    try #require(write(held, mark, mark.utf8.count) == mark.utf8.count)
    var bytes: [UInt8] = []
    while !String(decoding: bytes, as: UTF8.self).hasSuffix(mark) {
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = read(controller, &piece, piece.count)
      try #require(count > 0)
      bytes += piece.prefix(count)
    }
    let text = String(String(decoding: bytes, as: UTF8.self).dropLast(mark.count))
    #expect(text.contains("4/4") == !isQuiet, "\(text)")
    #expect(text.contains("\u{1B}[36m") == (!isQuiet && noColor == nil))
    #expect(text.isEmpty == isQuiet)
    #expect(try outcome.number("steps") == 4)
  }

  @Test func help() throws {
    let folder = try TemporaryFolder()
    for arguments in [[], ["--help"], ["help"]] {
      let outcome = try Command.run(arguments, in: folder)
      #expect(outcome.status == 0 && outcome.errors.isEmpty)
      #expect(outcome.output.contains("SUBCOMMANDS") && outcome.output.contains("train"))
    }
    for verb in ["devices", "init", "summary", "train", "evaluate", "expand", "jvp", "vjp"] {
      let outcome = try Command.run(verb, "--help", in: folder)
      #expect(outcome.status == 0 && outcome.errors.isEmpty && outcome.output.contains("USAGE"))
    }
    let train = try Command.run("train", "--help", in: folder).output
    for group in ["NETWORK", "DATA", "TRAINING", "WHERE TO COMPUTE", "WHAT TO PRINT"] {
      #expect(train.uppercased().contains(group), "\(group)")
    }
    let version = try Command.run("--version", in: folder)
    #expect(version.status == 0 && version.output.contains("."))
  }
}
