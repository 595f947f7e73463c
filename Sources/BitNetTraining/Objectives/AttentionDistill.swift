package import Kernels
package import TrainingKernels

/// The relations between the tokens of a document in one block, as BitDistill takes them over (arXiv 2510.13998, after MiniLMv2).
///
/// The queries, keys and values that attention sees are cut into relation heads and every row brought to length 1; then `R =
/// softmax(X X^T / temperature)` over the document, and the loss is `KL(R_teacher || R_student)`, the mean over rows and heads,
/// summed over queries, keys and values.
package final class AttentionDistill: Objective {
  package let name = "attention_distill"
  package let view = PassView.causal
  package let readsLogits = false
  private let teacher: Teacher
  private let layer: Int
  private let teacherLayer: Int
  private let heads: Int
  private let temperature: Float
  private var states: AttentionStates?

  /// - Parameters:
  ///   - layer: the student's block; `teacherLayer` the teacher's.
  ///   - heads: the relation heads, a divisor of the widths of queries and keys of both models.
  package init(teacher: Teacher, layer: Int, teacherLayer: Int, heads: Int, temperature: Double = 1) {
    self.teacher = teacher
    self.layer = layer
    self.teacherLayer = teacherLayer
    self.heads = heads
    self.temperature = Float(temperature)
    teacher.keepStates(layer: teacherLayer)
  }

  package func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int {
    batch.documents.joined().reduce(0) { $0 + $1.count }
  }

  package func observe(layer: Int, states: AttentionStates, rows: Int, on compute: Compute) {
    guard layer == self.layer else { return }
    func copy(_ matrix: FloatMatrix) -> FloatMatrix {
      let result = FloatMatrix(rows: rows, columns: matrix.columns)
      compute.copy(matrix, rows: rows, to: result)
      return result
    }
    self.states = AttentionStates(
      queries: copy(states.queries), keys: copy(states.keys), values: copy(states.values), headSize: states.headSize)
  }

  package func prepare(_ pass: TrainingPass) { teacher.run(pass) }

  package func stateLoss(
    _ pass: TrainingPass, model: TrainableModel, weight: Float, gradients: inout InnerGradients
  ) -> Double {
    guard let states, let expected = teacher.states[teacherLayer] else {
      preconditionFailure("the states of the blocks \(layer) and \(teacherLayer) were not kept")
    }
    let rows = pass.tokens.count, sums = gradients.states(layer: layer, rows: rows, like: states)
    let documents = pass.groups.map(\.queries)
    return [
      (states.queries, expected.queries, sums.queries), (states.keys, expected.keys, sums.keys),
      (states.values, expected.values, sums.values),
    ].reduce(0) { loss, part in
      loss
        + model.compute.relationDistillation(
          student: part.0, teacher: part.1, documents: documents, heads: heads, temperature: temperature,
          weight: weight, gradient: part.2)
    }
  }
}
