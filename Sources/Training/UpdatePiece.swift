import Compute
import Networks

/// What the optimizer takes at a time: a maximal run, in the flat vector, of trained tensors with one
/// factor on η; in a signed frame the tensors one by one.
struct UpdatePiece {
  var range: Range<Int>
  /// On η.
  var rateFactor: Double
  /// Its neurons, a row for each, in a signed frame.
  var neurons: Range<Int>?

  /// This part of a flat vector.
  func of(_ vector: Matrix) -> Matrix {
    vector.slice(at: range.lowerBound, rows: 1, columns: range.count)
  }

  /// - Parameter rateFactors: one for each tensor.
  static func pieces(
    _ model: Model, _ isTrainable: [Bool], rateFactors: [Double]
  ) -> [UpdatePiece] {
    let tensors = model.network.parameters
    let signs = model.signs.flatMap { $0.hasFrames ? $0 : nil }
    let neurons = Dictionary(
      uniqueKeysWithValues: (signs?.neurons.parts ?? []).map { ($0.tensor.offset, $0.neurons) })
    var pieces: [UpdatePiece] = []
    for (index, tensor) in tensors.enumerated() where isTrainable[index] {
      if signs == nil, let last = pieces.last, last.range.upperBound == tensor.offset,
        last.rateFactor == rateFactors[index]
      {
        pieces[pieces.count - 1].range = last.range.lowerBound..<tensor.range.upperBound
      } else {
        pieces.append(
          UpdatePiece(
            range: tensor.range, rateFactor: rateFactors[index], neurons: neurons[tensor.offset]))
      }
    }
    return pieces
  }
}
