import Compute
import Jets
import Networks
import TestSupport
import Testing
import Training

/// Coefficients, losses and gradients of Tests/Golden/jet-*.
@BackendActor @Suite struct GoldenExpansionTests {
  nonisolated static let dense = [
    "jet-mlp-tanh", "jet-mlp-relu", "jet-mlp-erf", "jet-mlp-gelu", "jet-mlp-softplus",
  ]
  nonisolated static let convolutional = ["jet-cnn-relu", "jet-resnet-tanh"]
  nonisolated static let names = dense + convolutional
  /// In float64, where only the last digits of 10⁻¹⁶ are rounding.
  private let tolerance = 1e-10

  /// The model of order k at θ (0: the network itself), with what it is evaluated on.
  private struct Setting {
    let golden: GoldenCase
    let backend: any Backend
    let type: ScalarType
    let inputs: Matrix
    let targets: Matrix

    init(_ name: String, _ type: ScalarType, on backend: any Backend) throws {
      golden = try GoldenCase(name)
      self.backend = backend
      self.type = type
      let (x, y) = (try golden.shape("x"), try golden.shape("y"))
      inputs = try backend.matrix(
        x[0], x.dropFirst().reduce(1, *), type, golden.values("x"))
      targets = try backend.matrix(y[0], y[1], type, golden.values("y"))
    }

    func displacement() throws -> [Double] {
      zip(try golden.parameters("theta."), try golden.parameters("theta0.")).map { $0 - $1 }
    }

    @BackendActor func model(_ order: Int) throws -> Model {
      let start = try golden.parameters(order == 0 ? "theta." : "theta0.")
      let center = try backend.matrix(1, start.count, type, start)
      let model = try Model(golden.network, center: center, order: order, on: backend)
      if let target = model.displacement { try backend.upload(displacement(), to: target) }
      return model
    }

    /// f_0…f_k, the scale taken out again.
    @BackendActor func coefficients(_ order: Int) throws -> [[Double]] {
      let model = try model(order)
      try model.updateScale()
      let jet = try model.pushforward(inputs)
      let s = try model.scale.map { try backend.download($0)[0] } ?? 1
      var power = 1.0
      return try (0...order).map { n in
        defer { power /= s }
        guard n <= jet.degree else {
          return [Double](repeating: 0, count: jet.block * jet.columns)
        }
        return try backend.download(jet[n]).map { $0 * power }
      }
    }

    @BackendActor func lossAndGradient(
      _ kind: Loss.Kind, _ order: Int
    ) throws -> (loss: Double, gradient: [Double]) {
      let model = try model(order)
      let objective = Objective(kind)
      let gradient = try backend.matrix(1, golden.network.parameterCount, type)
      let outputs = try Objective.Outputs(
        backend, count: inputs.rows, outputs: targets.columns, type: type)
      try objective.gradient(
        model, inputs: inputs, targets: targets, into: gradient, outputs: outputs)
      let sum = try backend.matrix(1, 1, type)
      try backend.run(.reduction(Reduction(.sum, of: outputs.losses, into: sum)))
      let factor = objective.factor(examples: inputs.rows, outputs: targets.columns)
      return (try backend.download(sum)[0] * factor, try backend.download(gradient))
    }
  }

  private func tag(_ order: Int) -> String { order == 0 ? "full" : "k\(order)" }

  /// The golden coefficients, one array per order.
  private func expected(_ golden: GoldenCase) throws -> [[Double]] {
    let all = try golden.values("coefficients")
    let count = all.count / (try golden.shape("coefficients")[0])
    return stride(from: 0, to: all.count, by: count).map { Array(all[$0..<($0 + count)]) }
  }

  @Test(arguments: names, BackendUnderTest.allCases)
  func coefficientsInDouble(_ name: String, _ place: BackendUnderTest) throws {
    let setting = try Setting(name, .float64, on: place.backend())
    let expected = try expected(setting.golden)
    #expect(expected.count >= 4)
    for (n, f) in try setting.coefficients(expected.count - 1).enumerated() {
      #expect(relativeError(f, expected[n]) < tolerance, "coefficient \(n)")
    }
    let full = try setting.coefficients(0)[0]
    #expect(relativeError(full, try setting.golden.values("full")) < tolerance)
  }

  @Test(arguments: names, BackendUnderTest.allCases)
  func lossesAndGradientsInDouble(_ name: String, _ place: BackendUnderTest) throws {
    let setting = try Setting(name, .float64, on: place.backend())
    let golden = setting.golden
    for kind in Loss.Kind.allCases {
      for order in 0...3 {
        let (loss, gradient) = try setting.lossAndGradient(kind, order)
        let key = "\(kind.rawValue).\(tag(order))"
        let value = try golden.values("loss.\(key)")[0]
        #expect(abs(loss - value) < tolerance * value, "\(key)")
        for tensor in golden.network.parameters {
          let error = relativeError(
            Array(gradient[tensor.range]), try golden.values("grad.\(key).\(tensor.name)"))
          #expect(error < tolerance, "\(key) \(tensor.name)")
        }
      }
    }
  }

  // MARK: float32

  /// Each |computed − golden| as a share of its bound. The bound is of first order; all bounds
  /// here are below 1 % of the values' norm, so that 1.02 covers the rest.
  private func share(_ computed: [Double], _ golden: [Double], _ bounds: [Bounded]) -> Double {
    zip(zip(computed, golden), bounds).map { pair, bound in
      let allowed = 1.02 * bound.error * 0x1p-24
      let difference = abs(pair.0 - pair.1)
      return difference == 0 ? 0 : difference / allowed
    }.max() ?? 0
  }

  /// The bounds belong to the golden values and say something about them.
  private func expectUseful(_ bounds: [Bounded], _ golden: [Double], _ what: String) {
    #expect(relativeError(bounds.map(\.value), golden) < tolerance, "\(what)")
    #expect(norm(bounds.map(\.error)) * 0x1p-24 <= 0.01 * norm(golden), "\(what)")
  }

  private func rows(_ values: [Double], _ shape: [Int]) -> [[Double]] {
    (0..<shape[0]).map { Array(values[($0 * shape[1])..<(($0 + 1) * shape[1])]) }
  }

  /// Coefficients and gradients of convolutional networks have the same bits everywhere.
  @Test(arguments: convolutional)
  func singlePrecisionHasTheSameBits(_ name: String) throws {
    let all = try BackendUnderTest.onEach { backend in
      let setting = try Setting(name, .float32, on: backend)
      let gradients = try Loss.Kind.allCases.flatMap { kind in
        try (0...3).map { try setting.lossAndGradient(kind, $0).gradient }
      }
      return (try setting.coefficients(3) + gradients).map { bits($0) }
    }
    for (place, result) in all { #expect(result == all[0].result, "\(place)") }
  }

  @Test(arguments: dense)
  func singlePrecisionIsWithinItsBound(_ name: String) throws {
    let golden = try GoldenCase(name)
    let theta = try golden.parameters("theta.")
    let center = try golden.parameters("theta0.")
    let displacement = zip(theta, center).map { $0 - $1 }
    let x = rows(try golden.values("x"), try golden.shape("x"))
    let y = rows(try golden.values("y"), try golden.shape("y"))
    func bounded(_ order: Int) -> BoundedNetwork {
      BoundedNetwork(
        golden.network, center: order == 0 ? theta : center,
        displacement: order == 0 ? nil : displacement, order: order)
    }
    let settings = try BackendUnderTest.canonical.map {
      ($0, try Setting(name, .float32, on: $0.backend()))
    }
    var worst = 0.0
    func check(
      _ what: String, _ golden: [Double], _ bounds: [Bounded],
      _ compute: (Setting) throws -> [Double]
    ) throws {
      expectUseful(bounds, golden, what)
      let first = try compute(settings[0].1)
      let part = share(first, golden, bounds)
      worst = max(worst, part)
      #expect(part <= 1, "\(what)")
      for (place, setting) in settings.dropFirst() {
        #expect(bits(try compute(setting)) == bits(first), "\(what), \(place)")
      }
    }

    let fifth = bounded(5)
    var tape = BoundedNetwork.Tape()
    let series = x.map { fifth.expand($0, tape: &tape) }
    for (n, f) in try expected(golden).enumerated() {
      try check("coefficient \(n)", f, series.flatMap { $0[n] }) { try $0.coefficients(5)[n] }
    }
    for kind in Loss.Kind.allCases {
      for order in 0...3 {
        let key = "\(kind.rawValue).\(tag(order))"
        let (loss, gradient) = bounded(order).lossAndGradient(kind, inputs: x, targets: y)
        try check("loss.\(key)", try golden.values("loss.\(key)"), [loss]) {
          [try $0.lossAndGradient(kind, order).loss]
        }
        try check("grad.\(key)", try golden.parameters("grad.\(key)."), gradient) {
          try $0.lossAndGradient(kind, order).gradient
        }
      }
    }
    print("\(name): worst \(worst) of the float32 bound")
  }
}
