import Compute
import Jets
import Networks

/// How far a member of a study is from the network itself, enqueued on the device.
///
/// Of two vectors a and b: ‖a − b‖², ⟨a, b⟩, ‖a‖², ‖b‖². For the parameters a = θ_k − θ_0 and
/// b = θ_full − θ_0, tensor by tensor; for the outputs on the test set a = f_k − f_0 and
/// b = f_full − f_0.
struct StudyComparison {
  /// The four sums of two vectors.
  struct Sums {
    var difference = 0.0
    var product = 0.0
    var first = 0.0
    var second = 0.0

    var distance: Double { difference.squareRoot() }
    /// Not a number where one of the vectors is zero.
    var cosine: Double { product / (first.squareRoot() * second.squareRoot()) }

    static func + (a: Sums, b: Sums) -> Sums {
      Sums(
        difference: a.difference + b.difference, product: a.product + b.product,
        first: a.first + b.first, second: a.second + b.second)
    }
  }

  private let sums: any Download
  private let type: ScalarType
  private let tensors: [ParameterTensor]
  /// Examples of the test set; 0 without one.
  private let examples: Int

  /// Enqueues a comparison; waits for nothing.
  ///
  /// - Parameter before: f_0, the test set's outputs at the start.
  init(
    _ member: Trainer.Measurements, with full: Trainer.Measurements, before: Matrix?,
    _ network: Network, on backend: any Backend
  ) throws {
    tensors = network.parameters
    let type = member.displacement.type
    self.type = type
    let results = try backend.matrix(tensors.count + 1, 4, type)
    let (a, b) = (member.displacement, full.displacement)
    let difference = try backend.matrix(1, network.parameterCount, type)
    try backend.run(.linearCombination(LinearCombination(difference, 1, a, -1, b)))
    for (index, tensor) in tensors.enumerated() {
      func part(_ vector: Matrix) -> Matrix {
        vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      }
      try Self.sums(
        part(a), part(b), part(difference), into: results.rows(index..<(index + 1)), on: backend)
    }
    if let outputs = member.testOutputs, let fullOutputs = full.testOutputs, let before {
      func minus(_ x: Matrix, _ y: Matrix) throws -> Matrix {
        let result = try backend.matrix(1, x.count, type)
        try backend.run(.linearCombination(LinearCombination(result, 1, x, -1, y)))
        return result
      }
      try Self.sums(
        minus(outputs, before), minus(fullOutputs, before), minus(outputs, fullOutputs),
        into: results.rows(tensors.count..<(tensors.count + 1)), on: backend)
      examples = outputs.rows
    } else {
      try backend.run(.fill(Fill(results.rows(tensors.count..<(tensors.count + 1)), value: 0)))
      examples = 0
    }
    sums = try backend.startDownload(results)
  }

  /// Writes over `difference`.
  private static func sums(
    _ a: Matrix, _ b: Matrix, _ difference: Matrix, into row: Matrix, on backend: any Backend
  ) throws {
    try backend.run(
      .reduction(Reduction(.sumOfSquares, of: difference, into: row.element(0))))
    func jet(_ vector: Matrix) -> Jet { Jet(vector, block: 1, degree: 0, capacity: 0) }
    try backend.run(
      .jetProduct(JetProduct(.forward(left: jet(a), right: jet(b), output: jet(difference)))))
    try backend.run(.reduction(Reduction(.sum, of: difference, into: row.element(1))))
    try backend.run(.reduction(Reduction(.sumOfSquares, of: a, into: row.element(2))))
    try backend.run(.reduction(Reduction(.sumOfSquares, of: b, into: row.element(3))))
  }

  /// The columns of study.csv that this fills, once the sums are there. Sums over tensors are made
  /// in Double.
  func values() throws -> [String: Double] {
    let values = try self.sums.values(type)
    func sums(_ row: Int) -> Sums {
      Sums(
        difference: values[4 * row], product: values[4 * row + 1], first: values[4 * row + 2],
        second: values[4 * row + 3])
    }
    let all = tensors.indices.reduce(Sums()) { $0 + sums($1) }
    var columns = ["parameter_distance": all.distance, "parameter_cosine": all.cosine]
    for (index, tensor) in tensors.enumerated() {
      columns["parameter_distance.\(tensor.name)"] = sums(index).distance
      columns["parameter_cosine.\(tensor.name)"] = sums(index).cosine
    }
    if examples > 0 {
      let logits = sums(tensors.count)
      columns["logit_distance"] = (logits.difference / Double(examples)).squareRoot()
      columns["logit_cosine"] = logits.cosine
    }
    return columns
  }
}
