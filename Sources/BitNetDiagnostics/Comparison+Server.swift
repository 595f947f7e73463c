public import BitNet
import ModelFormats
import Tokenization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Comparison {
  /// Compares a model with the log-probabilities of an OpenAI-compatible server, `POST /v1/completions`.
  ///
  /// One request with `echo` gives all positions where the server knows it (vLLM); otherwise every position is asked for
  /// by a request of its own (llama-server).
  ///
  /// - Parameters:
  ///   - address: names the server in messages.
  ///   - name: the server's model; `nil` leaves the choice to the server.
  ///   - post: sends JSON and returns the status and the body of the answer.
  /// - Throws: ``ComparisonError/server(address:problem:)`` for answers that cannot be used; what `post` throws;
  ///   `ModelError`, `CancellationError`.
  public init(
    of checkpoint: Checkpoint, withServer address: String, model name: String? = nil, options: Options = Options(),
    progress: (String) -> Void = { _ in }, isCancelled: () -> Bool = { false },
    post: @escaping ([UInt8]) throws -> (status: Int, body: [UInt8])
  ) throws {
    progress("loading")
    let model = try Model(checkpoint: checkpoint, options: .init(mode: options.mode, threads: options.threads))
    let sequence = try TokenSequence.single(prompt: options.prompts.first, tokens: options.tokens, model: model)
    let server = CompletionServer(address: address, model: name, post: post)
    let served = try server.positions(sequence, progress: progress, isCancelled: isCancelled)
    let vocabulary = TokenTexts(model)
    var positions: [PositionComparison] = []
    try sequence.forEachLogits(model.makeSession(), progress: progress, isCancelled: isCancelled) { position, logits in
      guard let theirs = served[position] else { return }
      guard let compared = PositionComparison(position, of: sequence, logits, served: vocabulary.named(theirs)) else {
        throw ComparisonError.server(
          address: address,
          problem: "none of the tokens that it finds likely after token \(position) is in the model's vocabulary")
      }
      positions.append(compared)
      positions[positions.count - 1].text = model.tokenizer?.text(of: sequence.tokens[position])
    }
    guard !positions.isEmpty else {
      throw ComparisonError.server(address: address, problem: "gave no log-probabilities")
    }
    let logits = LogitsComparison(positions, tolerance: options.tolerance ?? Comparison.behaviourTolerance)
    self.init(
      logits: logits, a: checkpoint.path, b: address, remark: nil,
      notes: ["the server gives its likeliest tokens only: KL is a lower bound, and there is no cosine"])
  }
}

/// A token that a server finds likely.
struct ServedToken: Hashable {
  /// The id, if the server says it.
  var id: Int?
  /// The bytes that it prints.
  var bytes: [UInt8]
  var logProbability: Double
}

extension PositionComparison {
  /// - Parameter served: the likeliest tokens by the server; those without an id are none of the vocabulary's.
  /// - Returns: `nil` when no token is known.
  init?(_ position: Int, of sequence: TokenSequence, _ logits: [Float], served: [ServedToken]) {
    let ours = NextToken(logits)
    var known: [Int: Double] = [:]
    for token in served { if let id = token.id, logits.indices.contains(id) { known[id] = token.logProbability } }
    guard !known.isEmpty else { return nil }
    var divergence = 0.0, maximum = 0.0, restA = 1.0, restB = 1.0
    func add(_ p: Double, _ logProbability: Double, against theirs: Double) {
      if p > 0 { divergence += p * (logProbability - theirs) }
      restA -= p
    }
    for (id, theirs) in known {
      add(ours.probability(id), ours.logProbability(id), against: theirs)
      maximum = max(maximum, abs(ours.logProbability(id) - theirs))
      restB -= exp(theirs)
    }
    // A token that the server leaves out is no likelier than the last one that it gives.
    let last = known.values.min() ?? 0
    for id in logits.indices where known[id] == nil && ours.logProbability(id) > last {
      add(ours.probability(id), ours.logProbability(id), against: last)
    }
    if restA > 1e-9 { divergence += restA * log(restA / max(restB, 1e-9)) }
    self.init(
      sequence: 0, position: position, token: sequence.tokens[position], divergence: max(0, divergence),
      maximum: maximum, topA: ours.likeliest, topB: served.max { $0.logProbability < $1.logProbability }?.id)
  }
}

/// Finds tokens by what they print.
private struct TokenTexts {
  private var ids: [[UInt8]: Int] = [:]

  init(_ model: Model) {
    guard let tokenizer = model.tokenizer else { return }
    for id in (0..<tokenizer.vocabularySize).reversed() {
      let bytes = tokenizer.bytes(of: id)
      ids[bytes.isEmpty ? Array(tokenizer.text(of: id).utf8) : bytes] = id
    }
  }

  /// The tokens with the ids that their texts stand for, where the server gave none.
  func named(_ tokens: [ServedToken]) -> [ServedToken] {
    tokens.map { ServedToken(id: $0.id ?? ids[$0.bytes], bytes: $0.bytes, logProbability: $0.logProbability) }
  }
}
