import Kernels
import ModelFormats
import Tokenization

/// What a run will do, told before it begins.
package struct TrainingPlan: Encodable, Sendable {
  /// The trainable numbers of the model.
  package let parameters: Int
  /// Those in layers that are ternarized.
  package let ternaryParameters: Int
  /// The optimizer steps of the whole run.
  package let steps: Int
  /// The source tokens of a step, of all processes.
  package let tokensPerStep: Int
  /// The source tokens of the whole run.
  package let tokens: Int
  /// The processes that share a step, and the threads of each.
  package let processes: Int
  package let threads: Int
  /// The checkpoint that the run goes on from.
  package let resumedFrom: String?
  /// The same and more for people.
  package let text: String

  private enum CodingKeys: String, CodingKey {
    case parameters, steps, tokens, processes, threads
    case ternaryParameters = "ternary_parameters"
    case tokensPerStep = "tokens_per_step"
    case resumedFrom = "resumed_from"
  }

  init(_ configuration: TrainingConfiguration, parts: TrainingParts, ranks: Int, resumedFrom: String?) {
    func size(_ parameters: [Parameter]) -> Int { parameters.reduce(0) { $0 + $1.values.rows * $1.values.columns } }
    parameters = size(parts.model.parameters)
    ternaryParameters = size(parts.model.parameters.filter { $0.role == .bitLinear })
    steps = configuration.steps
    tokensPerStep = configuration.tokensPerStep
    tokens = steps * tokensPerStep
    processes = ranks
    threads = parts.compute.pool.threadCount
    self.resumedFrom = resumedFrom
    var lines = [configuration.summary()]
    lines.append(
      "parameters   \(grouped(parameters)), \(grouped(ternaryParameters)) of them ternary; vocabulary "
        + "\(grouped(parts.tokenizer.vocabularySize))")
    let passes = Double(tokens) / Double(max(1, parts.data.tokensPerEpoch))
    lines.append(
      "data         \(grouped(parts.data.tokensPerEpoch)) tokens, read \(Double(Int(passes * 100)) / 100) times; "
        + "\(parts.data.validation.count) batches held out")
    lines.append(
      "machine      \(ranks) \(ranks == 1 ? "process" : "processes") of \(threads) \(threads == 1 ? "thread" : "threads"), "
        + "\(parts.compute.instructionSet.rawValue)")
    if !configuration.lambdaWarmup.isEnabled { lines.append("lambda       1 from the first step on") }
    if let resumedFrom { lines.append("resumed      from \(resumedFrom)") }
    text = lines.joined(separator: "\n")
  }
}
