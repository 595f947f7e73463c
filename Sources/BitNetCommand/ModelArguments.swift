import ArgumentParser
import BitNet
import Foundation

/// What every command that runs a model takes.
struct ModelArguments: ParsableArguments {
  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var model: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The arithmetic of the linear layers: none, weight-only or bitlinear (default: what the model declares).",
      valueName: "mode"))
  var mode: ModeArgument?

  @Option(
    name: [.customShort("t"), .long], parsing: .unconditional, help: "The number of threads (default: all processors).")
  var threads: Int?

  @Option(
    name: [.customShort("c"), .customLong("ctx-size")], parsing: .unconditional,
    help: "The longest sequence, in tokens (default: the model's own, at most 4096).")
  var contextSize: Int?

  @Option(
    name: .long,
    help:
      "How keys and values of earlier tokens are kept: f32, f16 (half the memory) or q8 (a quarter, rounds visibly); the default is f16, where exact logits are asked for f32."
  )
  var cacheType: CacheArgument?

  @Option(
    name: .long,
    help:
      "How the likeliest tokens are found: q8 looks for them with an int8 copy of the output head before the head itself decides, exact reads all of the head. The same output."
  )
  var head = HeadReadingArgument.q8

  @Flag(name: .long, help: "Use the weights as the file has them: loads at once, generates more slowly, same output.")
  var noRepack = false

  /// - Parameter precision: of the cache, if nothing else was asked for.
  func load(cachePrecision precision: CachePrecision = .f16) throws -> Model {
    try Model(
      contentsOf: URL(filePath: model),
      options: .init(
        mode: mode?.mode, threads: threads, contextLength: contextSize, repacksWeights: !noRepack,
        cachePrecision: cacheType?.precision ?? precision, screensHead: head == .q8))
  }
}

/// A quantization mode as it is spelled on the command line.
struct ModeArgument: ExpressibleByArgument {
  let mode: QuantizationMode

  private static let spellings: [(String, QuantizationMode)] = [
    ("none", .none), ("weight-only", .weightOnly), ("bitlinear", .bitLinear),
  ]

  static var allValueStrings: [String] { spellings.map(\.0) }

  var defaultValueDescription: String { Self.spellings.first { $0.1 == mode }?.0 ?? "" }

  init?(argument: String) {
    guard let found = Self.spellings.first(where: { $0.0 == argument.lowercased() }) else { return nil }
    mode = found.1
  }
}

/// A precision of the key-value cache as it is spelled on the command line.
enum CacheArgument: String, ExpressibleByArgument, CaseIterable {
  case f32
  case f16
  case q8

  var precision: CachePrecision {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .q8: .q8
    }
  }
}

/// How the output head is read as it is spelled on the command line.
enum HeadReadingArgument: String, ExpressibleByArgument, CaseIterable {
  case q8
  case exact
}
