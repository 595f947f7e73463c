/// How text is generated.
public struct GenerationOptions: Sendable {
  /// The most tokens to generate; `nil` goes on until the model ends or the context is full.
  public var maximumTokens: Int?
  /// How the next token is chosen.
  public var sampling: Sampling
  /// Whether to stop at the tokens that the model declares as ends.
  public var stopsAtEnd: Bool
  /// Whether text such as `<|im_start|>` in a prompt means the special token of that name. Off for what people type.
  public var parsesSpecialTokens: Bool
  /// Whether to guess tokens from what followed the same words before, and to check several in one pass. The output is
  /// the same, token for token; text that repeats itself comes faster.
  public var guessesFromNGrams: Bool
  /// Generates several tokens per pass, with a model that was trained for it; `nil` generates them one by one.
  public var blockDiffusion: BlockDiffusionOptions?
  /// What the text must conform to, from ``Model/constraint(to:)``: the text ends when it does and nothing can follow. Where
  /// ``maximumTokens`` or the context gets short, the shortest conforming rest is written. Not with block diffusion.
  public var constraint: JSONConstraint?

  /// Options; all have defaults.
  public init(
    maximumTokens: Int? = nil, sampling: Sampling = Sampling(), stopsAtEnd: Bool = true,
    parsesSpecialTokens: Bool = false, guessesFromNGrams: Bool = false, blockDiffusion: BlockDiffusionOptions? = nil,
    constraint: JSONConstraint? = nil
  ) {
    self.constraint = constraint
    self.blockDiffusion = blockDiffusion
    self.guessesFromNGrams = guessesFromNGrams
    self.maximumTokens = maximumTokens
    self.sampling = sampling
    self.stopsAtEnd = stopsAtEnd
    self.parsesSpecialTokens = parsesSpecialTokens
  }

  /// - Throws: ``ModelError/invalidOption(name:found:expected:)``.
  func validate() throws(ModelError) {
    if let maximumTokens, maximumTokens < 0 {
      throw .invalidOption(name: "the most tokens", found: "\(maximumTokens)", expected: "0 or more")
    }
    if constraint != nil, blockDiffusion != nil {
      throw .invalidOption(
        name: "the constraint", found: "given with block diffusion", expected: "one token per pass")
    }
    try sampling.validate()
  }
}

/// How the next token is drawn from the logits. What changes them applies in the order: bias, repetition penalty,
/// frequency and presence penalty, top-k, top-p, min-p, temperature.
public struct Sampling: Sendable, Hashable {
  /// Divides the logits; 0 always takes the likeliest token.
  public var temperature: Float
  /// Keeps the `topK` likeliest tokens; 0 keeps all.
  public var topK: Int
  /// Keeps the likeliest tokens whose probabilities first reach `topP` in sum; 1 keeps all.
  public var topP: Float
  /// Drops tokens less likely than `minP` times the likeliest; 0 drops none.
  public var minP: Float
  /// Divides positive logits, and multiplies negative ones, of recent tokens; 1 changes nothing.
  public var repetitionPenalty: Float
  /// How many recent tokens the penalty looks at.
  public var repetitionWindow: Int
  /// Subtracted from the logit of a token once for every time it was generated; 0 changes nothing. The prompt does not
  /// count (OpenAI's API reference, `frequency_penalty`).
  public var frequencyPenalty: Float
  /// Subtracted from the logits of all tokens generated so far; 0 changes nothing. The prompt does not count.
  public var presencePenalty: Float
  /// Added to the logits of single tokens; minus infinity bans one.
  public var logitBias: [Int: Float]
  /// Makes sampling repeatable; `nil` draws a new seed each time.
  public var seed: UInt64?

  /// A sampling; the defaults are those of llama-cli but for the penalty, which is off.
  public init(
    temperature: Float = 0.8, topK: Int = 40, topP: Float = 0.95, minP: Float = 0.05, repetitionPenalty: Float = 1,
    repetitionWindow: Int = 64, frequencyPenalty: Float = 0, presencePenalty: Float = 0, logitBias: [Int: Float] = [:],
    seed: UInt64? = nil
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.repetitionWindow = repetitionWindow
    self.frequencyPenalty = frequencyPenalty
    self.presencePenalty = presencePenalty
    self.logitBias = logitBias
    self.seed = seed
  }

  /// Always the likeliest token.
  public static let greedy = Sampling(temperature: 0)

  /// - Throws: ``ModelError/invalidOption(name:found:expected:)``.
  package func validate() throws(ModelError) {
    func require(_ holds: Bool, _ name: String, _ found: some CustomStringConvertible, _ expected: String)
      throws(ModelError)
    {
      guard holds else { throw .invalidOption(name: name, found: found.description, expected: expected) }
    }
    try require(temperature >= 0 && temperature.isFinite, "temperature", temperature, "0 or more")
    try require(topK >= 0, "top-k", topK, "0 (all) or more")
    try require(topP > 0 && topP <= 1, "top-p", topP, "more than 0, at most 1")
    try require(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1")
    try require(
      repetitionPenalty > 0 && repetitionPenalty.isFinite, "repetition penalty", repetitionPenalty, "more than 0")
    try require(repetitionWindow >= 0, "repetition window", repetitionWindow, "0 or more")
    try require(frequencyPenalty.isFinite, "frequency penalty", frequencyPenalty, "a finite number")
    try require(presencePenalty.isFinite, "presence penalty", presencePenalty, "a finite number")
    for (token, bias) in logitBias {
      try require(!bias.isNaN && bias < .infinity, "the bias of token \(token)", bias, "a number below infinity")
    }
  }
}
