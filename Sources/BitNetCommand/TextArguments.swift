import ArgumentParser

/// The text, or the tokens, that logits are taken of.
struct TextArguments: ParsableArguments {
  @Option(
    name: [.customShort("p"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A text; between two models it may be repeated.",
      discussion: "Default: \"The capital of France is\", and between two models a paragraph of plain English."))
  var prompt: [String] = []

  @Option(name: [.customShort("f"), .long], help: "A file with a text.", completion: .file())
  var file: String?

  @Option(name: .long, help: "Token ids instead of a text: 1,2,3.")
  var tokens: TokensArgument?

  func validate() throws {
    guard [!prompt.isEmpty, file != nil, tokens != nil].count(where: { $0 }) <= 1 else {
      throw ValidationError("Choose one of --prompt, --file and --tokens.")
    }
  }

  /// The texts; empty when none was given.
  func prompts() throws -> [String] { try file.map { [try readText($0)] } ?? prompt }
}

/// Token ids with commas between them.
struct TokensArgument: ExpressibleByArgument {
  let ids: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let ids = parts.compactMap { Int($0.drop { $0 == " " }) }
    guard !ids.isEmpty, ids.count == parts.count else { return nil }
    self.ids = ids
  }
}
