import ArgumentParser
import Maclaurin

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "verify", abstract: "")
  func run() throws {}
}
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bench", abstract: "")
  func run() throws {}
}
