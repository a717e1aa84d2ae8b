import Compute
import Glibc

/// Times of operations other than contractions, launches included, by kind and size.
public struct ElementwiseTables: Sendable, Codable, Equatable {
  /// Bytes that a linear combination reads and writes: what only moves data.
  public var stream: ProfileTable
  /// Elements summed to one.
  public var reduction: ProfileTable
  /// Rows and columns.
  public var columnSums: ProfileTable
  /// Cells (elements of one coefficient) and degree.
  public var product: ProfileTable
  /// Examples and outputs.
  public var loss: ProfileTable
  /// Normal random numbers.
  public var random: ProfileTable
  /// Compositions with ReLU and with tanh: cells and degree + 1.
  public var gated: ProfileTable
  public var smooth: ProfileTable

  /// - Parameter type: what the tables were measured in.
  func seconds(_ operation: Operation, of type: ScalarType) -> Double {
    switch operation {
    case .jetComposition(let composition): return seconds(composition, of: type)
    case .jetProduct(let jets): return seconds(jets, of: type)
    case .linearCombination(let content): return streamSeconds(content.cost)
    case .blockCombination(let content): return streamSeconds(content.cost)
    case .rayWeights(let content): return streamSeconds(content.cost)
    case .fill(let content): return streamSeconds(content.cost)
    case .gather(let content): return streamSeconds(content.cost)
    case .matrixCopy(let content): return streamSeconds(content.cost)
    case .unfold(let content): return streamSeconds(content.cost)
    case .fold(let content): return streamSeconds(content.cost)
    case .transposition(let content): return streamSeconds(content.cost)
    case .pooling(let content): return streamSeconds(content.cost)
    case .layerNorm(let content): return seconds(content, of: type)
    case .layerAffine(let content): return streamSeconds(content.cost)
    case .columnProducts(let content): return seconds(content, of: type)
    case .dropout(let content): return seconds(random, content.x.count, 1, content.x.type, type)
    case .imageGather(let content): return streamSeconds(content.cost)
    case .optimizerUpdate(let content): return streamSeconds(content.cost)
    case .rowScaling(let content): return streamSeconds(content.cost)
    case .rowSquares(let content): return streamSeconds(content.cost)
    case .rowPenalty(let content): return streamSeconds(content.cost)
    case .dualActivation(let content):
      return elementarySeconds(content.cost.flops / 25, content.nngp.type, type)
    case .dualSeries(let content):
      return elementarySeconds(content.cost.flops / 25, content.nngp.type, type)
    case .windowSum(let content): return streamSeconds(content.cost)
    case .imageGram(let content):
      return elementarySeconds(content.cost.flops / 25, content.output.type, type)
    case .extraction(let content): return streamSeconds(content.cost)
    case .projection(let content): return streamSeconds(content.cost)
    case .projectionResidual(let content): return streamSeconds(content.cost)
    case .reduction(let content):
      return seconds(reduction, content.x.count, 1, content.x.type, type)
    case .columnSums(let sums):
      return seconds(columnSums, sums.x.rows, sums.x.columns * sums.batch, sums.x.type, type)
    case .loss(let content):
      return seconds(loss, content.logits.block, content.logits.columns, content.targets.type, type)
    case .softmaxCurvature(let content):
      let tangents = content.tangents
      return seconds(loss, tangents.rows, tangents.columns, tangents.type, type)
    case .randomFill(let content):
      return seconds(random, content.output.count, 1, content.output.type, type)
    case .contraction, .jetContraction, .directionScale, .gradientClipping:
      return streamSeconds(Cost())
    }
  }

  private func streamSeconds(_ cost: Cost) -> Double {
    stream.seconds(log2(max(1, cost.bytes)))
  }

  /// Arithmetic of so many tanh, which take about 25 operations each.
  private func elementarySeconds(
    _ count: Double, _ type: ScalarType, _ own: ScalarType
  ) -> Double {
    seconds(smooth, count * DeviceProfile.slowdown(type, against: own), 1)
  }

  private func seconds(
    _ table: ProfileTable, _ x: Int, _ y: Int, _ type: ScalarType, _ own: ScalarType
  ) -> Double {
    seconds(table, Double(x) * DeviceProfile.slowdown(type, against: own), y)
  }

  private func seconds(_ table: ProfileTable, _ x: Double, _ y: Int) -> Double {
    table.seconds(log2(max(1, x)), log2(Double(max(1, y))))
  }

  /// An activation that takes longer counts as one with more cells, so that launches stay launches.
  private func seconds(_ composition: JetComposition, of own: ScalarType) -> Double {
    let (input, output) = (composition.input, composition.output)
    let cells = input.block * input.columns * input.directions
    let degree = max(output.degree, composition.slopeDegree)
    let size = Double(cells) * DeviceProfile.slowdown(input.type, against: own)
    guard let work = composition.activation.work else { return seconds(gated, size, degree + 1) }
    return seconds(smooth, work * size, degree + 1)
  }

  /// Products of series and sums of them, column by column.
  private func seconds(_ operation: LayerNorm, of own: ScalarType) -> Double {
    let jet: JetView
    switch operation.sense {
    case .forward(_, let output, _): jet = output
    case .adjoint(let cotangent, _, _, _): jet = cotangent
    }
    let cells = jet.block * jet.columns * jet.directions
    return 2 * seconds(product, cells, jet.degree + 1, jet.type, own)
  }

  /// A sum of products reads twice what a sum reads.
  private func seconds(_ operation: ColumnProducts, of own: ScalarType) -> Double {
    let jet = operation.cotangent
    return seconds(
      columnSums, 2 * jet.block * jet.degree, jet.columns * jet.directions, jet.type, own)
  }

  private func seconds(_ operation: JetProduct, of own: ScalarType) -> Double {
    let jet: JetView
    let degree: Int
    switch operation.sense {
    case .forward(_, _, let output): (jet, degree) = (output, output.degree + 1)
    case .adjoint(_, let cotangent, let last): (jet, degree) = (cotangent, last)
    }
    return seconds(product, jet.block * jet.columns * jet.directions, degree, jet.type, own)
  }
}

extension Activation {
  /// Time of its composition relative to tanh's, about the same on all devices; nil for those that
  /// take a few operations only.
  fileprivate var work: Double? {
    switch self {
    case .identity, .relu, .leakyReLU, .quadratic, .abs, .sign: nil
    case .tanh, .exp: 1
    case .sigmoid, .swish, .gaussian: 1.2
    case .erf, .softplus, .geluTanh: 1.4
    case .gelu, .sin, .cos: 2.2
    }
  }
}
