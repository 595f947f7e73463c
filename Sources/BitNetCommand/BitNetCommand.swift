import ArgumentParser

@main
struct BitNetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bitnet",
    abstract: "Diagnose and run 1.58-bit (BitNet b1.58) language models.",
    discussion: """
      A MODEL is a .gguf file or a Hugging Face folder with config.json and .safetensors files.

      Examples:
        bitnet diagnose model.gguf -p "The capital of France is"
        bitnet run model.gguf -p "The capital of France is" -n 30 --temp 0
        bitnet chat model.gguf
        bitnet inspect model.gguf --tensors
        bitnet compare folder model.gguf
      """,
    version: "0.1.0",
    subcommands: [
      DiagnoseCommand.self, ConvertCommand.self, RunCommand.self, ChatCommand.self, InspectCommand.self,
      CompareCommand.self, LogitsCommand.self, BenchCommand.self, VerifyKernelsCommand.self,
      TokenizerCommand.self,
    ] + training + serving)

  #if Training
  private static let training: [any ParsableCommand.Type] = [TrainCommand.self]
  #else
  private static let training: [any ParsableCommand.Type] = []
  #endif

  #if Server
  private static let serving: [any ParsableCommand.Type] = [ServeCommand.self]
  #else
  private static let serving: [any ParsableCommand.Type] = []
  #endif
}
