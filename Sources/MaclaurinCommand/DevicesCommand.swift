import ArgumentParser
import Maclaurin

struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices", abstract: "List the devices that --backend can name.")

  @Flag(help: "Say where OpenCL platforms were looked for and why none was found.")
  var explain = false

  @Option(
    help: ArgumentHelp(
      "Also show how fast devices are: cached (measured if the cache has nothing) or refresh.",
      valueName: "policy"))
  var profile: ProfilePolicy?

  @OptionGroup var output: OutputOptions

  func run() throws {
    let devices = OpenCLDevices.list()
    if output.json {
      var entries = devices.map(json) + [["backend": .string("openblas")]]
      if let profile {
        let selections = devices.map { BackendSelection.opencl($0.index) } + [.openblas]
        for (index, selection) in selections.enumerated() {
          entries[index]["profile"] = ProfileDisplay.json(selection, profile, output)
        }
      }
      var members: [String: JSONValue] = ["devices": .array(entries.map { .object($0) })]
      if explain { members["explanation"] = .string(OpenCLDevices.explain()) }
      Console.json(members)
    } else {
      var rows = [["backend", "device", "type", "memory", "fp64", "reproducible"]]
      for device in devices {
        rows.append([
          "opencl:\(device.index)", device.name, device.kind.rawValue,
          bytesText(device.globalMemory), device.hasFloat64 ? "yes" : "no",
          device.isReproducible
            ? "yes" : "no: " + device.missingCapabilities.map(\.rawValue).joined(separator: ", "),
        ])
      }
      rows.append(["openblas", "CPU path", "cpu", "", "yes", "yes"])
      print(table(rows))
      for device in devices {
        if let text = Self.text(device.tuningOrigin) { print("opencl:\(device.index): \(text)") }
      }
      if let profile {
        let selections = devices.map { BackendSelection.opencl($0.index) } + [.openblas]
        print()
        print(ProfileDisplay.table(selections, profile, output))
      }
      if explain { print(OpenCLDevices.explain()) }
      if devices.isEmpty && !explain {
        output.note("No OpenCL device was found; maclaurin devices --explain says why.")
      }
    }
  }

  private static func text(_ origin: TuningOrigin?) -> String? {
    switch origin {
    case nil: nil
    case .shipped: "contractions are tuned by a table inside the program"
    case .file(let path): "contractions are tuned by \(path)"
    case .damaged(let path):
      "\(path) is damaged and ignored; maclaurin bench tune writes it anew"
    }
  }

  private func json(_ device: OpenCLDevice) -> [String: JSONValue] {
    [
      "backend": .string("opencl:\(device.index)"), "name": .string(device.name),
      "vendor": .string(device.vendor), "driver": .string(device.driverVersion),
      "version": .string(device.version), "platform": .string(device.platformName),
      "type": .string(device.kind.rawValue),
      "compute_units": .number(Double(device.computeUnits)),
      "global_memory": .number(Double(device.globalMemory)),
      "local_memory": .number(Double(device.localMemory)),
      "fp64": .bool(device.hasFloat64),
      "tuning": Self.text(device.tuningOrigin).map { .string($0) } ?? .null,
      "missing_capabilities": .array(device.missingCapabilities.map { .string($0.rawValue) }),
    ]
  }
}
