internal import ArgumentParser

@main
struct BitNetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bitnet", abstract: "Toolkit for 1.58-bit language models.")
}
