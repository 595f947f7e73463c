import BitNet
import Kernels
import TrainingKernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A pass with all that its layers share: angles and the plan of its attention.
final class PreparedPass {
  let pass: TrainingPass
  let plan: AttentionPlan
  let scratch: AttentionScratch
  let cosines: FloatMatrix
  let sines: FloatMatrix
  /// The sines of the inverse rotation.
  let inverseSines: FloatMatrix

  var rows: Int { pass.tokens.count }

  init(_ pass: TrainingPass, model: TrainableModel) {
    let configuration = model.configuration, frequencies = model.frequencies, rows = pass.tokens.count
    precondition(pass.positions.count == rows, "a pass with \(pass.positions.count) positions for \(rows) tokens")
    self.pass = pass
    plan = AttentionPlanner.plan(pass.groups)
    scratch = AttentionScratch(
      plan, heads: configuration.heads / configuration.kvHeads, headSize: configuration.headSize,
      compute: model.compute)
    let (cosines, sines, inverse) = (
      FloatMatrix(rows: rows, columns: frequencies.count), FloatMatrix(rows: rows, columns: frequencies.count),
      FloatMatrix(rows: rows, columns: frequencies.count)
    )
    model.compute.forEachRow(rows) { row in
      let position = Double(pass.positions[row])
      for (pair, frequency) in frequencies.enumerated() {
        cosines[row: row][pair] = Float(cos(position * frequency))
        sines[row: row][pair] = Float(sin(position * frequency))
        inverse[row: row][pair] = -sines[row: row][pair]
      }
    }
    self.cosines = cosines
    self.sines = sines
    inverseSines = inverse
  }
}
