import Compute

/// A network described by its name and a few numbers.
///
/// - `mlp:WIDTHxDEPTH`: DEPTH dense layers of WIDTH units, an activation after each.
/// - `cnn:CHANNELSxLAYERS`: LAYERS 3×3 convolutions of CHANNELS channels without padding, an
///   activation after each, then global average pooling. `cnn-thin` is `cnn:128x4`, `cnn-thick`
///   `cnn:512x4`.
/// - `wrn:B-W-C`: a wide residual network without normalisation: a 3×3 convolution of C channels,
///   then three groups of 16·W, 32·W and 64·W channels, the last two beginning with stride 2, of B
///   blocks each; then average pooling over 8×8 positions (all of them if there are fewer). A block is
///   [activation, conv 3×3, activation, conv 3×3] beside its shortcut, in the first block of a group a
///   3×3 convolution. `wrn-thin` is `wrn:2-4-128`, `wrn-thick` `wrn:2-8-256`.
///
/// All end with a dense layer. The last two are the networks of Bai et al., arXiv 2002.04010.
public enum NetworkPreset: Sendable, Equatable {
  case mlp(width: Int, depth: Int)
  case cnn(channels: Int, layers: Int)
  case wrn(blocks: Int, width: Int, channels: Int)

  /// The known forms, for help texts and messages.
  public static let forms =
    "mlp:WIDTHxDEPTH, cnn:CHANNELSxLAYERS, wrn:BLOCKS-WIDTH-CHANNELS, cnn-thin, cnn-thick, wrn-thin "
    + "or wrn-thick"

  /// Nil if `text` does not begin like a preset.
  public init?(parsing text: String) throws {
    switch text {
    case "cnn-thin": self = .cnn(channels: 128, layers: 4)
    case "cnn-thick": self = .cnn(channels: 512, layers: 4)
    case "wrn-thin": self = .wrn(blocks: 2, width: 4, channels: 128)
    case "wrn-thick": self = .wrn(blocks: 2, width: 8, channels: 256)
    default:
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, ["mlp", "cnn", "wrn"].contains(parts[0]) else { return nil }
      let separator: Character = parts[0] == "wrn" ? "-" : "x"
      let numbers = parts[1].split(separator: separator, omittingEmptySubsequences: false)
        .map { Int($0) ?? -1 }
      func within(_ limits: ClosedRange<Int>...) -> Bool {
        numbers.count == limits.count && zip(numbers, limits).allSatisfy { $1.contains($0) }
      }
      if parts[0] == "mlp", within(1...(1 << 24), 0...1000) {
        self = .mlp(width: numbers[0], depth: numbers[1])
      } else if parts[0] == "cnn", within(1...(1 << 20), 1...1000) {
        self = .cnn(channels: numbers[0], layers: numbers[1])
      } else if parts[0] == "wrn", within(1...1000, 1...(1 << 14), 1...(1 << 20)) {
        self = .wrn(blocks: numbers[0], width: numbers[1], channels: numbers[2])
      } else {
        throw NetworkError(
          "\"\(text)\" is not a network preset; write \(Self.forms), for example mlp:512x3, "
            + "cnn:128x4 or wrn:2-4-128")
      }
    }
  }

  /// The same preset with another width, channel count or width factor.
  public func replacing(width: Int) -> NetworkPreset {
    switch self {
    case .mlp(_, let depth): .mlp(width: width, depth: depth)
    case .cnn(_, let layers): .cnn(channels: width, layers: layers)
    case .wrn(let blocks, _, let channels): .wrn(blocks: blocks, width: width, channels: channels)
    }
  }

  public func description(
    input: [Int], outputs: Int, activation: Activation, parameterization: Parameterization,
    initialization: Initialization = .lecun, weightStd: Double, biasStd: Double
  ) -> NetworkDescription {
    func dense(_ units: Int) -> LayerDescription {
      .dense(.init(units: units, weightStd: weightStd, biasStd: biasStd))
    }
    func conv(
      _ channels: Int, _ padding: LayerDescription.Padding, stride: Int = 1
    ) -> LayerDescription {
      .conv(
        .init(
          channels: channels, kernel: .init(3, 3), stride: .init(stride, stride),
          padding: padding, weightStd: weightStd, biasStd: biasStd))
    }
    let act = LayerDescription.activation(activation)
    var layers: [LayerDescription] = []
    switch self {
    case .mlp(let width, let depth):
      for _ in 0..<depth { layers += [dense(width), act] }
    case .cnn(let channels, let count):
      for _ in 0..<count { layers += [conv(channels, .valid), act] }
      layers.append(.globalAvgPool)
    case .wrn(let blocks, let width, let first):
      layers.append(conv(first, .same))
      for (group, stride) in [1, 2, 2].enumerated() {
        let channels = (16 << group) * width
        for block in 0..<blocks {
          let step = block == 0 ? stride : 1
          layers.append(
            .residual(
              .init(
                main: [act, conv(channels, .same, stride: step), act, conv(channels, .same)],
                shortcut: block == 0 ? [conv(channels, .same, stride: step)] : [])))
        }
      }
      if input.count == 3 {
        let extents = input[1...].map { min(8, ($0 + 3) / 4) }
        layers.append(.avgPool(.init(window: .init(extents[0], extents[1]))))
      }
      layers.append(.flatten)
    }
    layers.append(dense(outputs))
    return NetworkDescription(
      input: input, parameterization: parameterization, initialization: initialization,
      layers: layers)
  }
}
