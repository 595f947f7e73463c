#if Training
import ArgumentParser
import BitNetTraining
import Tokenization

struct TokenizerEncodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Turn text into a file of tokens to train on.",
    discussion: """
      Every document is followed by the end-of-text token. The file is mapped when it is trained on, so it may be larger
      than the memory; it names the vocabulary it was made with, and no other is accepted with it.

      Examples:
        bitnet tokenizer encode corpus/train.txt --tokenizer vocabulary -o train.bin
        bitnet tokenizer encode a.jsonl b.jsonl --text-key content --tokenizer model-folder -o chats.bin
      """)

  @OptionGroup var input: DocumentArguments

  @Option(name: .long, help: "A folder with a tokenizer.", completion: .directory)
  var tokenizer: String

  @Option(name: [.customShort("o"), .long], help: "The file to write.", completion: .file(extensions: ["bin"]))
  var output: String

  func validate() throws {
    guard !input.files.isEmpty else { throw ValidationError("Name a file with text.") }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    var writer = try TokenShardWriter(path: output, tokenizer: Tokenizer(path: tokenizer))
    var byteCount = 0
    for documents in try input.documents() {
      try documents.forEach { text in
        if let code = interruption.exitCode { throw code }
        byteCount += text.utf8.count
        try writer.add(text)
        Terminal.progress("\(documents.path): \(writer.documentCount) documents, \(writer.tokenCount) tokens")
      }
    }
    try writer.finish()
    Terminal.endProgress()
    Terminal.write(
      "\(output): \(writer.documentCount) documents, \(writer.tokenCount) tokens from \(byteCount) bytes of text\n")
  }
}
#endif
