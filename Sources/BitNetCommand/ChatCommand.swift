import ArgumentParser
import BitNet
import Foundation
import Synchronization

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Hold a conversation, with the model's own chat template.",
    discussion: """
      Type a message and press Enter. Ctrl-C ends an answer, Ctrl-D or /exit the conversation.

      Examples:
        bitnet chat model.gguf
        bitnet chat model.gguf --system "You answer in one sentence." --temp 0
        echo "Name a river." | bitnet chat model.gguf
        bitnet chat folder --decode-mode adaptive -v
      """)

  @OptionGroup var model: ModelArguments

  @Option(name: [.customLong("system-prompt"), .customLong("system")], help: "What the model is told beforehand.")
  var system: String?

  @OptionGroup(title: "Generation") var sampling: SamplingArguments

  @OptionGroup(title: "Block diffusion") var diffusion: DiffusionArguments

  @Flag(name: [.customShort("v"), .long], help: "Report tokens and speed on standard error after each answer.")
  var verbose = false

  func validate() throws { try diffusion.validate(with: sampling) }

  func run() async throws {
    let model = try model.load()
    let chat = try ChatSession(model: model, system: system)
    var generation = sampling.options()
    generation.blockDiffusion = try diffusion.options(for: model)
    let options = generation
    let current = Mutex<Task<Void, any Error>?>(nil)
    // At the prompt there is nothing to interrupt, and Ctrl-C leaves as everywhere.
    let interruption = Interruption(repeats: true) { exitCode in
      guard let answer = current.withLock({ $0 }) else {
        Terminal.write("\n")
        _exit(exitCode.rawValue)
      }
      answer.cancel()
    }
    if Terminal.standardInputIsTerminal {
      Terminal.note(
        "\(model.configuration.architecture), mode \(model.mode.rawValue). Ctrl-C ends an answer, /exit the conversation."
      )
    }
    while let message = readMessage() {
      let message = message.trimmingCharacters(in: .whitespaces)
      if message == "/exit" { break }
      if message.isEmpty { continue }
      let answer = Task {
        let report: @Sendable (GenerationSummary) -> Void = { summary in
          if verbose { Terminal.note("\n" + summary.line(mode: model.mode)) }
        }
        for try await piece in chat.respond(to: message, options: options, onFinish: report) {
          Terminal.write(said: piece)
        }
      }
      current.withLock { $0 = answer }
      defer { current.withLock { $0 = nil } }
      do {
        try await answer.value
        Terminal.write("\n")
      } catch {
        guard Terminal.standardInputIsTerminal else { throw error }
        Terminal.note("\n\(error)")
      }
      if let exitCode = interruption.exitCode, exitCode.rawValue != 128 + SIGINT { throw exitCode }
    }
  }

  private func readMessage() -> String? {
    if Terminal.standardInputIsTerminal { Terminal.write("> ") }
    let line = readLine()
    if line == nil, Terminal.standardInputIsTerminal { Terminal.write("\n") }
    return line
  }
}
