import DataSets
import Glibc
import Maclaurin
import TestSupport
import Testing

@testable import TangentKernels

/// Differential equations of outputs against closed forms, oscillators, and plain steps.
@Suite struct OutputDynamicsTests {
  private static let (n, m, o) = (5, 3, 2)
  private static let kernel = KernelMatrix(
    GradientFlowTests.kernel(n, n, seed: 21), rowCount: n, columnCount: n)
  private static let cross = KernelMatrix(sample(m * n, seed: 22), rowCount: m, columnCount: n)
  private static let targets = sample(n * o, seed: 23)
  private static let start = OutputDynamics.State(
    train: sample(n * o, seed: 24), test: sample(m * o, seed: 25))

  private func dynamics(
    _ loss: OutputLoss, ridge: Double = 0, learningRate: Double = 1, momentum: Double? = nil
  ) throws -> OutputDynamics {
    try OutputDynamics(
      Self.kernel, cross: Self.cross, ridge: ridge, loss: loss, learningRate: learningRate,
      momentum: momentum, by: LAPACK())
  }

  private var squares: OutputLoss { OutputLoss(.mse, targets: Self.targets, outputs: Self.o) }

  /// Gradient flow on mse, which has a closed form; the error follows the tolerance.
  @Test func closedForm() throws {
    let times = [0, 0.3, 0.3, 4, 60]
    let flow = try GradientFlow(
      Self.kernel, ridge: 1e-2, targets: Self.targets, learningRate: 0.7, times: times,
      by: LAPACK())
    let dynamics = try dynamics(squares, ridge: 1e-2, learningRate: 0.7)
    for (tolerance, bound) in [(1e-11, 1e-9), (1e-6, 1e-4)] {
      let (states, steps) = try dynamics.states(
        from: Self.start, at: times, tolerance: tolerance)
      #expect(states.count == 5 && steps > 0)
      for (time, state) in zip(times, states) {
        let train = try flow.train(from: Self.start.train, at: time)
        let test = try flow.test(
          Self.cross, from: (Self.start.train, Self.start.test), at: time)
        #expect(relativeError(state.train, train) < bound, "t \(time)")
        #expect(relativeError(state.test, test) < bound, "t \(time)")
      }
    }
    #expect(dynamics.conditioning.smallestEigenvalue > 0)
  }

  /// An eigenvector of Θ is a damped oscillator: ë = −cė − ωe with c = (1 − m)/√η and ω = λ/n in the
  /// time √η·t. Learning rates on both sides of c² = 4ω.
  @Test(arguments: [0.05, 40], [0, 0.9])
  func oscillators(_ learningRate: Double, _ momentum: Double) throws {
    let (n, o) = (Self.n, Self.o)
    let pairs = try #require(SymmetricEigenvalues(Self.kernel.values, n: n))
    let times = [0.5, 3, 20]
    let (states, _) = try dynamics(
      squares, learningRate: learningRate, momentum: momentum
    ).states(from: Self.start, at: times, tolerance: 1e-11)
    let friction = (1 - momentum) / learningRate.squareRoot()
    for (time, state) in zip(times, states) {
      let tau = learningRate.squareRoot() * time
      var expected = Self.targets
      for mode in 0..<n {
        let vector = Array(pairs.vectors[mode * n..<(mode + 1) * n])
        let gap = friction * friction / 4 - pairs.values[mode] / Double(n * o)
        let root = abs(gap).squareRoot()
        let wave =
          gap < 0
          ? cos(root * tau) + friction / 2 * sin(root * tau) / root
          : cosh(root * tau) + friction / 2 * sinh(root * tau) / root
        let left = exp(-friction * tau / 2) * wave
        for output in 0..<o {
          let part = (0..<n).reduce(0) {
            $0 + vector[$1] * (Self.start.train[$1 * o + output] - Self.targets[$1 * o + output])
          }
          for i in 0..<n { expected[i * o + output] += left * part * vector[i] }
        }
      }
      #expect(relativeError(state.train, expected) < 1e-8, "t \(time)")
      // f* − f*_0 = Θ*Θ⁻¹(f − f_0)
      let algebra = try LAPACK()
      let factor = try #require(
        try KernelFactor(RegularizedKernel(Self.kernel, ridge: 0), by: algebra))
      let moved = zip(expected, Self.start.train).map { $0 - $1 }
      let test = try algebra.product(
        Self.cross.values, factor.solve(columns: moved), m: Self.m, k: n, n: o)
      #expect(
        relativeError(state.test, zip(Self.start.test, test).map { $0 + $1 }) < 1e-7, "t \(time)")
    }
  }

  /// Momentum's discrete steps approach the equation as η does 0, at equal η·t.
  @Test func discreteMomentum() throws {
    let momentum = 0.9
    var errors: [Double] = []
    for learningRate in [1e-2, 1e-3] {
      let steps = Int((4 / learningRate).rounded())
      let (f, _) = descend(rate: learningRate, momentum: momentum, steps: steps)
      let state = try dynamics(squares, learningRate: learningRate, momentum: momentum)
        .states(from: Self.start, at: [Double(steps)]).states[0]
      errors.append(norm(zip(f, state.train).map { $0 - $1 }))
    }
    #expect(errors[0] < 1e-2)
    #expect(errors[1] < 0.2 * errors[0])
  }

  /// f ← f + m(f − f₋) − ηΘ(f − y)/n, and the size of f − y.
  private func descend(
    rate: Double, momentum: Double, steps: Int
  ) -> (f: [Double], size: Double) {
    let (n, o, theta) = (Self.n, Self.o, Self.kernel.values)
    var f = Self.start.train
    var velocity = [Double](repeating: 0, count: n * o)
    for _ in 0..<steps {
      let gradient = zip(f, Self.targets).map { ($0 - $1) / Double(n * o) }
      for i in 0..<n {
        for output in 0..<o {
          let slope = (0..<n).reduce(0) { $0 + theta[i * n + $1] * gradient[$1 * o + output] }
          velocity[i * o + output] = momentum * velocity[i * o + output] - rate * slope
        }
      }
      f = zip(f, velocity).map { $0 + $1 }
    }
    return (f, norm(zip(f, Self.targets).map { $0 - $1 }))
  }

  /// Just below the largest stable learning rate gradient descent falls, just above it grows.
  @Test(arguments: [0, 0.5, 0.9])
  func largestStableLearningRate(_ momentum: Double) throws {
    let flow = try GradientFlow(
      Self.kernel, ridge: 0, targets: Self.targets, times: [.infinity], by: LAPACK())
    let rate = flow.conditioning.largestStableLearningRate(
      entries: Self.n * Self.o, momentum: momentum)
    let start = norm(zip(Self.start.train, Self.targets).map { $0 - $1 })
    let below = descend(rate: 0.99 * rate, momentum: momentum, steps: 20_000).size
    #expect(below < 0.5 * start)
    let above = descend(
      rate: 1.01 * rate, momentum: momentum, steps: Int(1500 * (1 - momentum))
    ).size
    #expect(above > 1e6 * start)
  }

  // MARK: Cross-entropy

  /// −ηΘ(softmax(f) − y)/examples, by definition.
  private func slope(_ f: [Double], _ y: [Double], _ rate: Double) -> [Double] {
    let (n, m, o) = (Self.n, Self.m, Self.o)
    var gradient = [Double](repeating: 0, count: n * o)
    for i in 0..<n {
      let powers = (0..<o).map { exp(f[i * o + $0]) }
      let sum = powers.reduce(0, +)
      for k in 0..<o { gradient[i * o + k] = (powers[k] / sum - y[i * o + k]) / Double(n) }
    }
    let rows = Self.kernel.values + Self.cross.values
    return (0..<(n + m) * o).map { index in
      let (row, k) = (index / o, index % o)
      var sum = 0.0
      for i in 0..<n { sum += rows[row * n + i] * gradient[i * o + k] }
      return -rate * sum
    }
  }

  /// The classical method of Runge and Kutta with 4000 steps.
  private func rungeKutta(_ y: [Double], rate: Double, to end: Double) -> [Double] {
    var f = Self.start.train + Self.start.test
    let h = end / 4000
    func moved(_ k: [Double], _ h: Double) -> [Double] { zip(f, k).map { $0 + h * $1 } }
    for _ in 0..<4000 {
      let k1 = slope(f, y, rate)
      let k2 = slope(moved(k1, h / 2), y, rate)
      let k3 = slope(moved(k2, h / 2), y, rate)
      let k4 = slope(moved(k3, h), y, rate)
      for i in 0..<f.count { f[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]) }
    }
    return f
  }

  @Test func crossEntropy() throws {
    let y: [Double] = [1, 0, 0, 1, 0, 1, 1, 0, 0, 1]
    let loss = OutputLoss(.crossEntropy, targets: y, outputs: 2)
    let times = [1.0, 12]
    let (states, _) = try dynamics(loss, learningRate: 0.8).states(
      from: Self.start, at: times, tolerance: 1e-11)
    for (time, state) in zip(times, states) {
      let expected = rungeKutta(y, rate: 0.8, to: time)
      #expect(relativeError(state.train + state.test, expected) < 1e-9, "t \(time)")
    }
    #expect(loss.value(states[1].train) < loss.value(states[0].train))
  }

  /// Values by definition, gradients by central differences, accuracy by counting.
  @Test(arguments: Loss.Kind.allCases)
  func losses(_ kind: Loss.Kind) {
    let (y, f) = ([0.25, 0.75, 1, 0, 0.5, 0.5], [1.0, 2, -3, 0.5, 400, 401])
    let loss = OutputLoss(kind, targets: y, outputs: 2)
    var expected = 0.0
    for i in 0..<3 {
      let (a, b) = (f[2 * i], f[2 * i + 1])
      switch kind {
      case .mse:
        expected += (pow(a - y[2 * i], 2) + pow(b - y[2 * i + 1], 2)) / 12
      case .crossEntropy:
        // −log softmax(a) = log(1 + e^{b−a})
        expected += (y[2 * i] * log1p(exp(b - a)) + y[2 * i + 1] * log1p(exp(a - b))) / 3
      }
    }
    #expect(relativeError([loss.value(f)], [expected]) < 1e-13)
    let gradient = loss.gradient(f[...])
    for i in 0..<6 {
      var (up, down) = (f, f)
      up[i] += 1e-5
      down[i] -= 1e-5
      let slope = (loss.value(up) - loss.value(down)) / 2e-5
      #expect(abs(slope - gradient[i]) < 1e-5 * max(1, abs(slope)))
    }
    // Rows 0 and, as the first of equals, none of the others.
    #expect(abs(loss.accuracy(f) - 1 / 3.0) < 1e-15)
  }

  // MARK: The solver

  /// Halving the tolerance's root of order five: ÿ = −y around the circle.
  @Test func circle() throws {
    var errors: [Double] = []
    for tolerance in [1e-4, 1e-7, 1e-10] {
      let solver = DormandPrince(tolerance: tolerance, scale: 1)
      var found: [[Double]] = []
      let steps = try solver.integrate([1, 0], through: [1, 2 * Double.pi]) {
        [$0[1], -$0[0]]
      } visit: {
        #expect($0 == found.count)
        found.append($1)
      }
      #expect(steps < 600)
      errors.append(max(abs(found[1][0] - 1), abs(found[1][1])))
      #expect(abs(found[0][0] - cos(1)) < 10 * tolerance)
    }
    #expect(errors[0] < 1e-2 && errors[1] < 1e-2 * errors[0] && errors[2] < 1e-2 * errors[1])
  }

  @Test func ends() throws {
    var solver = DormandPrince(tolerance: 1e-9, scale: 1)
    solver.limit = 50
    let slow = #expect(throws: KernelError.self) {
      _ = try solver.integrate([1], through: [1e6]) {
        [-$0[0]]
      } visit: { _, _ in
      }
    }
    #expect(slow?.description.contains("after 50 steps") == true)
    // ẏ = y² is infinite at t = 1.
    let steep = #expect(throws: KernelError.self) {
      _ = try DormandPrince(tolerance: 1e-6, scale: 1).integrate([1], through: [2]) {
        [$0[0] * $0[0]]
      } visit: { _, _ in
      }
    }
    #expect(
      steep?.description.contains("cannot go on at time 1") == true
        || steep?.description.contains("at time 0.99") == true, "\(steep?.description ?? "")")
    // What stands still takes one step.
    let still = try DormandPrince(tolerance: 1e-9, scale: 1).integrate([3], through: [5]) { _ in
      [0]
    } visit: {
      #expect($1 == [3])
    }
    #expect(still == 1)
  }
}
