package import BitNet
import Kernels
import ModelFormats

extension TrainableModel {
  /// A copy of the master weights as they are now, as a model in memory: what generates text, or is measured, while training
  /// goes on.
  ///
  /// - Throws: nothing in practice; the tensors' sizes are checked like a file's.
  package func checkpoint() throws -> Checkpoint {
    let tensors = try parameters.map { parameter in
      let values = parameter.values
      let isVector = parameter.role == .norm || parameter.role == .bias
      return try Tensor(
        name: parameter.name, shape: isVector ? [values.columns] : [values.rows, values.columns], type: .f32,
        bytes: SharedBytes(copying: values), file: "the model in training")
    }
    return Checkpoint(path: "the model in training", configuration: configuration, tensors: tensors)
  }
}
