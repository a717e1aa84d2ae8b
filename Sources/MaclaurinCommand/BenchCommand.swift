import ArgumentParser
import Maclaurin

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bench", abstract: "")
  func run() throws {}
}
