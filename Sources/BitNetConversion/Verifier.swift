import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization

/// Reads a result back, and compares it with the source: every tensor, and both through the engine.
struct Verifier {
  let plan: ConversionPlan
  /// Where the result is now.
  let written: String
  /// What it will be called, for messages.
  let output: String
  let compute: Compute
  let progress: (String) -> Void
  let isCancelled: () -> Bool

  private static let texts = ["The capital of France is", "2 + 2 =", "Once upon a time there was"]
  private static let generated = 16

  func verify() throws -> ConversionReport.Verification {
    do {
      return try compare(Checkpoint(path: written))
    } catch let error where !(error is ConversionError || error is CancellationError) {
      // What is wrong with the result is said under the name that it was to get.
      let partial = NewFile.split(written).name, name = NewFile.split(output).name
      guard "\(error)".contains(partial) else { throw error }
      throw ConversionError.unusable(file: output, problem: "\(error)".replacingOccurrences(of: partial, with: name))
    }
  }

  private func compare(_ result: Checkpoint) throws -> ConversionReport.Verification {
    var verification = ConversionReport.Verification(
      exactTernary: 0, exactOthers: 0, rounded: 0, largestRounding: 0, prompts: [])
    let reader = TensorReader(plan: plan, compute: compute)
    for planned in plan.tensors {
      if isCancelled() { throw CancellationError() }
      progress("verifying \(planned.name)")
      switch planned.content {
      case .ternary(let layer, let role):
        let expected = try reader.trits(planned, layer, role)
        try compareTrits(planned, expected, result.linear(layer, role, compute: compute))
        verification.exactTernary += 1
      case .vector, .dense:
        let rounding = try compareNumbers(planned, reader, result)
        verification.exactOthers += rounding == 0 ? 1 : 0
        verification.rounded += rounding == 0 ? 0 : 1
        verification.largestRounding = max(verification.largestRounding, rounding)
      case .values, .scale: break
      }
      reader.release(planned)
      result.tensors[planned.source]?.bytes.release()
    }
    verification.prompts = try comparePrompts(result)
    // Nothing was rounded: what differs now is how the two are computed, so something about the model was not written.
    if verification.rounded == 0, let prompt = verification.prompts.first(where: { !($0.cosine > 0.999) }) {
      throw ConversionError.verification(
        file: output, tensor: "the whole model, after \"\(prompt.text)\"",
        found: "logits with a cosine of \(prompt.cosine)",
        expected: "the source's, since every tensor is exact")
    }
    return verification
  }

  private func failure(_ planned: PlannedTensor, _ found: String, _ expected: String) -> ConversionError {
    .verification(file: output, tensor: planned.name, found: found, expected: expected)
  }

  private func compareTrits(_ planned: PlannedTensor, _ expected: TernaryMatrix, _ written: StoredMatrix) throws {
    guard case .ternary(let found) = written else {
      throw failure(planned, "numbers", "trits with a scale of their own")
    }
    guard found.scale == expected.scale else { throw failure(planned, "scale \(found.scale)", "\(expected.scale)") }
    guard found.holdsSameTrits(as: expected, rows: planned.rowOrder, pool: compute.pool) else {
      throw failure(planned, "other trits", "the source's")
    }
  }

  /// - Returns: the largest difference, as a share of the largest magnitude; 0 if there is none.
  private func compareNumbers(_ planned: PlannedTensor, _ reader: TensorReader, _ result: Checkpoint) throws -> Double {
    let source = try reader.source(planned)
    guard let written = result.tensors[planned.source], written.elementCount == source.elementCount else {
      throw failure(planned, "nothing, or another size", "\(source.elementCount) elements")
    }
    // A vector is one row, whose elements are what an order moves.
    let isVector = planned.shape.count == 1
    let order = isVector ? [0] : planned.rowOrder
    let differences = compute.pool.map(count: order.count) { row -> (difference: Float, magnitude: Float) in
      var from = source.type.dequantized(
        source.bytes, rows: order[row]..<order[row] + 1, columns: source.columns)
      if isVector, let moved = planned.order { from = moved.map { from[$0] } }
      let to = written.type.dequantized(written.bytes, rows: row..<row + 1, columns: written.columns)
      var worst: Float = 0, largest: Float = 0
      for (a, b) in zip(from, to) where a.bitPattern != b.bitPattern {
        worst = max(worst, (a - b).isNaN ? .infinity : abs(a - b))
      }
      for value in from { largest = max(largest, abs(value)) }
      return (worst, largest)
    }
    let worst = differences.reduce(0) { max($0, $1.difference) }
    let largest = differences.reduce(0) { max($0, $1.magnitude) }
    guard worst > 0 else { return 0 }
    let share = Double(worst) / Double(max(largest, .leastNonzeroMagnitude))
    let bound = Verifier.bound(from: source.type, to: planned.type)
    guard share <= bound else {
      throw failure(planned, "a difference of \(share) of the largest value", "at most \(bound)")
    }
    return share
  }

  /// The largest rounding, as a share of the largest value of a tensor.
  private static func bound(from: TensorType, to: TensorType) -> Double {
    guard Rounding.loss(from: from, to: to) != nil else { return 0 }
    return switch to {
    case .f32: 0x1p-24
    case .f16: 0x1p-11
    case .bf16: 0x1p-8
    case .q8_0: 1.01 / 254 + 0x1p-11
    // -8 … 7 sixteenths of twice the extreme value: the other sign is cut by an eighth.
    case .q4_0: 0.126
    default: 0
    }
  }

  // MARK: through the engine

  private func comparePrompts(_ result: Checkpoint) throws -> [ConversionReport.Prompt] {
    let source = plan.checkpoint
    guard result.configuration.declaresBitLinear == plan.isBitNet else {
      throw ConversionError.verification(
        file: output, tensor: "metadata",
        found: "a model that \(plan.isBitNet ? "does not declare" : "declares") itself a BitNet",
        expected: "one that \(plan.isBitNet ? "does" : "does not")")
    }
    let prompts = try prompts(result)
    progress("running the source")
    // The source as what it is taken for, the result as what it declares itself to be.
    let mode: QuantizationMode = plan.isBitNet ? .bitLinear : .none
    let expected = try run(source, prompts.map(\.ids), mode: mode)
    for tensor in source.tensors.values { tensor.bytes.release() }
    returnFreedMemory()
    progress("running the result")
    let found = try run(result, prompts.map(\.ids), mode: nil)
    return zip(prompts, zip(expected, found)).map { prompt, pair in
      let differs = zip(pair.0.tokens, pair.1.tokens).enumerated().first { $1.0 != $1.1 }
      return ConversionReport.Prompt(
        text: prompt.text, cosine: Verifier.cosine(pair.0.logits, pair.1.logits), tokens: pair.0.tokens.count,
        firstDifference: differs?.offset)
    }
  }

  /// Texts where the source has a tokenizer, which the result's must agree with; ids where it has none.
  private func prompts(_ result: Checkpoint) throws -> [(text: String, ids: [Int])] {
    guard let tokenizer = try plan.checkpoint.tokenizer() else {
      let rows = plan.checkpoint.configuration.vocabularySize
      return [[1, 2, 3], [5, 8, 13, 21, 34], [7]].map { ids in
        let ids = ids.map { $0 % rows }
        return ("\(ids)", ids)
      }
    }
    let written = try result.tokenizer()
    for text in Tokenizer.difficultTexts + Verifier.texts {
      let expected = tokenizer.encode(text, parseSpecialTokens: true)
      let found = written?.encode(text, parseSpecialTokens: true) ?? []
      guard found == expected else {
        throw ConversionError.verification(
          file: output, tensor: "the tokenizer, for \"\(text)\"", found: "\(found)", expected: "\(expected)")
      }
    }
    return Verifier.texts.map { ($0, tokenizer.encode($0)) }
  }

  private func run(_ checkpoint: Checkpoint, _ prompts: [[Int]], mode: QuantizationMode?) throws -> [Answer] {
    let longest = (prompts.map(\.count).max() ?? 1) + Verifier.generated
    let model = try Model(
      checkpoint: checkpoint,
      options: .init(
        mode: mode, threads: plan.options.threads,
        contextLength: min(checkpoint.configuration.contextLength, max(64, longest)), repacksWeights: false))
    return try prompts.map { prompt in
      if isCancelled() { throw CancellationError() }
      let session = model.makeSession()
      let logits = try session.logits(after: prompt)
      var tokens: [Int] = []
      try session.generate(
        prompt, options: .init(maximumTokens: Verifier.generated, sampling: .greedy, stopsAtEnd: false)
      ) { tokens.append($0) }
      return Answer(logits: logits, tokens: tokens)
    }
  }

  private struct Answer {
    let logits: [Float]
    let tokens: [Int]
  }

  private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    var product = 0.0, square = 0.0, other = 0.0
    for (x, y) in zip(a, b) {
      product += Double(x) * Double(y)
      square += Double(x) * Double(x)
      other += Double(y) * Double(y)
    }
    return square > 0 && other > 0 ? product / (square * other).squareRoot() : a == b ? 1 : 0
  }
}
