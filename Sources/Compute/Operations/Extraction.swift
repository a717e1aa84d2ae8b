import Kernels

/// out ← the elements of patches, one patch after the other, bit for bit.
///
/// Element [i, s, j] of a patch of S starts and J inner elements lies (i·S + s)·J + j elements
/// after the patch's first one. What it is for: samples of an operation's operands, collected in
/// one place on the device, so that one download brings them all.
public struct Extraction: PortableOperation {
  /// 1×the patches' elements, of their type; row numbers and float32 may stand for one another.
  public var output: Matrix
  public var patches: [Patch]

  public init(_ output: Matrix, _ patches: [Patch]) {
    precondition(output.isContiguous, "contiguous")
    precondition(output.count == patches.reduce(0) { $0 + $1.count }, "an element for each")
    precondition(
      patches.allSatisfy { patch in
        patch.matrix.type.byteCount == output.type.byteCount
          && patch.starts.count <= Int(EXTRACTION_STARTS)
          && (patch.indirection == nil || patch.outer.count * patch.inner.count == 1)
      }, "patches of the output's size of elements, with few starts")
    self.output = output
    self.patches = patches
  }

  public var name: String { "extraction" }
  public var cost: Cost { Cost(bytes: 2 * Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    for index in patches.indices {
      var access = Access(.read, patches[index].matrix)
      if patches[index].indirection == nil { access.span = patches[index].span }
      try body(&patches[index].matrix, access)
      if var indirection = patches[index].indirection {
        try visit(&indirection.rows, .read, body)
        patches[index].indirection = indirection
      }
    }
    try visit(&output, .write, body)
  }

  public func define() {
    var next = 0
    for patch in patches {
      let buffer = patch.matrix.buffer
      let memory = Matrix(buffer, rows: 1, columns: buffer.count)
      for index in 0..<patch.count {
        var from = patch.matrix.offset + patch.offset(of: index)
        if let indirection = patch.indirection {
          let row = indirection.rows.flat[0, indirection.positions[index]].value
          from += Int(row) * indirection.stride
        }
        output.flat[0, next] = memory.exact(0, from)
        next += 1
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    var launches: [Launch] = []
    var next = 0
    var group: [Patch] = []
    func target(_ count: Int) -> Matrix {
      defer { next += count }
      return Matrix(output.buffer, offset: output.offset + next, rows: 1, columns: count)
    }
    func flush() {
      guard !group.isEmpty else { return }
      launches.append(launch(group, into: target(group.reduce(0) { $0 + $1.count })))
      group = []
    }
    for patch in patches where patch.count > 0 {
      if let indirection = patch.indirection {
        flush()
        launches.append(launch(patch, indirection, into: target(patch.count)))
      } else {
        group.append(patch)
        if group.count == Int(EXTRACTION_PATCHES) { flush() }
      }
    }
    flush()
    return launches
  }

  private func launch(_ patches: [Patch], into target: Matrix) -> Launch {
    let (limit, starts) = (Int(EXTRACTION_PATCHES), Int(EXTRACTION_STARTS))
    var words = [Int](repeating: 0, count: 1 + limit * (5 + starts))
    var end = 0
    for (q, patch) in patches.enumerated() {
      end += patch.count
      words[1 + q] = end
      words[1 + limit + q] = patch.starts.count
      words[1 + 2 * limit + q] = patch.outer.step
      words[1 + 3 * limit + q] = patch.inner.count
      words[1 + 4 * limit + q] = patch.inner.step
      for (s, start) in patch.starts.enumerated() {
        words[1 + 5 * limit + q * starts + s] = start
      }
    }
    words[0] = end
    var parameters = ExtractionParameters()
    withUnsafeMutableBytes(of: &parameters) { bytes in
      words.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }
    let sources = patches.map(\.matrix)
    // An absent source is never read; any buffer stands in for it.
    let fillers = Array(repeating: sources[0], count: limit - sources.count)
    return Launch(
      "extraction", source: "extraction", type: output.type,
      .items((end + Int(EXTRACTION_RUN) - 1) / Int(EXTRACTION_RUN)),
      [target] + sources + fillers, parameters, work: end)
  }

  private func launch(
    _ patch: Patch, _ indirection: Patch.Indirection, into target: Matrix
  ) -> Launch {
    let starts = Int(EXTRACTION_STARTS)
    var words = [Int](repeating: 0, count: 1 + 2 * starts)
    words[0] = indirection.stride
    for (s, start) in patch.starts.enumerated() {
      words[1 + s] = start
      words[1 + starts + s] = indirection.positions[s]
    }
    var parameters = IndirectExtractionParameters()
    withUnsafeMutableBytes(of: &parameters) { bytes in
      words.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }
    return Launch(
      "extraction_indirect", source: "extraction", type: output.type, .items(patch.starts.count),
      [target, patch.matrix, indirection.rows], parameters)
  }
}
