package import BitNet

/// What the server needs of whoever computes: many sequences at once, each asked for with one request and answered with
/// a stream of events.
package protocol InferenceEngine: Sendable {
  /// How the model writes by block diffusion; `nil` if it has not learned that.
  var diffusion: BlockDiffusionOptions? { get }
  /// What is going on now; cheap, for `/metrics`, `/ready` and `/props`.
  var status: EngineStatus { get }

  /// Queues a sequence.
  ///
  /// The engine computes it when its turn comes and ends it with ``SequenceEvent/finished(_:_:)`` or an error. It stops
  /// within one step of ``EventChannel/isCancelled`` and pauses while the channel says that the reader is behind.
  ///
  /// - Throws: ``EngineRefusal`` when the queue is full.
  func submit(_ request: SequenceRequest) throws(EngineRefusal) -> SequenceEvents
}

/// One sequence to compute.
package struct SequenceRequest: Sendable {
  /// The ids to continue; at least one, no more than the context holds.
  package var prompt: [Int]
  package var sampling: Sampling
  /// Who asks; clients take turns.
  package var client = ""
  /// The most tokens to generate, `nil` as many as the context holds.
  package var maximumTokens: Int?
  /// Tokens that end the sequence. They are reported as any other, last.
  package var stopTokens: Set<Int> = []
  /// How many of the likeliest tokens to report beside each; `nil` wants no probabilities at all.
  package var topLogprobs: Int?
  /// Whether to report the probabilities of the prompt's own tokens.
  package var wantsPromptLogprobs = false
  /// What the output must conform to.
  package var constraint: JSONConstraint?
  /// How it is written block by block; `nil` for token by token. Block diffusion reports no probabilities and knows no
  /// constraints.
  package var diffusion: BlockDiffusionOptions?
  /// Whether to report tokens that are not decided yet, where the decoding has such.
  package var wantsProvisional = false
  /// When to give up.
  package var deadline: ContinuousClock.Instant?

  package init(prompt: [Int], sampling: Sampling) {
    self.prompt = prompt
    self.sampling = sampling
  }
}

/// How tokens are found.
package enum DecodeMode: String, Sendable, CaseIterable {
  /// One after the other.
  case autoregressive
  /// A block at a time, each pass deciding the likeliest token.
  case greedy
  /// A block at a time, each pass deciding all tokens above a threshold.
  case iterative
  /// As `iterative`, with a threshold that rises.
  case adaptive
}

extension InferenceEngine {
  /// The ways of decoding that the model is capable of.
  package var decodeModes: Set<DecodeMode> { diffusion == nil ? [.autoregressive] : Set(DecodeMode.allCases) }
}

/// What an engine reports about a sequence, in this order.
package enum SequenceEvent: Sendable {
  /// It left the queue; so many tokens of its prompt need no computing.
  case started(queueTime: Duration, cachedPromptTokens: Int)
  /// The probabilities of the prompt's tokens, the first of which has none.
  case promptLogprobs([GeneratedToken])
  /// A token is decided.
  case token(GeneratedToken)
  /// Tokens beyond the decided ones that may change, from block diffusion.
  case provisional([ProvisionalToken])
  /// It ended by itself.
  case finished(SequenceEnd, SequenceUsage)
}

/// A token and how likely the model held it to be, before temperature, penalties and constraints.
package struct GeneratedToken: Sendable, Hashable {
  package var id: Int
  /// The natural logarithm of its probability, if it was asked for.
  package var logprob: Float?
  /// The likeliest tokens at this place, likeliest first.
  package var top: [Alternative] = []

  package struct Alternative: Sendable, Hashable {
    package var id: Int
    package var logprob: Float

    package init(id: Int, logprob: Float) {
      self.id = id
      self.logprob = logprob
    }
  }

  package init(id: Int, logprob: Float? = nil, top: [Alternative] = []) {
    self.id = id
    self.logprob = logprob
    self.top = top
  }
}

/// A guess of block diffusion.
package struct ProvisionalToken: Sendable, Hashable {
  /// How far it lies beyond the last decided token, from 0.
  package var offset: Int
  /// `nil` while it is masked.
  package var id: Int?
  /// The probability that the model gives it, 0 to 1.
  package var confidence: Float

  package init(offset: Int, id: Int?, confidence: Float) {
    self.offset = offset
    self.id = id
    self.confidence = confidence
  }
}

/// Why a sequence ended.
package enum SequenceEnd: Sendable {
  /// With one of the stop tokens.
  case stop
  /// By ``SequenceRequest/maximumTokens`` or the context.
  case length
  /// Nobody wanted it any more, or nobody read it.
  case cancelled
  /// The deadline passed.
  case deadline
}

/// What a sequence took.
package struct SequenceUsage: Sendable {
  package var promptTokens: Int
  package var cachedPromptTokens: Int
  package var generatedTokens: Int

  package init(promptTokens: Int, cachedPromptTokens: Int, generatedTokens: Int) {
    self.promptTokens = promptTokens
    self.cachedPromptTokens = cachedPromptTokens
    self.generatedTokens = generatedTokens
  }
}

/// A glance at an engine.
package struct EngineStatus: Sendable {
  /// Sequences in the queue.
  package var waiting = 0
  /// The most that the queue takes.
  package var queueCapacity = 0
  /// Sequences being computed.
  package var running = 0
  /// How often a sequence gave its memory back to others, to be computed again later.
  package var retreats = 0
  /// How many passes over the weights have been made, by the number of sequences in them.
  package var passesByBatchSize: [Int: Int] = [:]

  package init() {}
}

/// The queue is full.
package struct EngineRefusal: Error {
  /// A guess of when to try again.
  package var retryAfter: Duration

  package init(retryAfter: Duration) { self.retryAfter = retryAfter }
}
