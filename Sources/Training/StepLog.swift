import Compute

/// What steps leave for the metrics, on its way from the device to the host.
///
/// The n steps of a logging interval fill elements 0…n−1 of one of two rows with the sums of their
/// per-example losses; the last one also fills element n with ‖g‖². The download of these n + 1
/// elements begins when the interval closes. The next steps fill the other row meanwhile, and the
/// numbers are read when that one closes, or earlier when somebody needs them: so the host never
/// waits for the step that it has just enqueued.
struct StepLog {
  /// A closed interval on the host.
  struct Interval {
    /// Steps done before its first one, and after its last.
    var start: Int
    var end: Int
    var lossSums: [Double]
    /// ‖g‖² of its last step.
    var squares: Double
  }

  /// The most steps of an interval.
  let capacity: Int
  /// Steps done before the open interval.
  private(set) var start = 0
  private let backend: any Backend
  private var open: Matrix
  private var other: Matrix
  private var closed: (start: Int, end: Int, download: any Download)?

  init(_ backend: any Backend, capacity: Int, type: ScalarType) throws {
    self.backend = backend
    self.capacity = capacity
    open = try backend.matrix(1, capacity + 1, type)
    other = try backend.matrix(1, capacity + 1, type)
  }

  /// Where step `step` (from 0) leaves the sum of its per-example losses.
  func lossSum(_ step: Int) -> Matrix { open.element(step - start) }

  /// Where step `step` leaves ‖g‖² if the interval closes after it.
  func squares(_ step: Int) -> Matrix { open.element(step - start + 1) }

  /// Begins the download of the interval that ends at `end`; returns the one before, if it has not
  /// been taken.
  mutating func close(at end: Int) throws -> Interval? {
    let row = open.slice(at: 0, rows: 1, columns: end - start + 1)
    let next = (start: start, end: end, download: try backend.startDownload(row))
    let before = try take()
    closed = next
    start = end
    swap(&open, &other)
    return before
  }

  /// The closed interval, once it is on the host, unless it has been taken.
  mutating func take() throws -> Interval? {
    guard let (start, end, download) = closed else { return nil }
    closed = nil
    let values = try download.values(open.type)
    return Interval(
      start: start, end: end, lossSums: Array(values.dropLast()), squares: values[end - start])
  }

  /// The loss sums of the open interval's steps before `end`; this waits.
  func lossSums(before end: Int) throws -> [Double] {
    try backend.download(open.slice(at: 0, rows: 1, columns: end - start))
  }

  /// Forgets everything; the open interval began after `step` steps and has had as many steps as
  /// there are loss sums.
  mutating func restart(at step: Int, lossSums: [Double] = []) throws {
    closed = nil
    start = step
    guard !lossSums.isEmpty else { return }
    try backend.upload(lossSums, to: open.slice(at: 0, rows: 1, columns: lossSums.count))
  }
}

extension Download {
  /// The elements as Double (exact), once they are there.
  func values(_ type: ScalarType) throws -> [Double] {
    try wait().withUnsafeBytes { bytes in
      switch type {
      case .float32: bytes.bindMemory(to: Float.self).map { Double($0) }
      case .float64: Array(bytes.bindMemory(to: Double.self))
      case .int32: bytes.bindMemory(to: Int32.self).map { Double($0) }
      }
    }
  }
}
