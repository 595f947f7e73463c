import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The one graph: a llama- or BitNet-style decoder. What varies between models is data.
///
///     h  = x + W_o( subnorm_a( attention( rope(W_q u), rope(W_k u), W_v u ) ) )     u = rmsnorm_1(x)
///     x' = h + W_down( subnorm_f( act(W_gate v) * (W_up v) ) )                        v = rmsnorm_2(h)
///     logits = W_head rmsnorm_out(x_L)
struct Transformer: Sendable {
  struct Layer: Sendable {
    let attentionNorm: FloatVector
    let query: Linear
    let key: Linear
    let value: Linear
    let queryNorm: FloatVector?
    let keyNorm: FloatVector?
    let attentionSubNorm: FloatVector?
    let output: Linear
    let feedForwardNorm: FloatVector
    let gate: Linear
    let up: Linear
    let feedForwardSubNorm: FloatVector?
    let down: Linear
  }

  /// Sees what goes into the linear layers of a block, and what meets in its attention.
  typealias Inspector = (_ layer: Int, _ stage: ForwardStage, _ values: FloatMatrix) -> Void

  let configuration: ModelConfiguration
  let embedding: EncodedMatrix
  let layers: [Layer]
  let outputNorm: FloatVector
  let head: EncodedMatrix
  let screenedHead: ScreenedHead?
  let frequencies: [Double]
  let compute: Compute

  /// Tokens of one sequence that pass through the blocks, and where they belong.
  struct Part {
    /// Ids of the vocabulary.
    let tokens: ArraySlice<Int>
    /// The position of the first of them.
    let start: Int
    let cache: KeyValueCache
    /// Whether a token sees only those before it and itself; otherwise it sees all up to `end`.
    var isCausal = true
    /// Where what the tokens see ends, if that is behind the part: the cache holds what an earlier pass stored there.
    var end: Int?
  }

  /// Runs the tokens of one or several sequences through all blocks in one pass over the weights; their keys and values go
  /// to their caches. A sequence may have several parts, in order.
  ///
  /// - Parameters:
  ///   - parts: together at most `buffers.capacity` tokens, which become the rows of the buffers.
  ///   - observe: called after the embedding with layer -1 and after each block with its number; sees the residual
  ///     stream, `[tokens, hiddenSize]`.
  ///   - inspect: sees what goes into the linear layers, `[tokens, inputs]`, and queries and keys.
  func forward(
    _ parts: [Part], buffers: ForwardBuffers, observe: ((_ layer: Int, _ hidden: FloatMatrix) -> Void)? = nil,
    inspect: Inspector? = nil
  ) {
    for part in parts { part.cache.prepare(part.start, to: part.start + part.tokens.count, keeping: part.end) }
    var rows = 0
    let spans = parts.map { part in
      defer { rows += part.tokens.count }
      for (offset, token) in part.tokens.enumerated() {
        embedding.decode(row: token, into: buffers.hidden[row: rows + offset])
        buffers.prepareRotation(row: rows + offset, position: part.start + offset, frequencies: frequencies)
      }
      return CacheSpan(
        rows: rows..<rows + part.tokens.count, start: part.start, pages: part.cache.pages, isCausal: part.isCausal,
        end: part.end)
    }
    observe?(-1, buffers.hidden)
    for (index, layer) in layers.enumerated() {
      attend(layer, index, spans: spans, rows: rows, buffers, inspect)
      feedForward(layer, index, rows: rows, buffers, inspect)
      observe?(index, buffers.hidden)
    }
  }

  private func attend(
    _ layer: Layer, _ index: Int, spans: [CacheSpan], rows: Int, _ buffers: ForwardBuffers,
    _ inspect: Inspector?
  ) {
    let epsilon = configuration.normEpsilon, headSize = configuration.headSize
    compute.rmsNorm(
      buffers.hidden, weight: layer.attentionNorm, epsilon: epsilon, rows: rows, into: buffers.normalized.floats)
    buffers.normalized.invalidate()
    inspect?(index, .attention, buffers.normalized.floats)
    Linear.apply(
      [(layer.query, buffers.queries), (layer.key, buffers.keys), (layer.value, buffers.values)],
      to: buffers.normalized, rows: rows, on: compute)
    if let norm = layer.queryNorm {
      compute.rmsNormHeads(buffers.queries, headSize: headSize, weight: norm, epsilon: epsilon, rows: rows)
    }
    if let norm = layer.keyNorm {
      compute.rmsNormHeads(buffers.keys, headSize: headSize, weight: norm, epsilon: epsilon, rows: rows)
    }
    for matrix in [buffers.queries, buffers.keys] {
      compute.rotate(
        matrix, rows: rows, headSize: headSize, cosines: buffers.cosines, sines: buffers.sines,
        layout: configuration.ropeLayout)
    }
    inspect?(index, .queries, buffers.queries)
    inspect?(index, .keys, buffers.keys)
    compute.store(keys: buffers.keys, values: buffers.values, layer: index, spans: spans)
    let attended = buffers.attended
    compute.attend(buffers.queries, layer: index, spans: spans, into: attended.floats)
    if let norm = layer.attentionSubNorm {
      compute.rmsNorm(attended.floats, weight: norm, epsilon: epsilon, rows: rows, into: attended.floats)
    }
    attended.invalidate()
    inspect?(index, .attended, attended.floats)
    Linear.apply([(layer.output, buffers.delta)], to: attended, rows: rows, on: compute)
    compute.add(buffers.delta, to: buffers.hidden, rows: rows)
  }

  private func feedForward(
    _ layer: Layer, _ index: Int, rows: Int, _ buffers: ForwardBuffers, _ inspect: Inspector?
  ) {
    let epsilon = configuration.normEpsilon
    compute.rmsNorm(
      buffers.hidden, weight: layer.feedForwardNorm, epsilon: epsilon, rows: rows, into: buffers.normalized.floats)
    buffers.normalized.invalidate()
    inspect?(index, .feedForward, buffers.normalized.floats)
    let gated = buffers.gated
    Linear.apply(
      [(layer.gate, gated.floats), (layer.up, buffers.up)], to: buffers.normalized, rows: rows, on: compute)
    compute.gate(gated.floats, with: buffers.up, activation: configuration.activation, rows: rows)
    inspect?(index, .product, gated.floats)
    if let norm = layer.feedForwardSubNorm {
      compute.rmsNorm(gated.floats, weight: norm, epsilon: epsilon, rows: rows, into: gated.floats)
    }
    gated.invalidate()
    inspect?(index, .gated, gated.floats)
    Linear.apply([(layer.down, buffers.delta)], to: gated, rows: rows, on: compute)
    compute.add(buffers.delta, to: buffers.hidden, rows: rows)
  }

  /// The logits of one row of the residual stream that `forward` left behind, `[vocabularySize]`.
  func logits(row: Int, buffers: ForwardBuffers) -> [Float] {
    normalize([row], buffers: buffers)
    compute.multiply(head, buffers.last, rows: 1, into: buffers.logits)
    return buffers.logits.copy(row: 0)
  }

  /// As ``logits(row:buffers:)`` for at most `buffers.logitRows` rows, but only the logits of a set of tokens that contains the `count`
  /// likeliest; all of them where the head has no cheaper form. The values are the same bits.
  func likeliest(_ count: Int, rows: [Int], buffers: ForwardBuffers) -> [[TokenLogit]] {
    guard let screenedHead else { return rows.map { TokenLogit.all(logits(row: $0, buffers: buffers)) } }
    normalize(rows, buffers: buffers)
    return screenedHead.largest(count, buffers.last, tokens: rows.count, scores: buffers.logits, on: compute)
      .map { $0.map { TokenLogit(token: $0.row, logit: $0.logit) } }
  }

  private func normalize(_ rows: [Int], buffers: ForwardBuffers) {
    for (index, row) in rows.enumerated() { buffers.last.copyRow(row, of: buffers.hidden, to: index) }
    compute.rmsNorm(
      buffers.last, weight: outputNorm, epsilon: configuration.normEpsilon, rows: rows.count, into: buffers.last)
  }
}

extension Transformer {
  /// The logits of some rows of the residual stream that `forward` left behind, `[rows.count, vocabularySize]`.
  ///
  /// Generation needs the last row only; this is for measuring a text, and allocates what it returns.
  func logits(rows: [Int], buffers: ForwardBuffers) -> FloatMatrix {
    let normalized = FloatMatrix(rows: rows.count, columns: configuration.hiddenSize)
    for (index, row) in rows.enumerated() { normalized.copyRow(row, of: buffers.hidden, to: index) }
    compute.rmsNorm(
      normalized, weight: outputNorm, epsilon: configuration.normEpsilon, rows: rows.count, into: normalized)
    let logits = FloatMatrix(rows: rows.count, columns: configuration.vocabularySize)
    compute.multiply(head, normalized, rows: rows.count, into: logits)
    return logits
  }
}

extension Transformer {
  /// The bytes of all weights that one token reads: the linear layers and the head.
  var weightBytes: Int {
    let linears = layers.flatMap { [$0.query, $0.key, $0.value, $0.output, $0.gate, $0.up, $0.down] }
    return linears.reduce(screenedHead?.byteCount ?? head.byteCount) { $0 + $1.weights.byteCount }
  }
}

/// What a block shows of its work.
package enum ForwardStage: String, Sendable, CaseIterable {
  /// The input of queries, keys and values.
  case attention
  /// The queries, normalized and rotated, as they meet the keys.
  case queries
  /// The keys, likewise.
  case keys
  /// The input of the attention's output matrix, behind its sub-norm.
  case attended
  /// The input of gate and up.
  case feedForward
  /// Gate times up, before a sub-norm: no input, but where half precision overflows.
  case product
  /// The input of down, behind its sub-norm.
  case gated
}

/// The scratch memory of a forward pass over up to `capacity` tokens.
final class ForwardBuffers {
  /// How many tokens can pass together.
  let capacity: Int
  /// Of how many of them the logits can be taken together.
  let logitRows: Int
  let hidden: FloatMatrix
  let delta: FloatMatrix
  let normalized: LayerInput
  let queries: FloatMatrix
  let keys: FloatMatrix
  let values: FloatMatrix
  let attended: LayerInput
  let gated: LayerInput
  let up: FloatMatrix
  let last: FloatMatrix
  let logits: FloatMatrix
  let cosines: FloatMatrix
  let sines: FloatMatrix

  init(capacity: Int, logitRows: Int, configuration: ModelConfiguration) {
    self.capacity = capacity
    self.logitRows = min(capacity, logitRows)
    let query = configuration.heads * configuration.headSize, kv = configuration.kvHeads * configuration.headSize
    hidden = FloatMatrix(rows: capacity, columns: configuration.hiddenSize)
    delta = FloatMatrix(rows: capacity, columns: configuration.hiddenSize)
    normalized = LayerInput(rows: capacity, columns: configuration.hiddenSize)
    queries = FloatMatrix(rows: capacity, columns: query)
    keys = FloatMatrix(rows: capacity, columns: kv)
    values = FloatMatrix(rows: capacity, columns: kv)
    attended = LayerInput(rows: capacity, columns: query)
    gated = LayerInput(rows: capacity, columns: configuration.intermediateSize)
    up = FloatMatrix(rows: capacity, columns: configuration.intermediateSize)
    cosines = FloatMatrix(rows: capacity, columns: configuration.rotatedSize / 2)
    sines = FloatMatrix(rows: capacity, columns: configuration.rotatedSize / 2)
    last = FloatMatrix(rows: self.logitRows, columns: configuration.hiddenSize)
    logits = FloatMatrix(rows: self.logitRows, columns: configuration.vocabularySize)
  }

  /// The angles are the same for all layers: computed once per pass, in double precision.
  func prepareRotation(row: Int, position: Int, frequencies: [Double]) {
    for (pair, frequency) in frequencies.enumerated() {
      cosines[row: row][pair] = Float(cos(Double(position) * frequency))
      sines[row: row][pair] = Float(sin(Double(position) * frequency))
    }
  }
}
