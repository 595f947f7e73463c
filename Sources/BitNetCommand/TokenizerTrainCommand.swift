import ArgumentParser
import Foundation
import Kernels
import ModelFormats
import Tokenization

struct TokenizerTrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Learn a byte-level BPE vocabulary from text.",
    discussion: """
      Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json, which Hugging Face's tokenizers reads with
      the same ids. The ids begin with the special tokens; the first of them begins and ends texts. The merges are those
      that Hugging Face's trainer learns. Text is split by a rule that GGUF files have a name for, so that a model with
      the vocabulary runs in llama.cpp too.

      Examples:
        bitnet tokenizer train corpus/*.txt --vocab-size 4096 -o vocabulary
        bitnet tokenizer train chats.jsonl --vocab-size 8192 --text-key content -o vocabulary \\
          --special-tokens '<|endoftext|>' --special-tokens '<|im_start|>' --special-tokens '<|im_end|>'
      """)

  @OptionGroup var input: DocumentArguments

  @Option(name: .long, help: "Tokens in all: special ones, 256 bytes, merges.")
  var vocabSize = 4096

  @Option(name: [.customShort("o"), .long], help: "The folder to write to.", completion: .directory)
  var output: String

  @Option(
    name: .long, parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A special token; repeat it for more.",
      discussion: "Default: \(BytePairTrainer.defaultSpecialTokens.joined(separator: " "))", valueName: "token"))
  var specialTokens: [String] = []

  @Option(name: .long, help: "The splitting rule: gpt-2, smollm (as gpt-2, digits one by one), llama-bpe, qwen2, …")
  var split = "smollm"

  @Option(name: .long, help: "Pairs that occur less often are not merged.")
  var minCount = 2

  @Flag(name: .long, help: "Replace the vocabulary that is there.")
  var force = false

  func validate() throws {
    guard !input.files.isEmpty else { throw ValidationError("Name a file with text.") }
    guard minCount > 0 else { throw ValidationError("--min-count is at least 1.") }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    try refuseReplacement()
    var trainer = try BytePairTrainer(
      rule: split, specialTokens: specialTokens.isEmpty ? BytePairTrainer.defaultSpecialTokens : specialTokens)
    for documents in try input.documents() {
      try documents.forEach { text in
        if let code = interruption.exitCode { throw code }
        trainer.add(text)
        Terminal.progress("Counting words: \(trainer.byteCount >> 20) MB of \(documents.path) and those before it")
      }
    }
    let vocabulary = try trainer.train(vocabularySize: vocabSize, minimumCount: minCount) { count in
      if let code = interruption.exitCode { throw code }
      Terminal.progress("Merging: \(count) of \(vocabSize) tokens")
    }
    try write(vocabulary)
    Terminal.endProgress()
    let ratio = Double(trainer.byteCount) / Double(max(1, vocabulary.trainingTokenCount))
    Terminal.write(
      """
      vocabulary   \(vocabulary.count) tokens, \(vocabulary.mergeCount) merges, splitting rule \(vocabulary.rule.name)
      text         \(trainer.byteCount) bytes, \(trainer.wordCount) different words, \
      \(vocabulary.trainingTokenCount) tokens: \(String(format: "%.2f", ratio)) bytes a token
      written      \(output)

      """)
  }

  private func refuseReplacement() throws {
    let path = output + "/tokenizer.json"
    guard !force, FileManager.default.fileExists(atPath: path) else { return }
    throw TextError(path: path, problem: "is there already; give another folder, or --force to replace it")
  }

  private func write(_ vocabulary: TrainedVocabulary) throws {
    do {
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    } catch {
      throw TextError(path: output, problem: "cannot be made: \(error.localizedDescription)")
    }
    for (name, text) in try vocabulary.huggingFaceFiles() {
      let file = try NewFile(path: "\(output)/\(name)")
      try file.write(SharedBytes(copying: text), at: 0)
      try file.finish(count: text.count)
    }
  }
}
