import ArgumentParser
import BitNet
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats

struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Write a model's logits as a NumPy array.",
    discussion: """
      The array is float32 [positions, vocabulary]; row i holds the logits of the token after token i. Read it with
      numpy.load, or compare it with `bitnet compare MODEL --logits FILE`. A file of that name is replaced.

      Examples:
        bitnet logits model.gguf -p "The capital of France is" -o logits.npy
        bitnet logits folder --tokens 1,2,3 --mode weight-only -o logits.npy
        bitnet logits model.gguf --file text.txt --last -o last.npy --tokens-out tokens.txt
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var text: TextArguments

  @Option(name: [.customShort("o"), .long], help: "The .npy file to write.", completion: .file(extensions: ["npy"]))
  var output: String

  @Option(name: .long, help: "A file to write the token ids to, one line with commas, as --tokens takes them.")
  var tokensOut: String?

  @Flag(name: .long, help: "The last position only.")
  var last = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard text.prompt.count <= 1 else { throw ValidationError("Give one --prompt.") }
    func real(_ path: String) -> URL { URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath() }
    guard tokensOut.map(real) != real(output) else {
      throw ValidationError("--output and --tokens-out name the same file.")
    }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    let prompt = try text.prompts().first
    do {
      let model = try model.load(cachePrecision: .f32)
      for path in [output, tokensOut].compactMap(\.self) where model.checkpoint.isMade(of: path) {
        throw TextError(path: path, problem: "is the model itself or holds it; choose another name")
      }
      let tokensFile = try tokensOut.map { try NewFile(path: $0) }
      let dump = try LogitsDump(
        of: model, prompt: prompt, tokens: text.tokens?.ids, lastOnly: last, to: output,
        progress: Terminal.progress, isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      if let tokensFile {
        let text = Array((dump.tokens.map(String.init).joined(separator: ",") + "\n").utf8)
        try tokensFile.write(SharedBytes(copying: text), at: 0)
        try tokensFile.finish(count: text.count)
      }
      if json { try Terminal.writeJSON(dump) } else { Terminal.write(dump.report()) }
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}
