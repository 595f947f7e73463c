import ModelFormats
package import Tokenization

/// What a model's files say about block diffusion, each setting with the place that says it.
struct BlockDiffusionMetadata {
  typealias Source<Value> = (place: String, value: Value)

  var maskTokens: [Source<Int>] = []
  var blockSizes: [Source<Int>] = []
  var attentions: [Source<String>] = []
  var tokenShifts: [Source<Bool>] = []

  /// The one value of all sources; `nil` if there is none.
  ///
  /// - Throws: ``ModelError/conflictingDiffusionMetadata(file:what:found:)``.
  static func agreed<Value: Equatable>(_ sources: [Source<Value>], file: String, what: String) throws -> Value? {
    guard sources.allSatisfy({ $0.value == sources[0].value }) else {
      throw ModelError.conflictingDiffusionMetadata(
        file: file, what: what, found: sources.map { "\($0.place) says \($0.value)" })
    }
    return sources.first?.value
  }

  /// Texts that mean the mask token in whatever vocabulary they are tokens.
  static let maskTexts = ["|<MASK>|", "<|mask|>", "<|MASK|>", "[MASK]", "<mask>"]
}

extension Checkpoint {
  /// The tokens that the files name as the mask, wherever they do; one, unless the files contradict each other.
  ///
  /// - Throws: `FormatError` for a damaged file.
  package func maskTokens(tokenizer: Tokenizer?) throws -> [Int] {
    Set(try blockDiffusionMetadata(tokenizer: tokenizer).maskTokens.map(\.value)).sorted()
  }

  func blockDiffusionMetadata(tokenizer: Tokenizer?) throws -> BlockDiffusionMetadata {
    var metadata = BlockDiffusionMetadata()
    func add<Value>(_ value: Value?, _ place: String, to sources: inout [BlockDiffusionMetadata.Source<Value>]) {
      if let value { sources.append((place, value)) }
    }
    switch source {
    case .gguf(let file):
      let prefix = "bitnet.diffusion."
      add(try file.integer(prefix + "mask_token_id"), prefix + "mask_token_id", to: &metadata.maskTokens)
      add(try file.integer(prefix + "block_size"), prefix + "block_size", to: &metadata.blockSizes)
      add(try file.string(prefix + "attention"), prefix + "attention", to: &metadata.attentions)
      add(try file.bool(prefix + "token_shift"), prefix + "token_shift", to: &metadata.tokenShifts)
    case .huggingFace(let folder):
      add(folder.config.maskTokenID, "config.json mask_token_id", to: &metadata.maskTokens)
      add(folder.config.diffusionBlockSize, "config.json bd_size", to: &metadata.blockSizes)
    case .synthetic: break
    }
    if case .synthetic = source { return metadata }
    if let config = try blockDiffusionConfig() {
      add(config.maskTokenID, "dlm_config.json mask_token_id", to: &metadata.maskTokens)
      let named = config.maskToken.flatMap { tokenizer?.id(ofTokenNamed: $0) }
      add(named, "dlm_config.json mask_token", to: &metadata.maskTokens)
      add(config.blockSize, "dlm_config.json bd_size", to: &metadata.blockSizes)
      add(config.attention, "dlm_config.json attention", to: &metadata.attentions)
      add(config.tokenShift, "dlm_config.json token_shift", to: &metadata.tokenShifts)
    }
    add(tokenizer?.mask, "the tokenizer's mask token", to: &metadata.maskTokens)
    return metadata
  }
}

extension Model {
  /// Options for block diffusion as the model's files declare them, and Fast-dLLM v2's where they are silent.
  ///
  /// The mask token is `maskToken`, or what GGUF metadata, `config.json`, `dlm_config.json` or the tokenizer name, or the one
  /// token of the vocabulary with a text such as `|<MASK>|` or `[MASK]`.
  ///
  /// - Parameter maskToken: the id or the text of a token.
  /// - Throws: ``ModelError/missingMaskToken(file:candidates:)`` with the tokens that might be meant,
  ///   ``ModelError/conflictingDiffusionMetadata(file:what:found:)``, ``ModelError/invalidToken(_:vocabularySize:)``, and
  ///   ``ModelError/notTrainedForDiffusion(file:problem:)`` for models that predict without token shift.
  public func blockDiffusionOptions(maskToken: String? = nil) throws -> BlockDiffusionOptions {
    let file = checkpoint.path
    let metadata = try checkpoint.blockDiffusionMetadata(tokenizer: tokenizer)
    func agreed<Value: Equatable>(_ sources: [BlockDiffusionMetadata.Source<Value>], _ what: String) throws -> Value? {
      try BlockDiffusionMetadata.agreed(sources, file: file, what: what)
    }
    if try agreed(metadata.tokenShifts, "the token shift") == false {
      throw ModelError.notTrainedForDiffusion(
        file: file, problem: "the files say that the model predicts without token shift, which is not supported")
    }
    var options = BlockDiffusionOptions(
      maskToken: try maskToken.map(token(named:)) ?? agreed(metadata.maskTokens, "the mask token")
        ?? maskTokenOfVocabulary())
    if let size = try agreed(metadata.blockSizes, "the block size") { options.blockSize = size }
    if let name = try agreed(metadata.attentions, "the attention") {
      guard let attention = BlockDiffusionOptions.Attention(rawValue: name) else {
        throw ModelError.invalidConfiguration(
          file: file, key: "the attention of block diffusion", found: name, expected: "bidirectional or causal")
      }
      options.attention = attention
    }
    try options.validate(vocabularySize: configuration.vocabularySize)
    return options
  }

  /// Whether the files say what a token sees of its block; otherwise ``blockDiffusionOptions(maskToken:)`` assumes it.
  public var declaresDiffusionAttention: Bool {
    (try? checkpoint.blockDiffusionMetadata(tokenizer: tokenizer).attentions.isEmpty) == false
  }

  private func token(named name: String) throws -> Int {
    if let id = Int(name) ?? tokenizer?.id(ofTokenNamed: name) { return id }
    throw ModelError.missingMaskToken(file: checkpoint.path, candidates: maskCandidates())
  }

  private func maskTokenOfVocabulary() throws -> Int {
    let found = BlockDiffusionMetadata.maskTexts.compactMap { tokenizer?.id(ofTokenNamed: $0) }
    guard found.count == 1, let id = found.first else {
      throw ModelError.missingMaskToken(file: checkpoint.path, candidates: maskCandidates())
    }
    return id
  }

  /// Tokens that are no ordinary text and whose name has to do with masks.
  private func maskCandidates() -> [String] {
    guard let tokenizer else { return [] }
    let candidates = (0..<tokenizer.vocabularySize).lazy.filter {
      guard let type = tokenizer.type(of: $0), type != .normal else { return false }
      return tokenizer.text(of: $0).lowercased().contains("mask")
    }
    return candidates.prefix(8).map { "\(tokenizer.text(of: $0)) (\($0))" }
  }
}
