import Kernels
import ModelFormats

extension Checkpoint {
  /// The shape of a published model, for measuring speed without fetching one.
  public enum SyntheticShape: String, Sendable, CaseIterable {
    /// BitNet b1.58 2B4T: 2.08 billion ternary weights, a tied F16 head of 128,256 x 2560.
    case bitNet2B = "2b"
    /// The same with 8 layers and a vocabulary of 32,000, for a quick look.
    case small = "small"

    var configuration: ModelConfiguration {
      ModelConfiguration(
        architecture: "bitnet-b1.58", vocabularySize: self == .bitNet2B ? 128_256 : 32_000, hiddenSize: 2560,
        intermediateSize: 6912, layerCount: self == .bitNet2B ? 30 : 8, heads: 20, kvHeads: 5, headSize: 128,
        contextLength: 4096, normEpsilon: 1e-5, ropeTheta: 500_000, rotatedSize: 128, tiesEmbeddings: true,
        declaresBitLinear: true, notes: [], ropeLayout: .halves, ropeScaling: .none, activation: .squaredReLU)
    }
  }

  /// A model of random weights in memory, stored as its published file stores them: I2_S and F16.
  ///
  /// - Throws: nothing in practice; the tensors' sizes are checked like a file's.
  public init(synthetic shape: SyntheticShape, threads: Int? = nil) throws {
    try self.init(synthetic: shape, threads: threads) { _ in 1 }
  }

  /// As ``init(synthetic:threads:)`` with scales of one's choice for the matrices.
  package init(synthetic shape: SyntheticShape, threads: Int?, scale: (LinearRole) -> Float) throws {
    let configuration = shape.configuration
    let pool = ThreadPool(threadCount: threads ?? ThreadPool.availableProcessors)
    var tensors: [String: Tensor] = [:]
    func add(_ name: String, _ shape: [Int], _ type: TensorType, _ bytes: SharedBytes) throws {
      tensors[name] = try Tensor(name: name, shape: shape, type: type, bytes: bytes, file: "synthetic model")
    }
    func addNorm(_ name: String, _ count: Int) throws {
      try add(name, [count], .f32, SharedBytes(repeating: 1, count: count))
    }
    let hidden = configuration.hiddenSize
    try add(
      "token_embd.weight", [configuration.vocabularySize, hidden], .f16,
      .randomHalves(count: configuration.vocabularySize * hidden, pool: pool))
    try addNorm("output_norm.weight", hidden)
    for layer in 0..<configuration.layerCount {
      let block = "blk.\(layer)."
      try addNorm(block + "attn_norm.weight", hidden)
      try addNorm(block + "attn_sub_norm.weight", hidden)
      try addNorm(block + "ffn_norm.weight", hidden)
      try addNorm(block + "ffn_sub_norm.weight", configuration.intermediateSize)
      for (index, role) in LinearRole.allCases.enumerated() {
        let size = role.shape(in: configuration)
        try add(
          block + role.rawValue + ".weight", size, .i2_s,
          .randomTrits(rows: size[0], columns: size[1], scale: scale(role), seed: UInt64(layer * 7 + index), pool: pool)
        )
      }
    }
    self.init(
      path: "synthetic:\(shape.rawValue)", source: .synthetic, configuration: configuration, tensors: tensors,
      packedScales: [:])
  }
}
