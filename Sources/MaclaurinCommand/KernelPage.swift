import Maclaurin

/// report.html of one kernel: a picture of the matrix, and its spectrum.
struct KernelPage {
  let folder: String
  private let job: KernelJob
  private let argument: ArrayArgument
  private let limit: Int

  /// Rows up to which eigenvalues are computed: minutes, not hours.
  static let mostRows = 4096

  /// - Parameter limit: bytes that the command may take.
  /// - Throws: `Misuse` for a kernel that is no matrix of numbers, or no folder.
  init(_ folder: String, of job: KernelJob, in argument: ArrayArgument, limit: Int) throws {
    guard job.outputs == nil || job.outputs == .trace else {
      throw Misuse(
        "--report draws a matrix with one number for a pair of examples; leave --outputs out")
    }
    try OutputFile.checkFolder(folder, option: "--report")
    (self.folder, self.job, self.argument, self.limit) = (folder, job, argument, limit)
  }

  /// Reads the finished kernel row by row.
  ///
  /// - Returns: sentences on what was found.
  func write() throws -> [String] {
    let stored = try StoredArray(argument)
    let (rows, columns) = (stored.shape[0], stored.shape[1])
    let length = columns * stored.elementType.size
    func row(_ index: Int) throws -> [Double] {
      let bytes = try stored.bytes((index * length)..<((index + 1) * length))
      return try NumericArray(shape: [columns], elementType: stored.elementType, bytes: bytes)
        .doubles()
    }
    let name = job.kind == .ntk ? "NTK" : "NNGP"
    let map = try HeatMap(
      title: "\(name), \(rows)×\(columns)", rows: rows, columns: columns, row: row)
    var (eigenvalues, remarks): ([Double], [String]) = ([], [])
    if job.x2 != nil {
      remarks.append("Between two sets of inputs, so there is no spectrum.")
    } else if rows > Self.mostRows || 24 * rows * rows > limit {
      remarks.append(
        "The spectrum is left out: its \(rows) eigenvalues take more time or memory than a report may."
      )
    } else {
      var matrix: [Double] = []
      matrix.reserveCapacity(rows * rows)
      for index in 0..<rows { matrix += try row(index) }
      eigenvalues = try LAPACK().eigenvalues(&matrix, rows)
    }
    var settings = job.settings.mapValues { JSONValue.string($0) }
    settings["dtype"] = .string(job.type.rawValue)
    let report = KernelReport(
      title: "\(name) of \(rows) examples",
      lead: "\(job.width.rawValue) width, \(job.network.description.parameterization.name), "
        + "in \(argument.path)",
      kernels: [KernelReport.Kernel(name, map: map, eigenvalues: eigenvalues)], remarks: remarks,
      settings: settings)
    try report.write(to: folder)
    return report.findings + ["\(folder)/report.html"]
  }
}
