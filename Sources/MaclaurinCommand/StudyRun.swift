import ArgumentParser
import Maclaurin

/// A study on its way: its parts one after the other, and what is written of them.
final class StudyRun {
  private let parts: [StudyPart]
  private let record: StudyRecord
  private let set: DataSet
  private let out: String?
  private let resume: Bool
  private let probes: Int
  /// Whether every member gets an event file.
  private let tensorboard: Bool
  private let report: OutputOptions
  /// Open from the first computation on.
  private(set) var directory: StudyDirectory?

  init(
    parts: [StudyPart], record: StudyRecord, set: DataSet, out: String?, resume: Bool, probes: Int,
    tensorboard: Bool, report: OutputOptions
  ) {
    self.parts = parts
    self.record = record
    self.set = set
    self.out = out
    self.resume = resume
    self.probes = probes
    self.tensorboard = tensorboard
    self.report = report
  }

  /// The data on a backend.
  private struct Resident {
    var train: ResidentExamples
    var validation: ResidentExamples?
    var test: ResidentExamples?
  }

  /// Runs what is not finished. A second call, on another backend, goes on from the folder.
  ///
  /// - Returns: result.json and the table for people.
  func run(on device: any Backend) throws -> (result: [String: JSONValue], text: String) {
    let clock = ContinuousClock.now
    let type = record.run.settings.type
    // Everything that the arguments can get wrong is tried before files appear.
    if directory == nil, let first = parts.first { _ = try start(first, device) }
    let resident = Resident(
      train: try ResidentExamples(set.train, type: type, on: device),
      validation: try set.validation.map { try ResidentExamples($0, type: type, on: device) },
      test: set.test.count > 0 ? try ResidentExamples(set.test, type: type, on: device) : nil)
    let isFirst = directory == nil
    var progress = try open(device)
    if isFirst, !record.orders.contains(0) {
      report.note("Without full in --orders there is nothing to compare the orders with")
    }
    report.note(
      "Training \(parts.count * record.variants.count) members on \(set.name): orders "
        + record.orderNames.joined(separator: ", ")
        + (record.periods.isEmpty
          ? "" : ", re-expanded every \(record.periodNames.joined(separator: ", "))")
        + ", \(record.run.settings.steps) steps on \(device.name)")
    let bar = ProgressBar(quiet: report.quiet)
    Interruption.catchSignals()
    for (index, part) in parts.enumerated() where progress[index]?.isFinished != true {
      progress[index] = try run(part, index, from: progress[index], resident, device, bar)
    }
    try device.finish()
    bar.clear()
    let summaries = summaries(parts.indices.map { progress[$0]?.rows ?? [] })
    var result = StudyTable.result(summaries, axes: record.grid.names)
    result["members"] = .number(Double(parts.count * record.variants.count))
    result["steps"] = .number(Double(record.run.settings.steps))
    result["batch_size"] = .number(Double(record.run.settings.batchSize))
    result["seconds"] = .number((ContinuousClock.now - clock) / .seconds(1))
    result["backend"] = .string(device.name)
    result["numerics"] = .string(device.numerics.rawValue)
    if let directory {
      try directory.write(summaries)
      try directory.write("result.json", Array((JSONValue.object(result).line + "\n").utf8))
      try StudyReport.write(to: directory.path)
    }
    return (result, StudyTable.text(result, axes: record.grid.names))
  }

  /// Opens the folder, if there is one; what each part has done.
  private func open(_ device: any Backend) throws -> [Int: StudyProgress] {
    guard let out else { return [:] }
    if directory == nil {
      let folder = try StudyDirectory(
        out, resume: resume, axes: record.grid.names, record.run.network)
      if try StudyDirectory.content(of: out, resume: true) == .nothing {
        try record.write(to: folder, backend: device)
      }
      directory = folder
    }
    guard let directory else { return [:] }
    var progress: [Int: StudyProgress] = [:]
    for (index, part) in parts.enumerated() {
      progress[index] = try directory.progress(of: part.folder)
    }
    try directory.writeRows(
      parts.enumerated().flatMap { index, part in
        (progress[index]?.rows ?? []).map { (part.seed, part.point.texts, $0) }
      })
    return progress
  }

  /// θ0 of a part: from its folder, the given file, or drawn.
  private func start(_ part: StudyPart, _ device: any Backend) throws -> Matrix {
    var file = record.run.initial
    if let directory {
      let run = "\(directory.path)/\(part.folder(of: part.variants[0]))"
      if try RunDirectory.content(of: run, resume: true) == .run {
        file = run + "/initial.safetensors"
      }
    }
    return try TrainCommand.startingPoint(part.network, part.settings, device, file)
  }

  // MARK: One part

  private func run(
    _ part: StudyPart, _ index: Int, from saved: StudyProgress?, _ resident: Resident,
    _ device: any Backend, _ bar: ProgressBar
  ) throws -> StudyProgress {
    let start = try start(part, device)
    let directories = try runDirectories(part, start, device)
    let group = try StudyGroup(
      part.network, part.settings, part.variants, start: start, train: resident.train,
      validation: resident.validation, test: resident.test, directories: directories,
      probes: probes, on: device)
    let events = tensorboard ? directories.map { EventFile($0.path) } : []
    group.onRows = { [directory, report] rows in
      try directory?.append(rows, seed: part.seed, grid: part.point.texts)
      for events in events { events.update() }
      guard !report.quiet, !report.json, let line = StudyTable.line(rows) else { return }
      bar.clear()
      Console.error(line + (self.parts.count > 1 ? "  (\(part.folder))" : ""))
    }
    group.onCheckpoint = { [directory] in try directory?.write($0, of: part.folder) }
    let (steps, parts) = (record.run.settings.steps, parts.count)
    group.onProgress = { bar.show(index * steps + $0, of: parts * steps, part.folder) }
    group.shouldStop = { Interruption.isRequested }
    guard try group.run(from: saved) else {
      bar.clear()
      report.note(
        "Stopped after step \(group.progress.step) of \(part.folder)"
          + (directory.map { "; go on with --out \($0.path) --resume" } ?? ""))
      if let directory { try StudyReport.write(to: directory.path) }
      throw ExitCode(Interruption.exitCode)
    }
    try device.finish()
    for member in group.members {
      guard let run = member.directory, let result = member.result else { continue }
      let summary = RunFiles.summary(
        result, batchSize: member.settings.batchSize, seconds: nil, examplesPerSecond: nil,
        backend: device.name, numerics: device.numerics)
      try run.write("result.json", Array((JSONValue.object(summary).line + "\n").utf8))
      try RunReport.write(to: run)
    }
    for events in events { try events.finish() }
    try directory?.write(group.progress, of: part.folder)
    return group.progress
  }

  /// The members' folders, as `train` makes them.
  private func runDirectories(
    _ part: StudyPart, _ start: Matrix, _ device: any Backend
  ) throws -> [RunDirectory] {
    guard let directory else { return [] }
    let values = try device.download(start)
    return try part.variants.map { variant in
      let folder = try RunDirectory(
        "\(directory.path)/\(part.folder(of: variant))", resume: true)
      try folder.lock()
      let run = RunRecord(
        settings: variant.settings(part.settings), data: record.run.data,
        initial: record.run.initial,
        numerics: record.run.numerics, network: part.network, examples: record.run.examples)
      if folder.contains("run.json") {
        try run.check(in: folder.path)
      } else {
        try run.write(to: folder, backend: device, start: values)
      }
      return folder
    }
  }

  /// By place of the grid and variant.
  private func summaries(_ rows: [[StudyRow]]) -> [StudySummary] {
    let seeds = record.seeds.count
    return stride(from: 0, to: parts.count, by: seeds).flatMap { first in
      parts[first].variants.map { variant in
        StudySummary(
          variant, grid: parts[first].point.texts,
          rows: Array(rows[first..<(first + seeds)]))
      }
    }
  }
}
