import Maclaurin

/// The kernels that a prediction takes.
struct PredictionKernels {
  /// Of the kind that is trained with.
  var trained: TrainTestKernel
  /// K, for the covariance of an ensemble.
  var start: TrainTestKernel?

  /// At infinite width.
  ///
  /// - Parameters:
  ///   - covariance: what covariances will be asked for; nil: none.
  ///   - degree: of series, as `InfiniteWidthKernel` takes it.
  ///   - note: receives what is said of the error of series.
  static func infinite(
    _ network: Network, _ kind: KernelKind, _ x1: [Double], _ x2: [Double],
    covariance: PredictionInference?, series: InfiniteKernelOptions, type: ScalarType,
    on device: any Backend, note: (String) -> Void
  ) throws -> PredictionKernels {
    let kernel = try InfiniteWidthKernel(network.description, kind, degree: series.degree)
    let (n, m) = (x1.count / network.inputCount, x2.count / network.inputCount)
    let kinds = kind == .ntk && covariance == .ensemble ? [.nngp, .ntk] : [kind]
    let train = try kernel(x1, kinds: kinds, type: type, on: device)
    let cross = try kernel(x2, x1, kinds: kinds, type: type, on: device)
    let test = covariance == nil ? nil : try kernel(x2, kinds: kinds, type: type, on: device)
    if let line = series.note(kernel, cross.error) { note(line) }
    func blocks(_ kind: KernelKind) -> TrainTestKernel {
      func matrix(_ values: InfiniteWidthKernel.Values, _ rows: Int, _ columns: Int)
        -> KernelMatrix
      {
        KernelMatrix(
          kind == .ntk ? values.ntk : values.nngp, rowCount: rows, columnCount: columns)
      }
      return TrainTestKernel(
        train: matrix(train, n, n), cross: matrix(cross, m, n),
        test: test.map { matrix($0, m, m) })
    }
    return PredictionKernels(
      trained: blocks(kind),
      start: kind == .ntk && covariance == .ensemble ? blocks(.nngp) : nil)
  }
}

extension PredictionKernels {
  /// Θ of one network between all outputs, and its outputs at the training and the test inputs.
  static func finite(
    _ network: Network, at parameters: Matrix, _ x1: [Double], _ x2: [Double],
    on device: any Backend
  ) throws -> (PredictionKernels, OutputDynamics.State) {
    let (width, o, type) = (network.inputCount, network.outputCount, parameters.type)
    let (n, m) = (x1.count / width, x2.count / width)
    let train = try device.matrix(n, width, type, x1)
    let test = try device.matrix(m, width, type, x2)
    func matrix(_ x1: Matrix, _ x2: Matrix?) throws -> KernelMatrix {
      let kernel = try EmpiricalKernel(
        network, .ntk, at: parameters, x1, x2, outputs: .full, on: device)
      let (rows, columns) = (kernel.rowCount, kernel.columnCount)
      return KernelMatrix(
        try device.download(kernel.matrix(rows: 0..<rows, columns: 0..<columns)),
        rowCount: rows, columnCount: columns, block: o)
    }
    let blocks = TrainTestKernel(train: try matrix(train, nil), cross: try matrix(test, train))
    let model = try Model(network, center: parameters, order: 0, on: device)
    let evaluator = Evaluator(Objective(.mse), batchSize: 512)
    return (
      PredictionKernels(trained: blocks),
      OutputDynamics.State(
        train: try device.download(evaluator.outputs(model, at: train)),
        test: try device.download(evaluator.outputs(model, at: test)))
    )
  }
}

/// Outputs at all times, and how they were found.
struct Prediction {
  var method: KernelSolve
  var conditioning: KernelConditioning
  /// Of a differential equation.
  var steps: Int?
  /// [n, outputs] for each time.
  var train: [[Double]] = []
  /// The mean, or one network's outputs, [m, outputs] for each time.
  var test: [[Double]] = []
  /// [m, m] for each time, and its diagonal's square roots; none where none was asked for.
  var covariance: [[Double]] = []
  var deviations: [[Double]] = []

  /// - Parameters:
  ///   - initial: outputs of one network at the start; nil for zeros, and for distributions.
  ///   - inference: what covariances are of; nil for one network.
  ///   - progress: called with the share of a differential equation's time that has passed.
  init(
    _ kernels: PredictionKernels, _ options: PredictionOptions, loss: OutputLoss,
    initial: OutputDynamics.State?, inference: PredictionInference?,
    by algebra: any DenseLinearAlgebra, progress: (Double) -> Void
  ) throws {
    let blocks = kernels.trained
    let times = try options.times()
    method = try options.method(dimension: blocks.train.rows)
    if method == .ode {
      let dynamics = try OutputDynamics(
        blocks.train, cross: blocks.cross, ridge: options.ridge, loss: loss,
        learningRate: options.learningRate,
        momentum: options.momentum > 0 ? options.momentum : nil, by: algebra)
      conditioning = dynamics.conditioning
      let (states, count) = try dynamics.states(
        from: initial, at: times, tolerance: options.tolerance, progress: progress)
      steps = count
      train = states.map(\.train)
      test = states.map(\.test)
      return
    }
    let flow = try GradientFlow(
      blocks.train, ridge: options.ridge, targets: loss.targets,
      learningRate: options.learningRate, times: times, by: algebra)
    conditioning = flow.conditioning
    for time in times {
      train.append(try flow.train(from: initial?.train, at: time))
      let found: GaussianPrediction
      switch inference {
      case .ensemble? where options.kind == .ntk:
        found = try flow.ensemble(blocks.cross, start: kernels.start, at: time)
      case .ensemble?, .gp?: found = try flow.gaussianProcess(blocks, at: time)
      case .network?, nil:
        found = GaussianPrediction(
          mean: try flow.test(blocks.cross, from: initial.map { ($0.train, $0.test) }, at: time))
      }
      test.append(found.mean)
      if let matrix = found.covariance { covariance.append(matrix) }
      if let deviation = found.standardDeviations { deviations.append(deviation) }
    }
  }
}
