package import BitNet
package import Kernels
import TrainingKernels

/// A model whose weights are 32-bit masters that training changes: the graph of `Transformer`, forward and backward.
///
/// The linear layers of the blocks multiply `W + lambda (W_q - W)` with `x + lambda (x_q - x)` (design section 2). At lambda 1
/// the forward products run on the integer kernels of inference, so that what is trained is what is served; the backward pass
/// is straight-through: with the mixed operands, and without a gradient through scales, rounding and clamping.
package final class TrainableModel {
  /// The shape of the model.
  package let configuration: ModelConfiguration
  /// All parameters in a fixed order: embedding, blocks, output norm, head if it has weights of its own. Rows of queries and
  /// keys are in the order of rotary halves.
  package let parameters: [Parameter]
  /// Where the arithmetic runs.
  package let compute: Compute
  /// How far the linear layers are quantized, 0 to 1. Takes effect with `prepareStep`.
  package var lambda = 1.0
  /// Whether only the inputs of blocks are kept, and blocks are computed again in the backward pass.
  package var checkpointsGradients = false

  let embedding: Parameter
  package let layers: [TrainableLayer]
  let outputNorm: Parameter
  /// The embedding where it is tied.
  let head: Parameter
  let frequencies: [Double]
  let scratch = ScratchMemory()
  /// The pass whose activations are kept.
  var current: PreparedPass?
  var activations: [LayerActivations] = []

  init(configuration: ModelConfiguration, forms: [LayerForm], frequencies: [Double], compute: Compute) {
    self.configuration = configuration
    self.compute = compute
    self.frequencies = frequencies
    embedding = Parameter(
      name: "token_embd.weight", role: .embedding, rows: configuration.vocabularySize,
      columns: configuration.hiddenSize)
    layers = forms.enumerated().map { TrainableLayer($0, $1, configuration) }
    outputNorm = Parameter(gains: "output_norm.weight", count: configuration.hiddenSize)
    head =
      configuration.tiesEmbeddings
      ? embedding
      : Parameter(
        name: "output.weight", role: .head, rows: configuration.vocabularySize, columns: configuration.hiddenSize)
    parameters =
      [embedding] + layers.flatMap(\.parameters) + [outputNorm] + (configuration.tiesEmbeddings ? [] : [head])
  }

  /// A model of random weights: normal with a standard deviation of 0.02, for the projections that write to the residual
  /// stream divided by `sqrt(2 layers)`; gains 1, biases 0. The same for any number of threads.
  ///
  /// - Throws: `ModelError` for a shape that no model can have.
  package convenience init(_ shape: TrainingShape, seed: UInt64, compute: Compute) throws(ModelError) {
    let configuration = try shape.configuration()
    let form = LayerForm(
      hasBiases: { shape.hasBiases && [.query, .key, .value].contains($0) }, hasHeadNorms: shape.hasHeadNorms,
      hasSubNorms: shape.hasSubNorms, isBitLinear: { _ in shape.isBitNet })
    self.init(
      configuration: configuration, forms: Array(repeating: form, count: configuration.layerCount),
      frequencies: configuration.ropeScaling.frequencies(
        theta: configuration.ropeTheta, rotatedSize: configuration.rotatedSize, factors: nil),
      compute: compute)
    let random = TrainingRandom(seed: seed)
    for (index, parameter) in parameters.enumerated() where parameter.role != .norm && parameter.role != .bias {
      let writesResidual = parameter.name.hasSuffix("attn_output.weight") || parameter.name.hasSuffix("ffn_down.weight")
      let deviation = writesResidual ? 0.02 / (2 * Double(configuration.layerCount)).squareRoot() : 0.02
      let source = random.child(.weights, index), values = parameter.values
      compute.forEachRow(values.rows) { row in
        let target = values[row: row]
        for column in 0..<values.columns {
          target[column] = Float(deviation * source.normal(row * values.columns + column))
        }
      }
    }
  }

  /// Ternarizes the current weights, where anything is quantized: once after each change of weights or of lambda.
  package func prepareStep() {
    for linear in layers.flatMap(\.linears) {
      linear.ternary =
        linear.weight.role == .bitLinear && lambda > 0 ? compute.ternarize(linear.weight.values) : nil
    }
  }

  /// Sets all gradients to zero.
  package func zeroGradients() {
    for parameter in parameters { compute.zero(parameter.gradient) }
  }

  var parametersOutsideBlocks: [Parameter] {
    [embedding, outputNorm] + (configuration.tiesEmbeddings ? [] : [head])
  }

  var activationShape: ActivationShape {
    ActivationShape(
      hidden: configuration.hiddenSize, inner: configuration.intermediateSize,
      queries: configuration.heads * configuration.headSize, keys: configuration.kvHeads * configuration.headSize,
      hasHeadNorms: layers.contains { $0.queryNorm != nil || $0.keyNorm != nil })
  }
}
