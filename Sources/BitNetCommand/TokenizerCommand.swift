import ArgumentParser
import Tokenization

struct TokenizerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer",
    abstract: "Make a vocabulary from text, and tokens from text.",
    subcommands: [TokenizerTrainCommand.self] + encoding)

  #if Training
  private static let encoding: [any ParsableCommand.Type] = [TokenizerEncodeCommand.self]
  #else
  private static let encoding: [any ParsableCommand.Type] = []
  #endif
}

/// Files of text and how they hold documents.
struct DocumentArguments: ParsableArguments {
  @Argument(
    help: "Text files, or .jsonl files with an object on every line.", completion: .file(extensions: ["txt", "jsonl"]))
  var files: [String]

  @Option(
    name: .long,
    help: ArgumentHelp("The line between two documents of a text file (default: <|endoftext|>).", valueName: "line"))
  var separator: String?

  @Flag(name: .long, help: "Documents of text files are separated by blank lines.")
  var blankLines = false

  @Option(name: .long, help: "The key of the text in .jsonl files.")
  var textKey = "text"

  func validate() throws {
    guard separator == nil || !blankLines else { throw ValidationError("Choose one of --separator and --blank-lines.") }
  }

  func documents() throws -> [TextDocuments] {
    try files.map { path in
      guard !path.hasSuffix(".jsonl") else { return try TextDocuments(path: path, form: .jsonLines(key: textKey)) }
      guard !blankLines else { return try TextDocuments(path: path, form: .blankLines) }
      return try TextDocuments(
        path: path, form: .separatorLine(separator ?? TextDocuments.defaultSeparator))
    }
  }
}
