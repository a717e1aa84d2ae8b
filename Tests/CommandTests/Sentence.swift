import Testing

/// Expects that a run of the command failed with one sentence that says all of `words`, and
/// nothing on stdout.
func expectSentence(
  _ outcome: Command.Outcome, _ words: String..., status: Int32 = 1,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    outcome.status == status, "\(outcome.errors)\(outcome.output)", sourceLocation: sourceLocation)
  #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
  // Progress notes may come first; misuse may point to --help afterwards.
  let lines = outcome.errors.split(separator: "\n").filter {
    !$0.hasPrefix("Training ") && !$0.hasPrefix("step ") && !$0.hasPrefix("See 'maclaurin ")
  }
  #expect(lines.count == 1, "one sentence: \(outcome.errors)", sourceLocation: sourceLocation)
  guard let line = lines.first else { return }
  #expect(line.hasPrefix("Error: "), "\(line)", sourceLocation: sourceLocation)
  for word in words {
    #expect(line.contains(word), "\"\(word)\" in: \(line)", sourceLocation: sourceLocation)
  }
  // No traces of the program's inside.
  for inside in [
    "Error: Error", "Error(", "Fatal error", "Optional(", "Swift.", "fatal", "0x0000",
    "FileError", "NetworkError", "TrainingError", "BackendError", "Misuse", "CocoaError",
  ] {
    #expect(!line.contains(inside), "\(inside) in: \(line)", sourceLocation: sourceLocation)
  }
}
