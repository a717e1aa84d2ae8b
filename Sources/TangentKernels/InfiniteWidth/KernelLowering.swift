import Compute
import Networks

/// Turns the layers of a network into steps of its kernel at infinite width, or says which layer has
/// none.
///
/// Why a layer's output stays Gaussian, and K and Θ add as they do: an affine layer sums many terms with
/// weights drawn independently, so given the second moments of its input its outputs are Gaussian,
/// independent between channels, of mean 0. Means over positions and flattening are linear and
/// the same in every channel; normalization divides by the root of a mean of squares over infinitely
/// many channels, which is a number, not a random variable, and subtracts a mean that is 0. A sum of
/// two branches has K_s + a²K_m where the branches' covariance is 0, for which it is enough that one
/// of them depends linearly on weights that the other does not know; gradients likewise.
struct KernelLowering {
  /// What the steps are for.
  enum Purpose {
    /// The kernel between two examples.
    case kernel
    /// The variances of single examples at the inputs of activations and normalizations; steps that
    /// no variance depends on are left out.
    case variances
  }

  let parameterization: Parameterization
  let kind: KernelKind
  let degree: Int?
  let purpose: Purpose
  var program = KernelProgram()
  private var depth = 0

  init(_ description: NetworkDescription, _ kind: KernelKind, degree: Int?, _ purpose: Purpose) {
    parameterization = description.parameterization
    (self.kind, self.degree, self.purpose) = (kind, degree, purpose)
  }

  /// The whole network.
  mutating func lower(_ description: NetworkDescription) throws -> KernelProgram {
    let needs = KernelNeeds(description.layers, after: KernelNeeds())
    var signal = KernelSignal(
      channels: description.input.reduce(1, *), grid: KernelGrid(), isFlat: true, content: .input)
    if description.input.count == 3, Self.isSpatial(description.layers) {
      signal.channels = description.input[0]
      let cells: KernelLayout.Cells = needsPairs(needs) ? .pairs : .positions
      signal.grid =
        KernelGrid(
          height: description.input[1], width: description.input[2], cells: cells
        ).normalized
      signal.isFlat = false
    }
    (program.channels, program.start) = (signal.channels, signal.grid)
    program.mostCells = signal.grid.cellCount
    var steps = try lower(description.layers, "", &signal, after: KernelNeeds())
    // The mean over the outputs' positions, if images come out.
    if purpose == .kernel { flatten(&signal, &steps) }
    program.steps = steps
    return program
  }

  /// Whether positions of images matter before they are flattened.
  private static func isSpatial(_ layers: [LayerDescription]) -> Bool {
    layers.contains { layer in
      switch layer {
      case .conv, .avgPool, .globalAvgPool: true
      case .residual(let residual): isSpatial(residual.main) || isSpatial(residual.shortcut)
      default: false
      }
    }
  }

  private func needsPairs(_ needs: KernelNeeds) -> Bool {
    purpose == .kernel ? needs.hasPool : needs.hasPoolBeforeFunction
  }

  /// Whether the steps in front of what comes are wanted at all.
  private func isAlive(_ needs: KernelNeeds) -> Bool {
    purpose == .kernel || needs.hasFunction
  }

  // MARK: Layers

  /// - Parameters:
  ///   - prefix: of the layers' numbers in messages: "" or "2.main.".
  ///   - after: what comes behind the last of the layers.
  private mutating func lower(
    _ layers: [LayerDescription], _ prefix: String, _ signal: inout KernelSignal,
    after: KernelNeeds
  ) throws -> [KernelStep] {
    var steps: [KernelStep] = []
    let whole = KernelNeeds(layers, after: after)
    if signal.grid.cells == .pairs, !needsPairs(whole), isAlive(whole) {
      append(signal.grid.diagonal, &signal, &steps)
    }
    for (index, layer) in layers.enumerated() {
      let behind = KernelNeeds(layers[(index + 1)...], after: after)
      let place = "layer \(prefix)\(index) (\(layer.name))"
      var added: [KernelStep] = []
      var isWanted = isAlive(behind)
      switch layer {
      case .dense(let dense):
        flatten(&signal, &added)
        added.append(
          affine(
            dense.scales, dense.weightStd, dense.biasStd, dense.hasBias, signal.channels, signal))
        drawn(&signal, channels: dense.units)
      case .conv(let conv):
        guard conv.groups == 1 else {
          throw Self.refusal(
            "\(place) has \(conv.groups) groups, whose limit at infinite width this program does not "
              + "have; leave groups out")
        }
        let geometry = try conv.geometry(of: signal.extent, channels: signal.channels, place)
        let fanIn = geometry.patchCount
        append(signal.grid.convolved(geometry), &signal, &added)
        added.append(affine(conv.scales, conv.weightStd, conv.biasStd, conv.hasBias, fanIn, signal))
        drawn(&signal, channels: conv.channels)
      case .activation(.identity): break
      case .activation(let activation):
        try requireGaussian(signal, place, "an activation")
        isWanted = true
        added.append(function(KernelFunction(activation, degree: degree), signal))
        signal.content = .other(place)
        (signal.isFresh, signal.isOdd) = (false, false)
      case .layerNorm(let norm):
        try requireNormalization(norm, signal, place)
        isWanted = true
        // Over the features of a flattened image: over its positions too, which then differ.
        let isMixed = signal.isFlat && signal.grid.positionCount > 1
        if signal.isFlat { flatten(&signal, &added) }
        added.append(function(.closed(.normalization(epsilon: norm.epsilon)), signal))
        if isMixed { signal.content = .other(place) }
      case .batchNorm:
        throw Self.refusal(
          "\(place) has no limit at infinite width: its statistics are stored numbers, not those of a "
            + "network's initial distribution; take layer_norm")
      case .avgPool(let pool):
        pooling(
          PoolingWindow(image: signal.extent, window: pool.window, stride: pool.stride),
          behind, &signal, &added)
      case .globalAvgPool:
        pooling(PoolingWindow(whole: signal.extent), behind, &signal, &added)
        signal.isFlat = true
      case .flatten: signal.isFlat = true
      case .residual(let residual):
        isWanted = isAlive(KernelNeeds([layer], after: behind))
        added.append(try lower(residual, "\(prefix)\(index)", place, &signal, after: behind))
      case .dropout(let rate):
        guard rate == 0 else {
          throw Self.refusal(
            "\(place) has no limit at infinite width: its kernel would depend on what is dropped; "
              + "remove it, or set its rate to 0")
        }
      case .maxPool:
        throw Self.refusal(
          "\(place) has no known limit at infinite width; take avg_pool")
      }
      if isWanted { steps += added }
    }
    return Self.fused(steps, purpose)
  }

  /// Behind an affine layer.
  private func drawn(_ signal: inout KernelSignal, channels: Int) {
    signal.channels = channels
    signal.content = .gaussian
    (signal.isFresh, signal.isOdd) = (true, true)
  }

  private mutating func append(
    _ change: (windows: [KernelWindow], grid: KernelGrid), _ signal: inout KernelSignal,
    _ steps: inout [KernelStep]
  ) {
    signal.grid = change.grid
    guard !change.windows.isEmpty else { return }
    program.mostCells = max(
      program.mostCells, change.windows.map(\.outputCount).max() ?? 0)
    steps.append(.windows(change.windows))
  }

  /// To one position, whose kernel is the mean over all.
  private mutating func flatten(_ signal: inout KernelSignal, _ steps: inout [KernelStep]) {
    if signal.grid.cells == .pairs { append(signal.grid.diagonal, &signal, &steps) }
    signal.channels *= signal.grid.positionCount
    append((signal.grid.averaged, KernelGrid()), &signal, &steps)
    signal.isFlat = true
  }

  private mutating func pooling(
    _ window: PoolingWindow, _ behind: KernelNeeds, _ signal: inout KernelSignal,
    _ steps: inout [KernelStep]
  ) {
    guard isAlive(behind) else {
      signal.grid = KernelGrid(height: window.pooled.height, width: window.pooled.width).normalized
      return
    }
    append(
      signal.grid.pooled(window, keepsPairs: needsPairs(behind)), &signal, &steps)
  }

  private mutating func function(_ function: KernelFunction, _ signal: KernelSignal) -> KernelStep {
    program.slots.append(signal.grid)
    return .function(function, nil, signal.grid, slot: program.slots.count - 1)
  }

  /// K ← m²σw² K + m_b²σb², and Θ ← m²(N·K + σw² Θ) + m_b², in ntk m²σw²(K + Θ) + m_b²σb²; K and Θ are
  /// means over the kernel's positions already.
  private func affine(
    _ scales: LayerScales, _ weightStd: Double, _ biasStd: Double, _ hasBias: Bool, _ fanIn: Int,
    _ signal: KernelSignal
  ) -> KernelStep {
    let square = scales.multiplier * scales.multiplier
    let biasSquare = hasBias ? scales.biasMultiplier * scales.biasMultiplier : 0
    let (weight, bias) = (square * weightStd * weightStd, biasSquare * biasStd * biasStd)
    let isTangent = parameterization == .ntk
    return .affine(
      KernelAffine(
        factor: weight, bias: bias, ntkFactor: weight,
        nngpShare: isTangent ? weight : square * Double(fanIn),
        ntkBias: isTangent ? bias : biasSquare), signal.grid)
  }

  // MARK: Branches

  private mutating func lower(
    _ residual: LayerDescription.Residual, _ number: String, _ place: String,
    _ signal: inout KernelSignal, after: KernelNeeds
  ) throws -> KernelStep {
    let fork = signal
    var (main, shortcut) = (fork, fork)
    (main.isFresh, main.isOdd) = (false, true)
    (shortcut.isFresh, shortcut.isOdd) = (false, true)
    depth += 1
    program.depth = max(program.depth, depth)
    let steps = (
      main: try lower(residual.main, "\(number).main.", &main, after: after),
      shortcut: try lower(residual.shortcut, "\(number).shortcut.", &shortcut, after: after)
    )
    depth -= 1
    guard main.content != .input, shortcut.content != .input else {
      throw Self.refusal(
        "\(place) adds the inputs themselves, which are no wider than they are, to a branch; let both "
          + "branches begin behind a dense layer or a convolution, or hold one")
    }
    guard main.isFresh || shortcut.isFresh else {
      throw Self.refusal(
        "\(place) adds two branches that depend on one another; let one of them end with a dense "
          + "layer or a convolution")
    }
    guard main.extent == shortcut.extent else {
      throw Self.refusal(
        "\(place) adds branches of \(main.extent) and \(shortcut.extent) positions; let images be "
          + "flattened behind it")
    }
    signal = main
    signal.isFlat = main.isFlat || shortcut.isFlat
    // Relative to the fork before this one.
    func isFresh(_ branch: KernelSignal) -> Bool {
      branch.isFresh || branch.isOdd && fork.isFresh
    }
    signal.isFresh = isFresh(main) && isFresh(shortcut)
    signal.isOdd = [main, shortcut].allSatisfy { $0.isFresh || $0.isOdd && fork.isOdd }
    if case .other = shortcut.content { signal.content = shortcut.content }
    return .residual(
      main: steps.main, shortcut: steps.shortcut, scale: residual.scale * residual.scale,
      joins: isAlive(after))
  }

  /// Affine maps go with the function behind them. Variances are taken between the two.
  private static func fused(_ steps: [KernelStep], _ purpose: Purpose) -> [KernelStep] {
    guard purpose == .kernel else { return steps }
    var fused: [KernelStep] = []
    for step in steps {
      if case .function(let function, nil, let grid, let slot) = step,
        case .affine(let affine, _)? = fused.last
      {
        fused[fused.count - 1] = .function(function, affine, grid, slot: slot)
      } else {
        fused.append(step)
      }
    }
    return fused
  }
}
