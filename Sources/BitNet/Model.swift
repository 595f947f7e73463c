package import Kernels
public import Tokenization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A loaded language model: immutable, shared freely between threads and sessions.
///
///     let model = try Model(contentsOf: URL(filePath: "model.gguf"))
///     for try await piece in model.generate("The capital of France is") { print(piece, terminator: "") }
public final class Model: Sendable {
  /// How to load and run a model.
  public struct Options: Sendable {
    /// The arithmetic of the linear layers. `nil` chooses `bitLinear` for files that declare themselves BitNets and
    /// `none` for all others.
    public var mode: QuantizationMode?
    /// The number of threads; `nil` takes all processors available to the process.
    public var threads: Int?
    /// The longest sequence a session may hold, in tokens; `nil` takes the model's own context length, at most 4096.
    public var contextLength: Int?
    /// Whether ternary weights may be copied at load into a layout that is faster on this processor. Off, they are used
    /// in the mapped file: loading is instant and takes no memory of its own, generating is slower. The output is the same.
    public var repacksWeights: Bool
    /// How precisely the keys and values of earlier tokens are kept.
    public var cachePrecision: CachePrecision
    /// Whether the likeliest tokens are looked for with an int8 copy of the output head, made at load unless ``repacksWeights``
    /// is off, before the head itself decides among those that the copy's error leaves possible. Off, every row of the head is
    /// read for every token. The output is the same.
    public var screensHead: Bool

    /// How far the threads that compute step back behind others (Linux), 0 to 19: for programs that must answer meanwhile.
    package var niceness = 0
    /// Forces an instruction set, for tests; otherwise the fastest, or what `BITNET_ISA` names.
    package var instructionSet: InstructionSet?

    /// Options; all have defaults.
    public init(
      mode: QuantizationMode? = nil, threads: Int? = nil, contextLength: Int? = nil, repacksWeights: Bool = true,
      cachePrecision: CachePrecision = .f32, screensHead: Bool = true
    ) {
      self.screensHead = screensHead
      self.cachePrecision = cachePrecision
      self.repacksWeights = repacksWeights
      self.mode = mode
      self.threads = threads
      self.contextLength = contextLength
    }
  }

  /// The opened file or folder.
  public let checkpoint: Checkpoint
  /// The arithmetic in use.
  public let mode: QuantizationMode
  /// The model's tokenizer; `nil` when it comes without one.
  public let tokenizer: Tokenizer?
  /// The longest sequence a session may hold, in tokens.
  public let contextLength: Int
  /// How precisely the keys and values of earlier tokens are kept.
  public let cachePrecision: CachePrecision

  let store: WeightStore
  let transformer: Transformer

  /// Loads a `.gguf` file or a Hugging Face folder. The weights stay in the mapped file; quantized modes of a model
  /// that is not ternary yet make its trits here.
  ///
  /// - Throws: `FormatError` for a damaged file, ``ModelError`` for a model that is not supported, `TokenizationError`
  ///   for an unusable tokenizer, `KernelError` for an instruction set that cannot run here.
  public convenience init(contentsOf url: URL, options: Options = Options()) throws {
    try self.init(checkpoint: Checkpoint(path: url.path), options: options)
  }

  /// Loads an opened checkpoint.
  ///
  /// - Throws: as ``init(contentsOf:options:)``.
  public convenience init(checkpoint: Checkpoint, options: Options = Options()) throws {
    if let threads = options.threads, !(1...1024).contains(threads) {
      throw ModelError.invalidOption(name: "threads", found: "\(threads)", expected: "1 to 1024")
    }
    let store = WeightStore(
      checkpoint: checkpoint,
      compute: try Compute(
        threads: options.threads, niceness: options.niceness, instructionSet: options.instructionSet),
      repacks: options.repacksWeights, screensHead: options.screensHead)
    try self.init(
      store: store, tokenizer: checkpoint.tokenizer(),
      mode: options.mode ?? (checkpoint.configuration.declaresBitLinear ? .bitLinear : .none),
      contextLength: options.contextLength, cachePrecision: options.cachePrecision)
  }

  private init(
    store: WeightStore, tokenizer: Tokenizer?, mode: QuantizationMode, contextLength: Int?,
    cachePrecision: CachePrecision
  ) throws {
    self.cachePrecision = cachePrecision

    let longest = store.checkpoint.configuration.contextLength
    let context = contextLength ?? min(longest, 4096)
    guard (1...longest).contains(context) else {
      throw ModelError.invalidOption(
        name: "context length", found: "\(context)", expected: "1 to \(longest), the model's own")
    }
    self.store = store
    self.tokenizer = tokenizer
    self.mode = mode
    self.contextLength = context
    checkpoint = store.checkpoint
    transformer = try store.transformer(mode: mode)
  }

  /// The same model under another arithmetic; file, threads and trits are shared.
  ///
  /// - Throws: ``ModelError`` as loading does.
  public func inMode(_ mode: QuantizationMode) throws -> Model {
    mode == self.mode
      ? self
      : try Model(
        store: store, tokenizer: tokenizer, mode: mode, contextLength: contextLength, cachePrecision: cachePrecision)
  }

  /// The shape of the model.
  public var configuration: ModelConfiguration { checkpoint.configuration }

  /// A new sequence of tokens on this model.
  public func makeSession() -> Session { Session(model: self) }

  package var compute: Compute { store.compute }

  /// The weights that computing one token reads, in bytes.
  package var bytesPerToken: Int { transformer.weightBytes }

  /// The tokenizer, for callers that have text.
  ///
  /// - Throws: ``ModelError/missingTokenizer(file:)``.
  package func requiredTokenizer() throws -> Tokenizer {
    guard let tokenizer else { throw ModelError.missingTokenizer(file: checkpoint.path) }
    return tokenizer
  }

  /// Whether a sequence can be computed.
  ///
  /// - Throws: ``ModelError`` for an empty one, unknown ids, or more tokens than the context holds.
  package func validate(_ tokens: [Int]) throws {
    guard !tokens.isEmpty else { throw ModelError.emptyPrompt }
    guard tokens.count <= contextLength else {
      throw ModelError.contextExceeded(tokens: tokens.count, contextLength: contextLength)
    }
    let vocabularySize = configuration.vocabularySize
    if let unknown = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
      throw ModelError.invalidToken(unknown, vocabularySize: vocabularySize)
    }
  }
}
