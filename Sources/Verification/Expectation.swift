import Compute

/// What a case must give: the definition's values with bounds, and the CPU path's words.
struct Expectation {
  private let subject: VerificationCase
  private let inputs: Workbench.Inputs
  private let comparison: Comparison
  /// Nil where the definition says nothing.
  private let definition: [[Bounded]]?
  private let words: [[UInt64]]

  /// - Parameters:
  ///   - number: the case's place among all, which chooses its random numbers.
  ///   - judges: the CPU path with different numbers of threads, which must agree.
  init(_ subject: VerificationCase, number: Int, judges: [any Backend]) throws {
    self.subject = subject
    inputs = Workbench.Inputs(number: number)
    if subject.oracle == .bits {
      definition = nil
    } else {
      let reference = ReferenceBackend()
      let bench = Workbench(reference, type: subject.type, inputs: inputs)
      reference.run(try subject.prepare(bench).operation)
      definition = bench.bounded(by: reference)
    }

    var comparison: Comparison?
    var expected: [[UInt64]]?
    for judge in judges {
      let bench = Workbench(judge, type: subject.type, inputs: inputs)
      let prepared = try subject.prepare(bench)
      try judge.run(prepared.operation)
      let words = try bench.words()
      let own =
        comparison
        ?? Comparison(
          types: bench.types, initial: bench.initialWords, mask: bench.mask(of: prepared.outputs))
      comparison = own
      if let problem = own.overwritten(words) { throw BackendError(problem) }
      if let expected,
        let problem = own.difference(words, from: expected, "with another number of threads")
      {
        throw BackendError(problem)
      }
      expected = words
    }
    self.comparison = comparison!
    words = expected!
  }

  /// Runs the case twice on `backend` and says what is wrong with its results.
  func examine(_ backend: any Backend, into result: inout VerificationReport.Result) throws {
    let bench = Workbench(backend, type: subject.type, inputs: inputs)
    let prepared = try subject.prepare(bench)
    try backend.run(prepared.operation)
    let first = try bench.words()
    try bench.reset()
    try backend.run(prepared.operation)
    let second = try bench.words()

    var problems: [String] = []
    if let problem = comparison.overwritten(first) { problems.append(problem) }
    if let definition {
      let distance = comparison.distance(
        first, from: definition, exactly: subject.oracle == .exact,
        isDoubled: subject.doublesBound, numerics: backend.numerics)
      result.errorOverBound = distance.worst
      if let problem = distance.problem { problems.append(problem) }
    }
    if backend.numerics == .reproducible {
      if let problem = comparison.difference(second, from: first, "in the run before") {
        problems.append(problem)
      }
      if subject.promisesBits {
        let problem = comparison.difference(first, from: words, "on the CPU path")
        result.hasSameBits = problem == nil
        if let problem { problems.append(problem) }
      }
    }
    result.failure = problems.isEmpty ? nil : problems.joined(separator: "; ")
  }
}
