import ArgumentParser
import BitNetDiagnostics

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a model's files say: architecture, quantization, tokenizer, training state.",
    discussion: """
      Reads headers only; a model that cannot be run is described too, with the reason.

      Examples:
        bitnet inspect model.gguf
        bitnet inspect folder --tensors
        bitnet inspect model.gguf --json
      """)

  @Argument(help: "A .gguf file, a Hugging Face folder or a .safetensors file.", completion: .file())
  var path: String

  @Flag(name: .long, help: "List every tensor.")
  var tensors = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let inspection = try Inspection(path: path)
    if json {
      try Terminal.writeJSON(inspection)
    } else {
      Terminal.write(inspection.report(listsTensors: tensors, style: Terminal.reportStyle))
    }
  }
}
