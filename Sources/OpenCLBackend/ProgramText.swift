import Kernels

/// The texts of the kernel sources and what goes before each.
struct ProgramText {
  private let texts: [String: String]
  /// The sources whose text is not the embedded one.
  let replaced: Set<String>

  init(replacing replacements: [String: String] = [:]) {
    var texts: [String: String] = [:]
    var index: Int32 = 0
    while true {
      let source = maclaurin_source(index)
      guard let name = source.name, let text = source.text else { break }
      let bytes = UnsafeRawBufferPointer(start: text, count: Int(source.length))
      texts[String(cString: name)] = String(decoding: bytes, as: UTF8.self)
      index += 1
    }
    self.texts = texts.merging(replacements) { $1 }
    replaced = Set(replacements.keys)
  }

  /// The embedded text of one source.
  subscript(source: String) -> String? { texts[source] }

  /// The sources of the program of `source`, in order.
  func parts(of source: String) -> [String] {
    switch source {
    case "contraction_host": ["parameters", "dialect", source]
    case "contraction", "jet_contraction", "jet_contraction_nodes":
      ["parameters", "dialect", "contraction_tile", source]
    case "random_fill", "dropout", "image_gather":
      ["parameters", "dialect", "functions", "series", "philox", source]
    case "dual_activation", "dual_series":
      [
        "parameters", "dialect", "functions", "series", "kernel_cells", "dual_function", source,
      ]
    case "image_gram": ["parameters", "dialect", "functions", "series", "kernel_cells", source]
    default: ["parameters", "dialect", "functions", "series", source]
    }
  }

  func isReplaced(_ source: String) -> Bool { parts(of: source).contains { replaced.contains($0) } }

  /// The whole program; compilers report places by source and line.
  func program(of source: String) -> String {
    parts(of: source).map { part in
      guard let text = texts[part] else { preconditionFailure("no kernel source \(part)") }
      return "#line 1 \"\(part).cl\"\n\(text)\n"
    }.joined()
  }
}
