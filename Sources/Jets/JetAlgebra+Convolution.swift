import Compute

/// Convolution as unfolding plus contraction.
///
/// With X_i the unfolded coefficient i (a row for every output position, a column for every kernel
/// position and channel) and the weights as [outputs, kernel positions · channels], a convolution
/// is the dense layer z_i = X_i W0ᵀ + s·X_{i−1} Δᵀ. X_i is made in tiles of at most
/// `backend.workspaceBytes`, each used for both terms, and not at all where it is a view of x. A tile
/// is never less than one image's patches on the way back, and those of `Contraction.chainLength`
/// positions for a gradient.
///
/// Products of series are those of the schoolbook, also where a convolution is a dense layer.
///
/// With groups the image is first sorted by them, [groups·batch·H·W, channels of one], as if it were so
/// many images; then as many groups as fit into a tile are one batched contraction, whose results lie
/// side by side in the columns of z. Every result's sum is that of a convolution of its group alone.
extension JetAlgebra {
  /// The weights of a convolution as it uses them: [outputs, channels, h, w] with the kernel
  /// positions brought before the channels.
  public func kernelPositionsFirst(
    _ weight: TensorJet, _ geometry: ConvolutionGeometry, directions: Int
  ) throws -> TensorJet {
    let (taps, channels) = (geometry.kernel.count, geometry.channels)
    guard taps > 1, channels > 1 else { return weight }
    func transposed(_ matrix: Matrix, into target: Matrix) throws {
      try backend.run(
        .transposition(Transposition(target, from: matrix, rows: channels, columns: taps)))
    }
    let (outputs, columns) = (weight.center.rows, weight.center.columns)
    var result = weight
    result.center = try backend.matrix(outputs, columns, weight.center.type)
    try transposed(weight.center, into: result.center)
    if let displacement = weight.displacement {
      let all = try backend.matrix(directions * outputs, columns, weight.center.type)
      for v in 0..<directions {
        try transposed(
          displacement.moved(by: v * weight.displacementStride),
          into: all.rows((v * outputs)..<((v + 1) * outputs)))
      }
      result.displacement = all.rows(0..<outputs)
      result.displacementStride = outputs * columns
    }
    return result
  }

  /// z(t) = c·x(t) * W(t): x has a row for every input position, z one for every output position.
  ///
  /// - Parameters:
  ///   - weight: as `kernelPositionsFirst` gives it.
  ///   - capacity: leaves room for more coefficients than z has.
  public func convolve(
    _ x: Jet, _ weight: TensorJet, _ geometry: ConvolutionGeometry, factor: Double, capacity: Int
  ) throws -> Jet {
    if geometry.isDense {
      return try contract(
        x, weight, factor: factor, capacity: capacity, products: .schoolbook)
    }
    let degree = weight.displacement == nil ? x.degree : min(order, x.degree + 1)
    let block = x.block / geometry.input.count * geometry.output.count
    let z = try jet(
      block: block, columns: weight.center.rows, degree: degree, capacity: capacity,
      directions: x.directions, type: x.type)
    let tiles = try Tiles(self, geometry, rows: block, multiple: 64, type: x.type)
    // Downwards, so that every z_i has its W0 term before its Δ term.
    for i in stride(from: min(x.degree, degree), through: 0, by: -1) {
      for v in 0..<(i == 0 ? 1 : x.directions) {
        let coefficient = try grouped(x[i, direction: v], geometry)
        for tile in tiles.all {
          let patches = try tiles.patches(of: coefficient, tile.rows)
          func term(_ weights: Matrix, into z: Matrix, scale: Matrix?, beta: Double) throws {
            let (a, b, c) = (tile.unfolded(patches), tile.weights(weights), tile.columns(z))
            try backend.run(
              .contraction(
                Contraction(
                  a.matrix, b.matrix, into: c.matrix, transposeB: true, alpha: factor, scale: scale,
                  beta: beta, batch: tile.groups.count, strideA: a.step, strideB: b.step,
                  strideC: c.step)))
          }
          try term(weight.center, into: z[i, direction: v], scale: nil, beta: 0)
          guard let displacement = weight.displacement, i < degree else { continue }
          // Coefficient 0 is shared by the directions.
          for w in i == 0 ? 0..<x.directions : v..<(v + 1) {
            try term(
              displacement.moved(by: w * weight.displacementStride), into: z[i + 1, direction: w],
              scale: weight.scale, beta: i + 1 <= x.degree ? 1 : 0)
          }
        }
      }
    }
    return z
  }

  /// The transpose of `convolve`: x̄_i = c·fold(ȳ_i W0 + s·ȳ_{i+1} Δ).
  ///
  /// - Parameter over: x; its memory is used up where `reuses` allows it.
  public func convolveAdjoint(
    _ cotangent: Jet, _ weight: TensorJet, _ geometry: ConvolutionGeometry, factor: Double,
    over x: Jet, reuses: Bool = true
  ) throws -> Jet {
    if geometry.isDense {
      return try contractAdjoint(
        cotangent, weight, factor: factor, over: x, reuses: reuses, products: .schoolbook)
    }
    let result = try self.cotangent(over: x, directions: cotangent.directions, reuses: reuses)
    let isConstant = weight.displacement == nil
    let target = isConstant ? result.joined : result
    let cotangent = isConstant ? cotangent.joined : cotangent
    let images = target.block / geometry.input.count * geometry.groups
    let tiles = try Tiles(
      self, geometry, rows: cotangent.block, multiple: geometry.output.count, type: x.type)
    for v in 0..<cotangent.directions {
      for i in 1...target.degree {
        let whole = target[i, direction: v]
        let sorted =
          geometry.groups == 1
          ? whole
          : try backend.matrix(geometry.groups * whole.rows, geometry.channels, whole.type)
        for tile in tiles.all {
          let first = tile.rows.lowerBound / geometry.output.count
          let examples = first..<min(images, tile.rows.upperBound / geometry.output.count)
          let image = sorted.rows(
            (examples.lowerBound * geometry.input.count)..<(examples.upperBound
              * geometry.input.count))
          let patches = try tiles.room(for: image, tile.rows)
          func term(_ i: Int, _ weights: Matrix, scale: Matrix?, beta: Double) throws {
            let a = tile.columns(cotangent[i, direction: v])
            let (b, c) = (tile.weights(weights), tile.unfolded(patches))
            try backend.run(
              .contraction(
                Contraction(
                  a.matrix, b.matrix, into: c.matrix, alpha: factor, scale: scale, beta: beta,
                  batch: tile.groups.count, strideA: a.step, strideB: b.step, strideC: c.step)))
          }
          try term(i, weight.center, scale: nil, beta: 0)
          if let displacement = weight.displacement, i < cotangent.degree {
            try term(
              i + 1, displacement.moved(by: v * weight.displacementStride), scale: weight.scale,
              beta: 1)
          }
          if !geometry.viewIsPartition {
            try backend.run(.fold(Fold(image, from: patches, geometry)))
          }
        }
        if geometry.groups > 1 { try ungroup(sorted, geometry, into: whole) }
      }
    }
    return result
  }

  /// ΔW̄⁽ᵛ⁾ = c·s·Σ_{i=1..d} ȳ_iᵀ X_{i−1}, in the tensor's own order [outputs, channels, h, w].
  ///
  /// The chains of a sum run over a coefficient's rows and begin anew with the next coefficient;
  /// tiles are whole chains, so that their size cannot change a bit. `gradient` is direction 0's;
  /// others lie `stride` elements apart.
  public func convolutionGradient(
    _ cotangent: Jet, _ x: Jet, _ geometry: ConvolutionGeometry, factor: Double, scale: Matrix?,
    into gradient: Matrix, stride: Int
  ) throws {
    if geometry.isDense {
      return try weightGradient(
        cotangent, x, factor: factor, scale: scale, into: gradient, stride: stride)
    }
    let (taps, channels) = (geometry.kernel.count, geometry.channels)
    let isReordered = taps > 1 && channels > 1
    let (rows, columns) = (gradient.rows, gradient.columns)
    let directions = cotangent.directions
    let sums = try isReordered ? backend.matrix(directions * rows, columns, x.type) : gradient
    let step = isReordered ? rows * columns : stride
    let tiles = try Tiles(
      self, geometry, rows: cotangent.block, multiple: Contraction.chainLength, type: x.type)
    for i in 0..<cotangent.degree {
      for v in 0..<(i == 0 ? 1 : directions) {
        let coefficient = try grouped(x[i, direction: v], geometry)
        for tile in tiles.all {
          let patches = try tiles.patches(of: coefficient, tile.rows)
          for w in i == 0 ? 0..<directions : v..<(v + 1) {
            let a = tile.columns(cotangent[i + 1, direction: w])
            let b = tile.unfolded(patches)
            let c = tile.weights(sums.rows(0..<rows).moved(by: w * step))
            try backend.run(
              .contraction(
                Contraction(
                  a.matrix, b.matrix, into: c.matrix, transposeA: true, alpha: factor, scale: scale,
                  beta: i == 0 && tile.isFirst ? 0 : 1, batch: tile.groups.count, strideA: a.step,
                  strideB: b.step, strideC: c.step)))
          }
        }
      }
    }
    guard isReordered else { return }
    for v in 0..<directions {
      try backend.run(
        .transposition(
          Transposition(
            gradient.moved(by: v * stride), from: sums.rows((v * rows)..<((v + 1) * rows)),
            rows: taps, columns: channels)))
    }
  }
}
