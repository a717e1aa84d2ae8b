import Compute
import GaussianProcesses
import Glibc
import Maclaurin
import Networks
import TestSupport
import Testing

@Suite("Classification by Laplace's approximation")
struct LaplaceTests {
  private let x = sample(7 * 3, seed: 11).map { 2 * $0 }
  private let test = sample(4 * 3, seed: 12).map { 2 * $0 }
  private let labels = [0, 2, 1, 1, 0, 2, 2]

  private func observations(
    _ backend: any Backend, _ type: ScalarType = .float64, smoothing: Double = 0
  ) throws -> ClassObservations {
    try ClassObservations(
      backend.matrix(7, 3, type, x), labels: labels, classes: 3, smoothing: smoothing)
  }

  /// Function space, parameter space and dense algebra over all parameters; the last case moves the
  /// last layer alone.
  @Test(arguments: [
    (0.3, [1.0, 1, 1, 1], 0.0), (2, [1, 1, 1, 1], 0), (5, [0.5, 0, 2, 1], 0.1),
    (1.5, [0, 0, 1, 1], 0),
  ])
  func posteriors(priorStd: Double, scales: [Double], smoothing: Double) async throws {
    let small = try SmallClassifier()
    // The device family once: its compilers take most of the time.
    let places: [BackendUnderTest] = priorStd < 1 ? [.openblas2, .openclDevice] : [.openblas2]
    for backend in places {
      try await check(small, backend, priorStd, scales, smoothing)
    }
  }

  @BackendActor private func check(
    _ small: SmallClassifier, _ place: BackendUnderTest, _ priorStd: Double, _ scales: [Double],
    _ smoothing: Double
  ) throws {
    let backend = try place.backend()
    let model = try small.model(on: backend, scales: scales)
    let observations = try observations(backend, smoothing: smoothing)
    let dense = small.laplace(
      train: x, targets: observations.targets, test: test, scales: scales, priorStd: priorStd)
    let inputs = try backend.matrix(4, 3, .float64, test)

    let approximation = try LaplaceApproximation(
      kernel: model.kernelMatrix(observations.inputs), prior: priorStd * priorStd,
      mean: model.mean(observations.inputs), targets: observations.targets, outputs: 3,
      by: LAPACK())
    #expect(abs(approximation.logEvidence - dense.logEvidence) < 1e-9)
    #expect(approximation.residual <= LaplaceApproximation.tolerance)
    let function = try LaplacePosterior(
      model, observations, priorStd: priorStd, by: LAPACK())
    let parameter = try LaplaceParameterPosterior(model, observations, priorStd: priorStd)
    #expect(relativeError(parameter.weights, dense.weights) < 1e-8)
    for posterior in [function, parameter] as [any Posterior] {
      let full = try posterior.predict(inputs, .full)
      #expect(relativeError(full.mean, dense.mean) < 1e-8)
      #expect(relativeError(full.covariance, dense.covariance) < 1e-8)
      // The other forms are parts of it.
      let variances = try posterior.predict(inputs, .variances).covariance
      #expect(relativeError(variances, (0..<12).map { dense.covariance[$0 * 13] }) < 1e-8)
      let blocks = try posterior.predict(inputs, .blocks).covariance
      var expected: [Double] = []
      for row in 0..<12 {
        let first = row * 12 + row / 3 * 3
        expected += dense.covariance[first..<(first + 3)]
      }
      #expect(relativeError(blocks, expected) < 1e-8)
      #expect(try posterior.predict(inputs, .none).mean == full.mean)
    }
  }

  @Test func float32() async throws {
    try await onBackend { backend in
      let small = try SmallClassifier()
      let model = try small.model(on: backend, .float32)
      let observations = try observations(backend, .float32)
      let dense = small.laplace(
        train: x, targets: observations.targets, test: test, scales: [1, 1, 1, 1], priorStd: 1)
      let inputs = try backend.matrix(4, 3, .float32, test)
      for posterior in try [
        LaplacePosterior(model, observations, priorStd: 1, by: LAPACK()),
        LaplaceParameterPosterior(model, observations, priorStd: 1),
      ] as [any Posterior] {
        let full = try posterior.predict(inputs, .full)
        #expect(relativeError(full.mean, dense.mean) < 1e-5)
        #expect(relativeError(full.covariance, dense.covariance) < 1e-4)
      }
    }
  }

  @BackendActor private func onBackend(_ body: (any Backend) throws -> Void) throws {
    try body(BackendUnderTest.openblas2.backend())
  }

  /// Two classes of one feature without a bias are a logistic regression on the difference d = f₁ − f₀ =
  /// vx, v ~ N(0, 2σp²), whose mode is found here by bisection.
  @Test(arguments: [0.5, 3])
  func logisticRegression(priorStd: Double) async throws {
    try await onBackend { backend in
      let text = #"{"input": [1], "layers": [{"dense": {"units": 2}}]}"#
      let network = try Network(NetworkDescription(json: Array(text.utf8), named: "line"))
      let center = try backend.matrix(1, 4, .float64, [0.0, 0, 0, 0])
      let model = LinearizedNetwork(
        network, at: center, scales: network.parameters.map { $0.name.hasSuffix("bias") ? 0 : 1 },
        on: backend)
      let x = [-1.5, -0.7, -0.2, 0.4, 0.9, 2]
      let labels = [0, 0, 1, 1, 0, 1]
      let variance = 2 * priorStd * priorStd
      func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
      var (low, high) = (-50.0, 50.0)
      for _ in 0..<200 {
        let v = (low + high) / 2
        let slope = zip(x, labels).reduce(-v / variance) {
          $0 + (Double($1.1) - sigmoid(v * $1.0)) * $1.0
        }
        if slope > 0 { low = v } else { high = v }
      }
      let precision = x.reduce(1 / variance) {
        let s = sigmoid(low * $1)
        return $0 + $1 * $1 * s * (1 - s)
      }
      let observations = try ClassObservations(
        backend.matrix(6, 1, .float64, x), labels: labels, classes: 2)
      let posterior = try LaplacePosterior(
        model, observations, priorStd: priorStd, by: LAPACK())
      let at = 1.3
      let result = try posterior.predict(backend.matrix(1, 1, .float64, [at]), .blocks)
      #expect(abs(result.mean[1] - result.mean[0] - low * at) < 1e-8)
      let c = result.covariance
      #expect(abs(c[0] + c[3] - 2 * c[1] - at * at / precision) < 1e-8)
    }
  }

  /// Every further example adds a positive W; and no posterior is wider than the prior.
  @Test func dataShrinkTheCovariance() async throws {
    try await onBackend { backend in
      let model = try SmallClassifier().model(on: backend)
      let inputs = try backend.matrix(4, 3, .float64, test)
      let prior = try model.kernelMatrix(inputs)
      var last = (0..<12).reduce(0) { $0 + prior[$1 * 13] }
      for count in [1, 2, 4, 7] {
        let observations = try ClassObservations(
          backend.matrix(count, 3, .float64, x.prefix(3 * count)),
          labels: Array(labels.prefix(count)), classes: 3)
        let variances = try LaplacePosterior(
          model, observations, priorStd: 1, by: LAPACK()
        ).predict(inputs, .variances).covariance
        for index in 0..<12 {
          #expect(variances[index] >= 0 && variances[index] <= prior[index * 13] * (1 + 1e-12))
        }
        let trace = variances.reduce(0, +)
        #expect(trace < last, "\(count) examples")
        last = trace
      }
    }
  }

  /// Confidently wrong logits of ±10⁶, and priors from nothing to everything.
  @Test(arguments: [1e-6, 1, 1e3])
  func extremeLogits(priorStd: Double) async throws {
    try await onBackend { backend in
      let small = try SmallClassifier()
      let model = try small.model(on: backend)
      let kernel = try model.kernelMatrix(backend.matrix(7, 3, .float64, x))
      var mean = [Double](repeating: -1e6, count: 21)
      for (example, label) in labels.enumerated() { mean[3 * example + (label + 1) % 3] = 1e6 }
      let targets = try observations(backend).targets
      let result = try LaplaceApproximation(
        kernel: kernel, prior: priorStd * priorStd, mean: mean, targets: targets, outputs: 3,
        by: LAPACK())
      #expect(result.isConverged && result.logEvidence.isFinite && result.logLikelihood <= 0)
      let numbers = result.logits + result.weights
      #expect(numbers.allSatisfy { $0.isFinite })
      for example in 0..<7 {
        let row = result.probabilities[(3 * example)..<(3 * example + 3)]
        #expect(abs(row.reduce(0, +) - 1) < 1e-12 && row.allSatisfy { $0 >= 0 })
      }
    }
  }

  // MARK: The prior

  @Test func priorOfLargestEvidence() async throws {
    try await onBackend { backend in
      let small = try SmallClassifier()
      // A network that says nothing of the classes, so that the data have a say.
      let model = try small.model(on: backend, prior: .zero)
      let inputs = try backend.matrix(7, 3, .float64, x)
      let kernel = try model.kernelMatrix(inputs)
      let labels: [Int] = (0..<7).map { x[3 * $0] > 0 ? 2 : 0 }
      let targets = try ClassObservations(inputs, labels: labels, classes: 3).targets
      let zero = [Double](repeating: 0, count: 21)
      func evidence(_ std: Double) throws -> Double {
        try LaplaceApproximation(
          kernel: kernel, prior: std * std, mean: zero, targets: targets, outputs: 3, by: LAPACK()
        ).logEvidence
      }
      let search = try LaplacePriorSearch(
        kernel: kernel, mean: zero, targets: targets, outputs: 3, by: LAPACK())
      let found = try evidence(search.priorStd)
      #expect(!search.isAtBound && abs(found - search.approximation.logEvidence) < 1e-8)
      for step in 0...60 {
        let std = search.bounds.lowerBound * pow(10, Double(step) / 10)
        #expect(try evidence(std) <= found + 1e-6, "σp = \(std)")
      }
      let few = try LaplacePriorSearch(
        kernel: kernel, mean: zero, targets: targets, outputs: 3,
        bounds: (search.priorStd / 100)...(search.priorStd / 10), by: LAPACK())
      #expect(few.isAtBound && abs(few.priorStd / search.priorStd - 0.1) < 1e-3)
      let many = try LaplacePriorSearch(
        kernel: kernel, mean: zero, targets: targets, outputs: 3,
        bounds: (3 * search.priorStd)...(5 * search.priorStd), by: LAPACK())
      #expect(many.isAtBound && abs(many.priorStd / search.priorStd - 3) < 0.01)
    }
  }

  /// A kernel that rounding has made indefinite has no evidence where σp is large, but elsewhere.
  @Test func indefiniteKernel() throws {
    func kernel(_ rounding: Double) -> [Double] {
      var result = [Double](repeating: 0, count: 1600)
      for i in 0..<40 {
        for j in 0..<40 where i % 2 == j % 2 { result[i * 40 + j] = i == j ? 1 - rounding : 1 }
      }
      return result
    }
    // 18 examples of one class, two of the other.
    let targets = (0..<40).map { ($0 < 36) == ($0 % 2 == 0) ? 1.0 : 0 }
    let mean = [Double](repeating: 0, count: 40)
    func search(_ kernel: [Double]) throws -> LaplacePriorSearch {
      try LaplacePriorSearch(
        kernel: kernel, mean: mean, targets: targets, outputs: 2,
        by: LAPACK())
    }
    #expect(throws: GaussianProcessError.self) {
      try LaplaceApproximation(
        kernel: kernel(1e-4), prior: 1e6, mean: mean,
        targets: targets, outputs: 2, by: LAPACK())
    }
    let (found, exact) = (try search(kernel(1e-4)), try search(kernel(0)))
    #expect(!found.isAtBound && abs(found.priorStd / exact.priorStd - 1) < 0.02)
    // None at all.
    let error = #expect(throws: GaussianProcessError.self) {
      try LaplacePriorSearch(
        kernel: kernel(1e-4), mean: mean, targets: targets,
        outputs: 2, bounds: 900...1000, by: LAPACK())
    }
    #expect(error?.description.contains("smaller --prior-std") == true, "\(error as Any)")
  }

  // MARK: Both solvers

  @Test func solverAndPrior() async throws {
    try await onBackend { backend in
      let model = try SmallClassifier().model(on: backend, prior: .zero)
      let observations = try observations(backend)
      // 21 logits are more than conjugate gradients solve for at once.
      let inputs = try backend.matrix(7, 3, .float64, sample(21, seed: 6))
      let exact = try ClassificationFit(model, observations, .init(), by: LAPACK())
      #expect(exact.solver == .exact && exact.searchExamples == 7 && exact.logEvidence != nil)
      // All examples are few enough to choose the prior by, so that the same one is found.
      let other = try ClassificationFit(
        model, observations, .init(solver: .parameterSpace), by: LAPACK())
      #expect(other.solver == .parameterSpace && other.logEvidence == nil)
      #expect(other.priorStd == exact.priorStd && other.searchExamples == 7)
      for form in CovarianceForm.allCases {
        let a = try exact.posterior.predict(inputs, form)
        let b = try other.posterior.predict(inputs, form)
        #expect(relativeError(b.mean, a.mean) < 1e-6)
        if form != .none { #expect(relativeError(b.covariance, a.covariance) < 1e-6) }
      }

      var settings = ClassificationFit.Settings(priorStd: 1)
      settings.memory = 100_000
      let automatic = try ClassificationFit.plan(model, examples: 100, settings)
      #expect(automatic.solver == .parameterSpace && automatic.bytes <= 100_000)
      #expect(automatic.flops == nil && automatic.otherBytes > 100_000)
      // The one that fits is named: 16 vectors of 31 parameters take 31 744 bytes, 1200 logits' kernel
      // and its factors 34 MB, seven examples' 21 logits little.
      let many = try ClassObservations(
        backend.matrix(400, 3, .float64, sample(1200, seed: 7)),
        labels: (0..<400).map { $0 % 3 }, classes: 3)
      for (solver, examples, memory, words) in [
        (.exact, many, 100_000, "--solver parameter-space fits (31 KiB)"),
        (.exact, many, 8000, "no solver fits; give fewer examples or a smaller network"),
        (.parameterSpace, observations, 31_000, "--solver exact fits"),
        (.parameterSpace, many, 31_000, "no solver fits"),
      ] as [(ClassificationFit.Solver, ClassObservations, Int, String)] {
        (settings.solver, settings.memory) = (solver, memory)
        do {
          _ = try ClassificationFit(model, examples, settings, by: LAPACK())
          Issue.record("they suffice")
        } catch {
          #expect("\(error)".contains(words))
        }
      }
    }
  }

  // MARK: Samples

  /// Means and covariances of 800 samples, within five standard errors.
  @Test func samplesOfParameters() async throws {
    try await onBackend { backend in
      let small = try SmallClassifier()
      let model = try small.model(on: backend, scales: [0, 0, 1, 1])
      let posterior = try LaplaceParameterPosterior(
        model, observations(backend), priorStd: 1.5)
      let inputs = try backend.matrix(2, 3, .float64, test.prefix(6))
      let exact = try posterior.predict(inputs, .full)
      let count = 800
      let samples = try posterior.samples(inputs, count: count, seed: 5)
      for i in 0..<6 {
        let mean = (0..<count).reduce(0) { $0 + samples[$1 * 6 + i] } / Double(count)
        let variance = exact.covariance[i * 7]
        #expect(abs(mean - exact.mean[i]) < 5 * (variance / Double(count)).squareRoot())
        for j in 0...i {
          let product = (0..<count).reduce(0) {
            $0 + (samples[$1 * 6 + i] - exact.mean[i]) * (samples[$1 * 6 + j] - exact.mean[j])
          }
          let expected = exact.covariance[i * 6 + j]
          let error = (variance * exact.covariance[j * 7] + expected * expected).squareRoot()
          #expect(
            abs(product / Double(count) - expected) < 5 * error / Double(count).squareRoot())
        }
      }
      #expect(try posterior.samples(inputs, count: 3, seed: 5) == Array(samples.prefix(18)))
    }
  }

  // MARK: Errors

  @Test func refusals() async throws {
    try await onBackend { backend in
      let inputs = try backend.matrix(2, 1, .float64, [0.0, 1])
      func sentence(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return ""
      }
      #expect(
        sentence { _ = try ClassObservations(inputs, labels: [0, 3], classes: 3) }
          .contains("the label 3 of example 1 is outside the classes 0 to 2"))
      #expect(
        sentence { _ = try ClassObservations(inputs, labels: [0, -1], classes: 3) }
          .contains("label -1 of example 1"))
      #expect(
        sentence { _ = try ClassObservations(inputs, labels: [0, 0], classes: 1) }
          .contains("two outputs or more"))
      #expect(
        sentence { _ = try ClassObservations(inputs, targets: [1, 0, 0.5, 0.6], classes: 2) }
          .contains("target of example 1"))
      let small = try SmallClassifier()
      var limits = LaplaceParameterPosterior.Limits()
      limits.iterations = 1
      #expect(
        sentence {
          _ = try LaplaceParameterPosterior(
            small.model(on: backend), observations(backend), priorStd: 5, limits: limits)
        }.contains("in 1 iterations"))
      limits.iterations = 100
      limits.newtonSteps = 1
      #expect(
        sentence {
          _ = try LaplaceParameterPosterior(
            small.model(on: backend), observations(backend), priorStd: 5, limits: limits)
        }.contains("in 1 steps"))
      #expect(
        sentence {
          _ = try LaplacePriorSearch(
            kernel: [0, 0, 0, 0], mean: [0, 0], targets: [1, 0], outputs: 2, by: LAPACK())
        }.contains("--layers"))
      #expect(
        sentence {
          _ = try LaplaceApproximation(
            kernel: [1, 0, 0, 1], prior: 1, mean: [.nan, 0], targets: [1, 0], outputs: 2,
            by: LAPACK())
        }.contains("no numbers"))
    }
  }
}
