import Compute

/// What a function takes besides the kernels: variances of rows and columns and, if it is a series,
/// its coefficients and those of its slope.
struct KernelFunctionInputs {
  struct Side {
    var variances: Matrix
    var values: Matrix?
    var slopes: Matrix?
  }
  var rows: Side
  var columns: Side
}

/// Runs the steps of a program on one tile.
struct KernelEvaluation {
  let backend: any Backend
  let scratch: KernelScratch
  let rows: Int
  let columns: Int
  let pairing: KernelLayout.Pairing
  let wantsTangent: Bool
  /// What the function of a slot needs; shown the kernel in front of it.
  let inputs: (_ slot: Int, _ function: KernelFunction, KernelTile) throws -> KernelFunctionInputs

  private var pairCount: Int { pairing == .grid ? rows * columns : rows }

  /// The kernel of inputs, x1·x2ᵀ over channels divided by their number, on the program's first grid.
  func start(_ program: KernelProgram, _ x1: Matrix, _ x2: Matrix) throws -> KernelTile {
    let tile = KernelTile(
      memory: try scratch.take(), pairCount: pairCount, cellCount: program.start.cellCount)
    let alpha = 1 / Double(program.channels)
    if pairing == .grid, program.start.positionCount == 1 {
      var contraction = Contraction(
        x1, x2, into: tile.nngp.reshaped(rows: rows, columns: columns), transposeB: true,
        alpha: alpha)
      // The order of the sums that variances are: φ near 0 would magnify a difference.
      contraction.isOrdered = true
      try backend.run(.contraction(contraction))
    } else {
      try backend.run(
        .imageGram(
          ImageGram(
            x1, x2, into: tile.nngp,
            layout: program.start.layout(rows: rows, columns: columns, pairing),
            channels: program.channels, alpha: alpha)))
    }
    return tile
  }

  func run(_ steps: [KernelStep], _ tile: inout KernelTile) throws {
    for step in steps {
      switch step {
      case .affine(let affine, let grid):
        try activateTangent(&tile)
        try backend.run(
          .dualActivation(
            DualActivation(
              .identity, nngp: tile.nngp, ntk: tile.ntk, layout: layout(grid), affine: affine)))
      case .function(let function, let affine, let grid, let slot):
        if affine != nil { try activateTangent(&tile) }
        try apply(function, affine, layout(grid), inputs(slot, function, tile), tile)
      case .windows(let windows):
        for window in windows { try sum(window, &tile) }
      case .residual(let main, let shortcut, let scale, let joins):
        try fork(main, shortcut, scale, joins, &tile)
      }
    }
  }

  private func layout(_ grid: KernelGrid) -> KernelLayout {
    grid.layout(rows: rows, columns: columns, pairing)
  }

  /// Θ is 0 up to the first affine layer.
  private func activateTangent(_ tile: inout KernelTile) throws {
    guard wantsTangent, !tile.hasTangent else { return }
    tile.hasTangent = true
    if let ntk = tile.ntk { try backend.run(.fill(Fill(ntk, value: 0))) }
  }

  private func apply(
    _ function: KernelFunction, _ affine: KernelAffine?, _ layout: KernelLayout,
    _ inputs: KernelFunctionInputs, _ tile: KernelTile
  ) throws {
    let (row, column) = (inputs.rows, inputs.columns)
    switch function {
    case .closed(let dual):
      try backend.run(
        .dualActivation(
          DualActivation(
            dual, nngp: tile.nngp, ntk: tile.ntk, layout: layout, rowVariances: row.variances,
            columnVariances: column.variances, affine: affine)))
    case .series:
      guard let rowValues = row.values, let columnValues = column.values else {
        preconditionFailure("a series has coefficients")
      }
      let slopes = row.slopes.flatMap { row in column.slopes.map { (row, $0) } }
      try backend.run(
        .dualSeries(
          DualSeries(
            nngp: tile.nngp, ntk: tile.ntk, layout: layout, rowVariances: row.variances,
            columnVariances: column.variances, values: (rowValues, columnValues),
            slopes: tile.hasTangent ? slopes : nil, affine: affine)))
    }
  }

  /// K and Θ at once: one is an outer index more.
  private func sum(_ window: KernelWindow, _ tile: inout KernelTile) throws {
    let result = KernelTile(
      memory: try scratch.take(), pairCount: pairCount, cellCount: window.outputCount,
      hasTangent: tile.hasTangent)
    try backend.run(
      .windowSum(
        WindowSum(
          window.mode, of: tile.whole, into: result.whole, axis: window.axis,
          outer: window.outer * pairCount * (tile.hasTangent ? 2 : 1), inner: window.inner,
          alpha: window.alpha)))
    scratch.give(tile.memory)
    tile = result
  }

  private func fork(
    _ main: [KernelStep], _ shortcut: [KernelStep], _ scale: Double, _ joins: Bool,
    _ tile: inout KernelTile
  ) throws {
    var branch = KernelTile(
      memory: try scratch.take(), pairCount: pairCount, cellCount: tile.cellCount,
      hasTangent: tile.hasTangent)
    try backend.run(.linearCombination(LinearCombination(branch.whole, 1, tile.whole)))
    try run(main, &branch)
    try run(shortcut, &tile)
    if joins {
      try backend.run(
        .linearCombination(LinearCombination(tile.whole, scale, branch.whole, 1, tile.whole)))
    }
    scratch.give(branch.memory)
  }
}
