import ArgumentParser

/// `kernel` computes one; what else is done with kernels is named.
struct KernelCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel",
    abstract: "Kernels of a network, infinitely wide or as it is; merge shares; what is supported.",
    discussion: """
      Without a name it is 'kernel compute': 'maclaurin kernel --inputs x.npy --output k.npy' needs \
      none. 'maclaurin kernel compute --help' lists its options.
      """,
    subcommands: [KernelCommand.self, KernelMergeCommand.self, KernelSupportCommand.self],
    defaultSubcommand: KernelCommand.self)
}
