/// What distinguishes one compiled program from another within a session.
struct ProgramKey: Hashable {
  struct Define: Hashable {
    let name: String
    let value: Int
  }

  let source: String
  let defines: [Define]
  let isDouble: Bool

  init(_ source: String, defines: [(name: String, value: Int)], isDouble: Bool) {
    self.source = source
    self.defines = defines.map { Define(name: $0.name, value: $0.value) }
    self.isDouble = isDouble
  }

  /// The define that also tells a compiler which can be told how many registers a work-item may use.
  static let registerLimit = "REGISTERS"

  /// "jet_composition, ACTIVATION=3"
  var description: String {
    ([source] + defines.map { "\($0.name)=\($0.value)" } + (isDouble ? ["float64"] : []))
      .joined(separator: ", ")
  }
}

/// One kernel function of a program.
struct KernelKey: Hashable {
  let function: String
  let program: ProgramKey
}
