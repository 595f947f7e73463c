import ArgumentParser
import BitNet

/// How many tokens a pass yields: one, or several by block diffusion.
struct DiffusionArguments: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "autoregressive (one token per pass) or block diffusion: greedy, iterative, adaptive; for models trained for it.",
      valueName: "mode"))
  var decodeMode = DecodeModeArgument.autoregressive

  @Option(name: .long, help: "The tokens of a block (default: the model's own, else 32).")
  var blockSize: Int?

  @Option(name: .long, help: "The tokens of a sub-block; divides the block size (default: 8; greedy: the block).")
  var subBlockSize: Int?

  @Option(
    name: .long, help: "The confidence that a prediction must exceed to stand, above 0, at most 1 (default: 0.9).")
  var threshold: Float?

  @Option(name: .long, help: "The mask token, an id or its text (default: what the files or the vocabulary name).")
  var maskToken: String?

  @Option(
    name: .long, help: "What a token sees of its block, as trained: bidirectional or causal (default: the files').")
  var attention: AttentionArgument?

  @Flag(name: .long, help: "Compute the whole block in every pass: slower, and exact.")
  var noSubBlockCache = false

  @Flag(name: .long, help: "Try block diffusion with a model that shows no sign of having learned it.")
  var force = false

  func validate() throws {
    let given: [(String, Bool)] = [
      ("--block-size", blockSize != nil), ("--sub-block-size", subBlockSize != nil),
      ("--threshold", threshold != nil), ("--mask-token", maskToken != nil), ("--attention", attention != nil),
      ("--no-sub-block-cache", noSubBlockCache), ("--force", force),
    ]
    if decodeMode == .autoregressive, let option = given.first(where: \.1) {
      throw ValidationError("\(option.0) needs --decode-mode greedy, iterative or adaptive.")
    }
    if decodeMode == .greedy, threshold != nil {
      throw ValidationError("--threshold has no meaning in the mode greedy, which reveals everything at once.")
    }
  }

  /// - Throws: what does not go with block diffusion.
  func validate(with sampling: SamplingArguments) throws {
    if sampling.speculate != nil, decodeMode != .autoregressive {
      throw ValidationError("--speculate guesses tokens for one at a time: it does not go with block diffusion.")
    }
  }

  /// What block diffusion needs to know; `nil` for one token per pass.
  ///
  /// - Parameter probes: whether a model that has not learned block diffusion is refused.
  func options(for model: Model, probes: Bool = true) throws -> BlockDiffusionOptions? {
    guard let mode = decodeMode.mode else { return nil }
    var options = try model.blockDiffusionOptions(maskToken: maskToken)
    options.mode = mode
    if let blockSize {
      if blockSize != options.blockSize {
        Terminal.note("note: the block size is \(blockSize); the model's own, \(options.blockSize), is what it learned")
      }
      options.blockSize = blockSize
    }
    options.subBlockSize = subBlockSize
    if let threshold { options.threshold = threshold }
    options.usesSubBlockCache = !noSubBlockCache
    if let attention {
      options.attention = attention.attention
    } else if !model.declaresDiffusionAttention {
      Terminal.note(
        "note: the files do not say what a token sees of its block: the whole block is assumed (--attention)")
    }
    if probes, !force { try model.checkBlockDiffusion(options) }
    return options
  }
}

/// A decode mode as it is spelled on the command line.
enum DecodeModeArgument: String, ExpressibleByArgument, CaseIterable, Codable {
  case autoregressive
  case greedy
  case iterative
  case adaptive

  var mode: BlockDiffusionOptions.Mode? { BlockDiffusionOptions.Mode(rawValue: rawValue) }
}

/// What a token sees of its block, as it is spelled on the command line.
enum AttentionArgument: String, ExpressibleByArgument, CaseIterable {
  case bidirectional
  case causal

  var attention: BlockDiffusionOptions.Attention { self == .causal ? .causal : .bidirectional }
}
