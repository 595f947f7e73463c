import ArgumentParser
import BitNet
import BitNetDiagnostics
import Foundation

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure how fast a model computes prompts and generates.",
    discussion: """
      pp512 is a prompt of 512 tokens, tg128 are 128 tokens generated one by one, @ d4096 begins behind 4096 tokens, x 8
      are 8 sequences that generate together. With --decode-mode the tokens are the model's own, by block diffusion; how
      many of them a pass yields depends on the model, but for greedy.
      The machine's memory bandwidth is measured in the same run.

      Examples:
        bitnet bench model.gguf
        bitnet bench --shape 2b -p 512 -n 128 -r 5
        bitnet bench model.gguf -n 64 -d 0 -d 4000 --json
        bitnet bench model.gguf -p 0 -b 1 -b 2 -b 4 -b 8
        bitnet bench --shape 2b -p 0 -n 64 --decode-mode greedy --mask-token 0
      """)

  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var model: String?

  @Option(name: .long, help: "Random weights of a published shape in memory instead of a file: 2b or small.")
  var shape: ShapeArgument?

  @Option(
    name: [.customShort("p"), .customLong("n-prompt")], help: "The length of a prompt; may be repeated; 0 for none.")
  var promptLengths: [Int] = [512]

  @Option(
    name: [.customShort("n"), .customLong("n-gen")], help: "How many tokens to generate; may be repeated; 0 for none.")
  var generationLengths: [Int] = [128]

  @Option(
    name: [.customShort("d"), .customLong("n-depth")], help: "Tokens in the context beforehand; may be repeated.")
  var depths: [Int] = [0]

  @Option(
    name: [.customShort("b"), .customLong("batch")],
    help: "How many sequences generate together, sharing each pass over the weights; may be repeated.")
  var batches: [Int] = [1]

  @Option(name: [.customShort("r"), .long], help: "Repetitions of each measurement.")
  var repetitions: Int = 5

  @Option(name: .long, help: "The arithmetic: none, weight-only or bitlinear (default: what the model declares).")
  var mode: ModeArgument?

  @OptionGroup(title: "Block diffusion") var diffusion: DiffusionArguments

  @Option(name: [.customShort("t"), .long], help: "The number of threads; may be repeated (default: all processors).")
  var threads: [Int] = []

  @Option(name: .long, help: "How keys and values of earlier tokens are kept: f32, f16 or q8.")
  var cacheType = CacheArgument.f16

  @Option(name: .long, help: "How the output head is read: q8 by an int8 copy first, exact all of it.")
  var head = HeadReadingArgument.q8

  @Flag(name: .long, help: "Use ternary weights in the file's own layout instead of a faster copy.")
  var noRepack = false

  @Flag(name: .long, help: "Print JSON.") var json = false
  @Flag(name: .long, help: "Print comma-separated values.") var csv = false
  @Flag(name: .customLong("md"), help: "Print a table in Markdown.") var markdown = false

  func validate() throws {
    guard (model == nil) != (shape == nil) else { throw ValidationError("Give a model or --shape, one of them.") }
    guard repetitions >= 1 else { throw ValidationError("-r is \(repetitions), expected 1 or more.") }
    guard (promptLengths + generationLengths + depths).allSatisfy({ $0 >= 0 }) else {
      throw ValidationError("Lengths are 0 or more.")
    }
    guard batches.allSatisfy({ (1...256).contains($0) }) else {
      throw ValidationError("A batch is 1 to 256 sequences.")
    }
    guard diffusion.decodeMode == .autoregressive || batches == [1] else {
      throw ValidationError("--batch is for one token per pass: leave out --decode-mode.")
    }
    guard [json, csv, markdown].count(where: { $0 }) <= 1 else {
      throw ValidationError("Choose one of --json, --csv and --md.")
    }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    var results: [Benchmark] = []
    do {
      for threads in threads.isEmpty ? [nil] : threads.map(Optional.init) {
        results.append(try measure(threads: threads, isCancelled: { interruption.exitCode != nil }))
      }
    } catch is CancellationError {
      throw interruption.exitCode ?? .failure
    }
    Terminal.endProgress()
    if json { return try Terminal.writeJSON(results) }
    for result in results {
      Terminal.write(csv ? result.csv() : markdown ? result.markdown() : result.report())
    }
  }

  private func measure(threads: Int?, isCancelled: () -> Bool) throws -> Benchmark {
    let lengths = promptLengths.filter { $0 > 0 }, generations = generationLengths.filter { $0 > 0 }
    let longest = (depths.max() ?? 0) + max(lengths.max() ?? 0, (generations.max() ?? 0) + 1)
    // Blocks are computed to their end.
    let slack = diffusion.decodeMode == .autoregressive ? 0 : 1024
    Terminal.progress("loading")
    let checkpoint =
      if let shape { try Checkpoint(synthetic: shape.shape) } else { try Checkpoint(path: model ?? "") }
    let clock = ContinuousClock()
    let begin = clock.now
    let loaded = try Model(
      checkpoint: checkpoint,
      options: .init(
        mode: mode?.mode, threads: threads,
        contextLength: min(checkpoint.configuration.contextLength, max(longest + slack, 1)), repacksWeights: !noRepack,
        cachePrecision: cacheType.precision, screensHead: head == .q8))
    let duration = clock.now - begin
    return try Benchmark(
      of: loaded,
      options: .init(
        promptLengths: lengths, generationLengths: generations, depths: depths, batches: batches,
        repetitions: repetitions, diffusion: try diffusion.options(for: loaded, probes: false)),
      loadSeconds: Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18,
      progress: Terminal.progress, isCancelled: isCancelled)
  }
}

/// A synthetic shape as it is spelled on the command line.
struct ShapeArgument: ExpressibleByArgument {
  let shape: Checkpoint.SyntheticShape

  static var allValueStrings: [String] { Checkpoint.SyntheticShape.allCases.map(\.rawValue) }

  init?(argument: String) {
    guard let shape = Checkpoint.SyntheticShape(rawValue: argument.lowercased()) else { return nil }
    self.shape = shape
  }
}
