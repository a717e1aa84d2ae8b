import Glibc
import Maclaurin

/// The file of `--trace`: what runs is recorded until the end and then written, however it ends.
enum TraceFile {
  /// Calls `body`, which shows every back end that it makes to the closure that it is given.
  ///
  /// After an error of `body` the file is written all the same, and that error is thrown.
  ///
  /// - Throws: `FileError`, before anything runs, for a file that could not be written or that
  ///   holds something else than a trace.
  static func recording<Result>(
    in path: String?, _ body: (_ observe: (any Backend) -> any Backend) throws -> Result
  ) throws -> Result {
    guard let path else { return try body { $0 } }
    try check(path)
    let timeline = Timeline()
    var current: (any Backend)?
    func end() {
      // The events of a device come at the end; one that failed has brought what there is.
      try? current?.finish()
      current?.timeline = nil
      current = nil
    }
    let result: Result
    do {
      result = try body { backend in
        end()
        backend.timeline = timeline
        current = backend
        return backend
      }
    } catch {
      end()
      do {
        try ChromeTrace.write(timeline, to: path)
      } catch let second {
        Console.error("Error: \(second)")
      }
      throw error
    }
    end()
    try ChromeTrace.write(timeline, to: path)
    return result
  }

  private static func check(_ path: String) throws {
    try OutputFile.check(path, option: "--trace", inputs: [])
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard access(path, W_OK) == 0 else {
      throw FileError(
        path: path, problem: "cannot be written: \(String(cString: strerror(errno)))",
        advice: "give --trace another path")
    }
    // Data and networks are files, too, and must not go because of a slip.
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
      !ChromeTrace.isTrace(path)
    else { return }
    throw FileError(
      path: path, problem: "is there already and is no trace",
      advice: "give --trace another file, so that nothing is lost")
  }
}
