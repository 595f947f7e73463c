package import Kernels
import ModelFormats

extension Checkpoint {
  /// The same checkpoint with some tensors or settings changed, in memory: what a repair of the files would give.
  ///
  /// - Parameters:
  ///   - changed: tensors by canonical name, `nil` to leave one out. A packed weight that is replaced is packed no more.
  ///   - configuration: the settings; `nil` keeps them.
  package func replacing(_ changed: [String: Replacement?] = [:], configuration: ModelConfiguration? = nil) throws
    -> Checkpoint
  {
    var tensors = tensors
    var packedScales = packedScales
    var ternaryScales = ternaryScales
    for (name, replacement) in changed {
      guard let replacement else {
        tensors[name] = nil
        continue
      }
      if replacement.changesTrits {
        packedScales[name] = nil
        if ternaryScales[name] != nil { ternaryScales[name] = replacement.scale }
      }
      tensors[name] = try Tensor(
        name: tensors[name]?.name ?? name, shape: replacement.shape, type: .f32,
        bytes: SharedBytes(floats: replacement.floats), file: path)
    }
    return Checkpoint(
      path: path, source: source, configuration: configuration ?? self.configuration, tensors: tensors,
      packedScales: packedScales, ternaryScales: ternaryScales)
  }

  /// Floats in a tensor's place.
  package struct Replacement: Sendable {
    let shape: [Int]
    let floats: [Float]
    let changesTrits: Bool

    /// - Parameters:
    ///   - shape: `[outputs, inputs]`, or `[count]`.
    ///   - floats: row-major.
    package init(shape: [Int], floats: [Float]) {
      self.shape = shape
      self.floats = floats
      changesTrits = shape.count == 2
    }

    /// The only magnitude but 0, if the floats are ternary.
    fileprivate var scale: Float { floats.first { $0 != 0 }.map(abs) ?? 1 }
  }

  /// What a linear layer multiplied by a factor is replaced by. Trits get a `.scale` tensor beside them, so that nothing
  /// is unpacked.
  ///
  /// - Throws: as ``linear(_:_:compute:)``.
  package func scaling(_ layer: Int, _ role: LinearRole, by factor: Float, compute: Compute) throws
    -> [String: Replacement?]
  {
    let name = "blk.\(layer).\(role.rawValue)"
    let matrix = try linear(layer, role, compute: compute)
    let isTernary: Bool
    switch matrix {
    case .ternary: isTernary = true
    case .encoded(let numbers):
      let ternarization = compute.ternarize(numbers)
      isTernary = ternarization.isFinite && ternarization.wasTernary
    }
    guard isTernary else {
      let rows = (0..<matrix.shape[0]).flatMap { matrix.floats(row: $0).map { $0 * factor } }
      return [name + ".weight": Replacement(shape: matrix.shape, floats: rows)]
    }
    let known = try optionalVector(name + ".scale", count: 1)?.values[0] ?? 1
    return [name + ".scale": Replacement(shape: [1], floats: [known * factor])]
  }

  /// The floats of a linear layer, rows as the file has them.
  ///
  /// - Throws: as ``linear(_:_:compute:)``.
  package func rows(of layer: Int, _ role: LinearRole, compute: Compute) throws -> [[Float]] {
    let matrix = try linear(layer, role, compute: compute)
    return (0..<matrix.shape[0]).map(matrix.floats(row:))
  }
}

extension Model {
  /// A changed checkpoint under this model's threads and tokenizer. The weights are used as they lie in memory.
  ///
  /// - Throws: as loading does.
  package func variant(_ checkpoint: Checkpoint, mode: QuantizationMode) throws -> Model {
    try Model(
      store: WeightStore(checkpoint: checkpoint, compute: compute, repacks: false, screensHead: false),
      tokenizer: tokenizer, mode: mode, contextLength: contextLength, cachePrecision: cachePrecision)
  }
}
