import ArgumentParser
import Maclaurin

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "verify", abstract: "")
  func run() throws {}
}
