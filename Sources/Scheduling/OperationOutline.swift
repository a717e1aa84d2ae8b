import Compute

/// An operation's parameters and the names of its matrices, by reflection: so that a new operation
/// is described without further ado.
struct OperationOutline {
  /// Shapes and parameters by property.
  private(set) var parameters: [(name: String, value: String)] = []
  /// Names of the matrices, in the order of `visitOperands`.
  private(set) var operands: [String] = []

  private var order: [ObjectIdentifier: Int] = [:]

  init(_ operation: Operation) {
    // A buffer of its own for every operand tells them apart.
    var tagged = operation
    var buffers: [Buffer] = []
    tagged.visitOperands { matrix, _ in
      matrix = matrix.withoutMemory
      buffers.append(matrix.buffer)
    }
    for (index, buffer) in buffers.enumerated() { order[ObjectIdentifier(buffer)] = index }
    operands = buffers.indices.map { "operand \($0)" }
    withExtendedLifetime(buffers) { visit(tagged.content, "") }
  }

  private mutating func visit(_ value: Any, _ path: String) {
    switch value {
    case let matrix as Matrix: add(matrix, path)
    case let jet as JetView:
      add(jet.matrix, path)
      let zero = jet.hasZero ? "" : ", without coefficient 0"
      parameters.append(
        (
          path + ".jet",
          "block \(jet.block), degree \(jet.degree), capacity \(jet.capacity), directions "
            + "\(jet.directions)\(zero)"
        ))
    case let plan as JetProductPlan: parameters.append((path, plan.description))
    case is any BinaryInteger, is any BinaryFloatingPoint, is Bool, is String,
      is any RawRepresentable:
      parameters.append((path, "\(value)"))
    default:
      let mirror = Mirror(reflecting: value)
      if mirror.displayStyle == .optional {
        if let child = mirror.children.first { visit(child.value, path) }
        return
      }
      if mirror.children.isEmpty, mirror.displayStyle == .enum {
        parameters.append((path, "\(value)"))
      }
      for child in mirror.children {
        // Unnamed parts (".0") go by what they are part of.
        let label = child.label.flatMap { $0.hasPrefix(".") ? nil : $0 }
        visit(child.value, [path, label ?? ""].filter { !$0.isEmpty }.joined(separator: "."))
      }
    }
  }

  private mutating func add(_ matrix: Matrix, _ path: String) {
    let padding = matrix.isContiguous ? "" : ", rows \(matrix.stride) apart"
    parameters.append((path, "\(matrix.rows)×\(matrix.columns) \(matrix.type.rawValue)\(padding)"))
    if let index = order[ObjectIdentifier(matrix.buffer)] { operands[index] = path }
  }

  /// One line for people.
  var sentence: String {
    parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  }
}
