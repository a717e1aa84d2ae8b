import ArgumentParser
import Glibc
import Maclaurin

/// Exit codes: 0 done, 1 failed, 2 misuse, 3 verification or a check found a disagreement, 130 and
/// 143 after SIGINT and SIGTERM.
@main
enum Main {
  static func main() {
    // A closed pipe ends the program quietly, as users of pipes expect.
    signal(SIGPIPE, SIG_DFL)
    // A file-size limit is an error of the write, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    do {
      let arguments = CheckOptions.completed(Array(CommandLine.arguments.dropFirst()))
      var command = try MainCommand.parseAsRoot(arguments)
      try command.run()
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch let error where MainCommand.exitCode(for: error) == .success {
      print(MainCommand.fullMessage(for: error))
    } catch let error where MainCommand.exitCode(for: error) == .validationFailure {
      Console.error(Self.misuse(MainCommand.fullMessage(for: error)))
      exit(2)
    } catch let error as Misuse {
      Console.error("Error: \(error)")
      exit(2)
    } catch let error as Disagreement {
      Console.error("Error: \(error)")
      exit(3)
    } catch {
      Console.error("Error: \(error)")
      exit(1)
    }
  }

  /// The parser's sentence and where to read more, without the usage in between.
  private static func misuse(_ message: String) -> String {
    let lines = message.split(separator: "\n")
    let pointer = lines.last { $0.hasPrefix("  See ") }
    return ([lines.first ?? ""] + (pointer.map { [$0.drop { $0 == " " }] } ?? []))
      .joined(separator: "\n")
  }
}

/// Arguments that cannot be meant: exit 2.
struct Misuse: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

struct MainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "maclaurin",
    abstract:
      "Taylorized networks on any OpenCL device or on the CPU, with the same bits on every device.",
    version: "0.1.0",
    subcommands: [
      DevicesCommand.self, InitCommand.self, ConvertCommand.self, SummaryCommand.self,
      TrainCommand.self,
      StudyCommands.self, PlotCommand.self, EvaluateCommand.self, ExpandCommand.self,
      JVPCommand.self, VJPCommand.self, KernelCommands.self, PredictCommand.self,
      GaussianProcessCommand.self, AdaptCommand.self, CurvatureCommand.self, FisherCommand.self,
      VerifyCommand.self, BenchCommand.self,
    ])
}
