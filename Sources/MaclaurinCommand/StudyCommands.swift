import ArgumentParser

/// `study` is the study of orders; other studies are named.
struct StudyCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Compare orders in lock-step, sample sizes of learners, or kernels by width.",
    discussion: """
      Without a name it is 'study orders': 'maclaurin study --orders 1,full' needs none. 'maclaurin \
      study orders --help' lists its options.
      """,
    subcommands: [StudyCommand.self, SampleComplexityCommand.self, KernelStudyCommand.self],
    defaultSubcommand: StudyCommand.self)
}
