import ArgumentParser
import BitNet
import BitNetConversion
import Foundation
import Kernels

struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a model to a GGUF file or a Hugging Face folder, and prove that it is right.",
    discussion: """
      The source is a .gguf file or a Hugging Face folder: BitNet checkpoints with packed or master weights, Llama,
      SmolLM2, Qwen. Ternary weights are never quantized a second time, and steps that lose information are refused
      unless --allow-lossy. The result is read back and compared; it appears under its name only when it is whole.

      Examples:
        bitnet convert folder -o model.gguf
        bitnet convert folder -o model.gguf --type tq2_0 --head q8_0
        bitnet convert model-i2_s.gguf -o model-tq1_0.gguf --type tq1_0 --dry-run
        bitnet convert model.gguf -o folder --to safetensors --type packed
        bitnet convert --dummy 2b -o dummy.gguf
      """)

  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var source: String?

  @Option(name: [.customShort("o"), .long], help: "The file or folder to write.", completion: .file())
  var output: String

  @Option(
    name: .long,
    help: "The type of the linear layers: auto, i2_s, tq1_0, tq2_0, q4_0, q8_0, f16, bf16, f32; packed in folders.")
  var type = ChoiceArgument(WeightType.auto)

  @Option(name: .long, help: "The type of embedding and head: f16, bf16, f32, q8_0 or q4_0 (default: the source's).")
  var head: HeadArgument?

  @Option(name: .long, help: "The other runtime that shall load it: bitnet.cpp or llama.cpp.")
  var target: ChoiceArgument<ConversionOptions.Target>?

  @Option(name: .customLong("to"), help: "What to write: gguf or safetensors.")
  var destination = ChoiceArgument(ConversionOptions.Destination.gguf)

  @Option(name: .long, help: "What the GGUF file calls the model (default: the source's name).")
  var name: String?

  @Option(name: .long, help: "Random weights of a published shape instead of a source: 2b or small.")
  var dummy: ShapeArgument?

  @Flag(name: .long, help: "Make full-precision weights ternary that were not trained for it.")
  var ternarize = false

  @Flag(name: .long, help: "Allow steps that lose information.")
  var allowLossy = false

  @Flag(name: .long, help: "Print what would be done, tensor by tensor, and write nothing.")
  var dryRun = false

  @Flag(inversion: .prefixedNo, help: "Read the result back and compare it (default: for sources below 4 GB).")
  var verify: Bool?

  @Flag(name: .long, help: "Replace what is there.")
  var force = false

  @Option(
    name: [.customShort("t"), .long], parsing: .unconditional, help: "The number of threads (default: all processors).")
  var threads: Int?

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard (source == nil) != (dummy == nil) else { throw ValidationError("Give a source or --dummy, one of them.") }
    guard !output.isEmpty else { throw ValidationError("Give a name behind -o.") }
    guard name == nil || destination.choice == .gguf else {
      throw ValidationError("--name is for GGUF files; a folder is called what -o says.")
    }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    var options = ConversionOptions()
    options.destination = destination.choice
    options.weightType = type.choice
    options.headType = head?.type
    options.target = target?.choice
    options.name = name
    options.ternarizes = ternarize
    options.allowsLossy = allowLossy
    options.overwrites = force
    options.verifies = verify
    options.threads = threads
    options.tool = "swift-bitnet \(BitNetCommand.configuration.version)"
    do {
      let checkpoint =
        if let dummy { try Checkpoint(dummy: dummy.shape, threads: threads) } else {
          try Checkpoint(path: source ?? "")
        }
      let report = try Conversion.run(
        checkpoint, to: output, options: options, isDryRun: dryRun, progress: Terminal.progress,
        isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      if json { return try Terminal.writeJSON(report) }
      Terminal.write(report.text(style: Terminal.reportStyle))
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}

/// One of a library's named choices as it is spelled on the command line.
struct ChoiceArgument<Choice: RawRepresentable<String> & CaseIterable & Sendable>: ExpressibleByArgument, Sendable {
  let choice: Choice

  static var allValueStrings: [String] { Choice.allCases.map(\.rawValue) }

  var defaultValueDescription: String { choice.rawValue }

  init(_ choice: Choice) { self.choice = choice }

  init?(argument: String) {
    guard let choice = Choice(rawValue: argument.lowercased()) else { return nil }
    self.choice = choice
  }
}

/// A type of numbers as it is spelled on the command line.
struct HeadArgument: ExpressibleByArgument {
  let type: TensorType

  static let allValueStrings = ["f16", "bf16", "f32", "q8_0", "q4_0"]

  init?(argument: String) {
    guard HeadArgument.allValueStrings.contains(argument.lowercased()),
      let type = TensorType(rawValue: argument.uppercased())
    else { return nil }
    self.type = type
  }
}
