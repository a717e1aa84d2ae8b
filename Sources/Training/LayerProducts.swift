import Compute
import Networks

/// How one dense layer of an expansion multiplies its series in a step.
public struct LayerProducts: Sendable, Equatable {
  /// "layers.2", as in parameter files.
  public var layer: String
  public var forward: JetProductPlan
  /// Nil where no cotangent is needed: at the first layer.
  public var adjoint: JetProductPlan?
  /// Products of the size of a coefficient: forward, adjoint and gradient.
  public var products: Int
  /// Those that the schoolbook takes.
  public var schoolbookProducts: Int

  /// The layers of a network, in the order in which they are first met.
  ///
  /// - Parameter products: a step's, whose weights lie where the parameter vector has them.
  static func all(_ products: some Sequence<JetContraction>, _ network: Network) -> [LayerProducts]
  {
    var layers: [LayerProducts] = []
    for product in products {
      let tensor = network.parameters.first {
        $0.offset == product.center.offset && $0.count == product.center.count
      }
      // Kernel positions brought before channels lie elsewhere, and convolutions are no matter here.
      guard let tensor, tensor.shape.count == 2, product.input.directions == 1 else { continue }
      let layer = String(tensor.name.dropLast(".weight".count))
      let schoolbook = JetProductPlan.schoolbookCount(
        sense: product.sense, inputDegree: product.input.degree,
        outputDegree: product.output.degree)
      let own = product.plan.isInterpolated ? product.plan.productCount : schoolbook
      let index = layers.firstIndex { $0.layer == layer }
      switch product.sense {
      case .forward where index == nil:
        // The gradient has a term for each coefficient of the output but the first.
        layers.append(
          LayerProducts(
            layer: layer, forward: product.plan, products: own + product.output.degree,
            schoolbookProducts: schoolbook + product.output.degree))
      case .adjoint:
        guard let index, layers[index].adjoint == nil else { continue }
        layers[index].adjoint = product.plan
        layers[index].products += own
        layers[index].schoolbookProducts += schoolbook
      default: continue
      }
    }
    return layers
  }
}
