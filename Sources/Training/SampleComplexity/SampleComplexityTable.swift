import DataSets
import Glibc

/// What one learner made of one number of examples of one task.
public struct SampleComplexityCell: Sendable, Equatable {
  public var learner: String
  public var dimension: Int
  public var examples: Int
  public var seed: UInt64
  /// Mean squared error on the test set over the variance of its targets; nil where every choice
  /// diverged.
  public var error: Double?
  /// The same on the validation set, of the choice that it decided.
  public var validationError: Double?
  /// The ridge or learning rate that the validation set chose.
  public var choice: Double?
  /// Steps that were taken to get there; 0 for a regression.
  public var steps: Int

  public init(
    learner: String, dimension: Int, examples: Int, seed: UInt64, error: Double?,
    validationError: Double?, choice: Double?, steps: Int
  ) {
    self.learner = learner
    self.dimension = dimension
    self.examples = examples
    self.seed = seed
    self.error = error.flatMap { $0.isFinite ? $0 : nil }
    self.validationError = validationError.flatMap { $0.isFinite ? $0 : nil }
    self.choice = choice
    self.steps = steps
  }
}

/// The cells of a study of sample sizes, as cells.csv has them, and what follows from them.
public struct SampleComplexityTable: Sendable, Equatable {
  public var cells: [SampleComplexityCell] = []

  static let header =
    "learner,dimension,examples,seed,test_error,validation_error,choice,steps"

  public init(_ cells: [SampleComplexityCell] = []) { self.cells = cells }

  // MARK: File

  /// cells.csv
  public var csv: String {
    func text(_ value: Double?) -> String { value.map { String($0) } ?? "" }
    let lines = cells.map { cell in
      [
        cell.learner, String(cell.dimension), String(cell.examples), String(cell.seed),
        text(cell.error), text(cell.validationError), text(cell.choice), String(cell.steps),
      ].joined(separator: ",")
    }
    return ([Self.header] + lines).joined(separator: "\n") + "\n"
  }

  /// Reads cells.csv.
  ///
  /// - Throws: `TrainingError` with the line that is no cell.
  public init(csv text: String, path: String) throws {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first.map(String.init) == Self.header else {
      throw TrainingError("\(path) does not begin with \(Self.header); restore the file")
    }
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let parts = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      func real(_ text: String) -> Double?? { text.isEmpty ? .some(nil) : Double(text).map { $0 } }
      guard parts.count == 8, !parts[0].isEmpty, let dimension = Int(parts[1]), dimension > 0,
        let examples = Int(parts[2]), examples > 0, let seed = UInt64(parts[3]),
        let error = real(parts[4]), let validation = real(parts[5]), let choice = real(parts[6]),
        let steps = Int(parts[7])
      else {
        throw TrainingError(
          "\(path), line \(index + 1), is no cell; the file is damaged, restore it")
      }
      cells.append(
        SampleComplexityCell(
          learner: parts[0], dimension: dimension, examples: examples, seed: seed, error: error,
          validationError: validation, choice: choice, steps: steps))
    }
  }

  // MARK: What follows

  /// In their order in the table.
  public var learners: [String] {
    var seen: Set<String> = []
    return cells.map(\.learner).filter { seen.insert($0).inserted }
  }

  public var dimensions: [Int] { Set(cells.map(\.dimension)).sorted() }

  /// The error over the seeds at one place.
  public struct Place: Sendable, Equatable {
    public var examples: Int
    /// The mean over the seeds; infinite if one of them diverged at every choice.
    public var error: Double
    /// s/√n over the seeds; nil for one.
    public var standardError: Double?
  }

  /// By ascending number of examples.
  public func curve(_ learner: String, dimension: Int) -> [Place] {
    let mine = cells.filter { $0.learner == learner && $0.dimension == dimension }
    return Dictionary(grouping: mine, by: \.examples).sorted { $0.key < $1.key }.map { n, cells in
      let errors = cells.map { $0.error ?? .infinity }
      let count = Double(errors.count)
      let mean = errors.reduce(0, +) / count
      let squares = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return Place(
        examples: n, error: mean,
        standardError: count > 1 && mean.isFinite
          ? (squares / (count - 1) / count).squareRoot() : nil)
    }
  }

  /// Where a learner's mean error falls below a threshold, by dimension.
  public func crossings(
    _ learner: String, threshold: Double
  ) -> [(dimension: Int, crossing: ThresholdCrossing)] {
    dimensions.compactMap { dimension in
      ThresholdCrossing(
        curve(learner, dimension: dimension).map { ($0.examples, $0.error) }, threshold: threshold
      ).map { (dimension, $0) }
    }
  }

  /// n ∝ d^slope through the crossings that were found.
  public func fit(_ learner: String, threshold: Double) -> LogLogFit? {
    LogLogFit(
      crossings(learner, threshold: threshold).compactMap { dimension, crossing in
        crossing.examples.map { (Double(dimension), $0) }
      })
  }
}
