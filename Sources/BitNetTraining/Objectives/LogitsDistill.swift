package import Kernels
import TrainingKernels

/// The teacher's distribution of the next token: `T^2 KL(softmax(teacher / T) || softmax(student / T))` (Hinton et al., arXiv
/// 1503.02531).
package final class LogitsDistill: Objective {
  package let name = "logits_distill"
  package let view = PassView.causal
  private let teacher: Teacher
  private let temperature: Float

  /// - Precondition: teacher and student have one vocabulary.
  package init(teacher: Teacher, temperature: Double = 5) {
    self.teacher = teacher
    self.temperature = Float(temperature)
  }

  package func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int {
    batch.documents.joined().reduce(0) { $0 + max(0, $1.count - 1) }
  }

  package func prepare(_ pass: TrainingPass) { teacher.run(pass) }

  package func logitLoss(
    _ pass: TrainingPass, _ range: Range<Int>, logits: FloatMatrix, weight: Float, gradient: FloatMatrix?,
    accumulates: Bool, on compute: Compute
  ) -> Double {
    var loss = 0.0
    // The same vocabulary gives chunks of the same size: the teacher's logits come in one.
    teacher.model.applyHead(to: pass.targets[range].map(\.row), of: teacher.hidden, gradient: nil) {
      part, expected, _ in
      precondition(part.count == range.count && expected.columns == logits.columns, "teacher of another vocabulary")
      loss = compute.distillation(
        student: logits, teacher: expected, rows: part.count, temperature: temperature, weight: weight,
        gradient: gradient, accumulating: accumulates)
    }
    return loss
  }
}
