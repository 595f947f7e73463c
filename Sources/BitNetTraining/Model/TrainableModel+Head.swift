import BitNet
package import Kernels
import TrainingKernels

extension TrainableModel {
  /// Some rows of the head at once: the logits of a large vocabulary take tens of megabytes.
  private var headRows: Int {
    max(16, min(256, (1 << 23) / configuration.vocabularySize / 16 * 16))
  }

  /// The logits of rows of a stream, a chunk of rows at a time, and what their gradient does to the stream's.
  ///
  /// - Parameters:
  ///   - rows: which rows; the same may occur several times.
  ///   - hidden: the stream after the last block, `[…, hiddenSize]`.
  ///   - gradient: by that stream; those by the rows are added, and those by output norm and head to theirs. `nil` where none
  ///     is wanted.
  ///   - body: given the range of `rows`, their logits `[range.count …, vocabularySize]`, and where to leave the gradient by
  ///     the logits.
  package func applyHead(
    to rows: [Int], of hidden: FloatMatrix, gradient: FloatMatrix?,
    _ body: (_ range: Range<Int>, _ logits: FloatMatrix, _ gradient: FloatMatrix?) -> Void
  ) {
    let chunk = min(headRows, rows.count)
    func matrix(_ use: ScratchMemory.Use, _ columns: Int) -> FloatMatrix {
      scratch.matrix(use, rows: chunk, columns: columns)
    }
    for first in stride(from: 0, to: rows.count, by: max(1, chunk)) {
      let range = first..<min(first + chunk, rows.count)
      let inputs = matrix(.headRows, configuration.hiddenSize)
      let normalized = matrix(.headNormalized, configuration.hiddenSize)
      let logits = matrix(.logits, configuration.vocabularySize)
      compute.gather(Array(rows[range]), of: hidden, into: inputs)
      compute.normalize(
        inputs, gains: outputNorm.values, epsilon: configuration.normEpsilon, rows: range.count, into: normalized)
      compute.multiply(
        .plain(MatrixView(normalized, rows: 0..<range.count)), .transposed(MatrixView(head.values)),
        into: MatrixView(logits, rows: 0..<range.count))
      guard let gradient else {
        body(range, logits, nil)
        continue
      }
      let logitGradient = matrix(.logitGradient, configuration.vocabularySize)
      body(range, logits, logitGradient)
      let rowGradient = headBackward(logitGradient, inputs, normalized, rows: range.count)
      compute.scatterAdd(rowGradient, to: Array(rows[range]), of: gradient)
    }
  }

  private func headBackward(
    _ gradient: FloatMatrix, _ inputs: FloatMatrix, _ normalized: FloatMatrix, rows: Int
  ) -> FloatMatrix {
    let view = MatrixView(gradient, rows: 0..<rows)
    let normalizedGradient = scratch.matrix(.headInputGradient, rows: rows, columns: inputs.columns)
    let inputGradient = scratch.matrix(.headRowGradient, rows: rows, columns: inputs.columns)
    compute.multiply(
      .transposed(view), .plain(MatrixView(normalized, rows: 0..<rows)), into: MatrixView(head.gradient),
      accumulating: true)
    compute.multiply(
      .plain(view), .plain(MatrixView(head.values)), into: MatrixView(normalizedGradient, rows: 0..<rows))
    compute.zero(inputGradient, rows: rows)
    compute.normalizeBackward(
      inputs, gains: outputNorm.values, epsilon: configuration.normEpsilon, gradient: normalizedGradient, rows: rows,
      into: inputGradient, gainGradient: outputNorm.gradient)
    return inputGradient
  }

  /// The logits of rows of a stream, `[rows.count, vocabularySize]`: for measuring, not for large vocabularies.
  package func logits(rows: [Int], of hidden: FloatMatrix) -> FloatMatrix {
    let result = FloatMatrix(rows: rows.count, columns: configuration.vocabularySize)
    applyHead(to: rows, of: hidden, gradient: nil) { range, logits, _ in
      for (index, row) in range.enumerated() { result.copyRow(index, of: logits, to: row) }
    }
    return result
  }
}
