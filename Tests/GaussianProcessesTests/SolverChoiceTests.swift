import Compute
import GaussianProcesses
import Networks
import TestSupport
import Testing

struct SolverChoiceTests {
  /// Of a dense network: 2P operations for a pass forward of an example, twice that for the way back.
  private func problem(
    rows: Int, parameters: Int, testRows: Int = 10, form: CovarianceForm = .variances,
    chooses: Bool = false
  ) -> SolverProblem {
    let (n, p) = (Double(rows), Double(parameters))
    return SolverProblem(
      rows: rows, testRows: testRows, parameters: parameters, scalarBytes: 4, form: form,
      choosesHyperparameters: chooses, assemblyFlops: 4 * n * p + n * n * p.squareRoot(),
      productFlops: 12 * n * p, gaussNewtonFlops: 10 * n * p)
  }

  @Test func choices() throws {
    let memory = 24e9
    func choice(_ rows: Int, _ parameters: Int, _ testRows: Int = 10) throws -> SolverChoice {
      try SolverChoice(
        problem(rows: rows, parameters: parameters, testRows: testRows), memory: memory)
    }
    // Few examples: the kernel is small.
    #expect(try choice(400, 3_000_000).solver == .exact)
    #expect(
      try choice(400, 3_000_000).reason.hasPrefix("the exact solver takes 1.3 MiB and about "))
    // The kernel does not fit.
    let large = try choice(100_000, 3_000_000)
    #expect(large.solver == .cg && large.reason.contains("which is not there"))
    // No more iterations than parameters; and vectors of all examples that do not fit.
    #expect(try choice(3_000_000, 30).solver == .parameterSpace)
    let long = problem(rows: 3_000_000, parameters: 2_000)
    #expect(try SolverChoice(long, memory: memory).solver == .cg)
    #expect(try SolverChoice(long, memory: 4e9).solver == .parameterSpace)
    // A device whose products are a thousand times as fast: iterations cost less than a factorization.
    let middle = problem(rows: 20_000, parameters: 3_000_000, testRows: 1, form: .none)
    #expect(try SolverChoice(middle, memory: memory).solver == .exact)
    let fast = SolverRates(products: 1e14, algebra: 5e10)
    #expect(try SolverChoice(middle, memory: memory, rates: fast).solver == .cg)
    #expect(try choice(400, 3_000_000).costs.map(\.solver) == GaussianSolver.allCases)
  }

  /// Planning counts some examples of many outputs.
  @Test(.timeLimit(.minutes(1))) func manyOutputs() throws {
    let null = NullBackend()
    func model(_ outputs: Int) throws -> LinearizedNetwork {
      let network = try Network(
        NetworkDescription(
          json: Array(
            """
            {"input": [3, 32, 32], "layers": [
              {"conv": {"channels": 16, "kernel": 3, "padding": 1}}, "relu",
              {"conv": {"channels": 32, "kernel": 3, "padding": 1}}, "relu",
              {"conv": {"channels": 32, "kernel": 3, "padding": 1}}, "relu",
              "global_avg_pool", {"dense": {"units": \(outputs)}}]}
            """.utf8), named: "network"))
      return LinearizedNetwork(
        network, at: try null.matrix(1, network.parameterCount, .float32), on: null)
    }
    let plan = try ClassificationFit.plan(
      model(1000), examples: 1000, ClassificationFit.Settings())
    #expect(plan.solver == .parameterSpace && plan.reason.contains("1000000 logits"))
    let problem = try SolverProblem(
      model(1000), examples: 1000, testExamples: 10, .variances, choosesHyperparameters: false,
      IterativeSettings())
    #expect(problem.rows == 1_000_000 && problem.assemblyFlops > problem.productFlops)
  }

  @Test func varianceMethods() {
    #expect(VarianceMethod.choose(32, rows: 1_000_000) == .solves)
    #expect(VarianceMethod.choose(33, rows: 1_000_000) == .lanczos)
    #expect(VarianceMethod.choose(500, rows: 2000) == .solves)
  }

  @Test func memory() throws {
    let many = problem(rows: 50_000, parameters: 3_000_000)
    let error = #expect(throws: GaussianProcessError.self) {
      try SolverChoice(many, memory: 8e9, given: .exact)
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("--solver exact needs 18.6 GiB for 50000 outputs of examples"))
    #expect(text.contains("there are 7.5 GiB; --solver cg fits ("))
    #expect(
      try SolverChoice(many, memory: 24e9, given: .exact).reason == "the exact solver was asked for"
    )
    let none = #expect(throws: GaussianProcessError.self) {
      try SolverChoice(many, memory: 1e6)
    }
    #expect(none?.description.hasPrefix("no solver fits: even --solver ") ?? false)
  }

  /// N³/3 + N²M, and the products that it takes.
  @Test func costs() {
    let problem = problem(rows: 1000, parameters: 1_000_000, testRows: 0, form: .none)
    let exact = SolverCost(.exact, problem)
    #expect(exact.bytes == 8e6)
    #expect(abs(exact.flops - (4e9 + 1e9 + 1e9 / 3)) < 1)
    #expect(exact.hostFlops == 1e9 / 3)
    #expect(abs(exact.seconds(SolverRates(products: 1e9, algebra: 1e9 / 3)) - 6) < 1e-9)
    var chosen = problem
    chosen.choosesHyperparameters = true
    for solver in GaussianSolver.allCases {
      let (plain, more) = (SolverCost(solver, problem), SolverCost(solver, chosen))
      #expect(more.flops > plain.flops && more.bytes > plain.bytes)
    }
  }
}
