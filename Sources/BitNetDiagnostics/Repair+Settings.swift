import BitNet
import Kernels
import ModelFormats
import Tokenization

extension Checkpoint {
  /// Every change of the whole model that is worth trying on it.
  func repairCandidates(_ model: Model) throws -> [RepairCandidate] {
    settingCandidates + (try scaleCandidates(model.compute)) + (try orderCandidates(model.compute))
      + (try subNormCandidates()) + tokenCandidates(model.tokenizer)
  }

  private func setting(
    _ code: Finding.Code, _ change: String, _ edit: @escaping (inout ModelConfiguration) -> Void
  ) -> RepairCandidate {
    RepairCandidate(code: code, change: change) { checkpoint in
      var configuration = checkpoint.configuration
      edit(&configuration)
      return try checkpoint.replacing(configuration: configuration)
    }
  }

  private var settingCandidates: [RepairCandidate] {
    let current = configuration
    let other: GateActivation = current.activation == .silu ? .squaredReLU : .silu
    var candidates = [
      setting(.wrongActivation, "\(other == .silu ? "SiLU" : "squared ReLU") for \(current.activationName)") {
        $0.activation = other
      },
      setting(.rotaryOrder, "rotary pairs in the other order") {
        $0.ropeLayout = $0.ropeLayout == .halves ? .interleaved : .halves
      },
    ]
    for base in [10_000, 100_000, 500_000, 1_000_000] as [Double] where abs(base / current.ropeTheta - 1) > 0.01 {
      candidates.append(
        setting(.wrongRopeBase, "rotary base \(Int(base)) for \(significant(current.ropeTheta))") {
          $0.ropeTheta = base
        })
    }
    for epsilon in [1e-6, 1e-5] as [Float] where abs(epsilon / current.normEpsilon - 1) > 0.5 {
      candidates.append(
        setting(.wrongEpsilon, "epsilon \(epsilon) for \(current.normEpsilon)") { $0.normEpsilon = epsilon })
    }
    return candidates + headCandidates
  }

  /// A head of its own that the settings ignore, or the embedding instead of one.
  private var headCandidates: [RepairCandidate] {
    if !configuration.tiesEmbeddings {
      return [
        RepairCandidate(code: .wrongHead, change: "the embedding as output head") { checkpoint in
          var configuration = checkpoint.configuration
          configuration.tiesEmbeddings = true
          return try checkpoint.replacing(["output.weight": nil], configuration: configuration)
        }
      ]
    }
    guard case .huggingFace(let folder) = source,
      let head = folder.tensors.first(where: { $0.name == "lm_head.weight" }),
      head.shape == [configuration.vocabularySize, configuration.hiddenSize]
    else { return [] }
    return [
      RepairCandidate(code: .wrongHead, change: "the output head of its own that the file holds") { checkpoint in
        var configuration = checkpoint.configuration
        configuration.tiesEmbeddings = false
        let floats = Checkpoint.Replacement(shape: head.shape, floats: try head.floats())
        return try checkpoint.replacing(["output.weight": floats], configuration: configuration)
      }
    ]
  }

  // MARK: Scales and signs

  private func scaleCandidates(_ compute: Compute) throws -> [RepairCandidate] {
    let matrices = try ternaryMatrices(compute)
    // Weights that the mode makes ternary itself have the scale that they should have.
    guard matrices.count == configuration.layerCount * LinearRole.allCases.count else { return [] }
    func scaled(_ code: Finding.Code, _ change: String, _ factor: @escaping (TernaryMatrix) -> Float)
      -> RepairCandidate
    {
      RepairCandidate(code: code, change: change) { checkpoint in
        var changed: [String: Checkpoint.Replacement?] = [:]
        for (layer, role, matrix) in matrices {
          let part = try checkpoint.scaling(layer, role, by: factor(matrix), compute: compute)
          changed.merge(part) { $1 }
        }
        return try checkpoint.replacing(changed)
      }
    }
    let zeros = matrices.map { matrix in
      let counts = matrix.matrix.counts(pool: compute.pool)
      return 1 - Float(counts.zero) / Float(max(1, matrix.matrix.rows * matrix.matrix.columns))
    }
    let shares = Dictionary(
      zip(matrices, zeros).map { ("\($0.layer) \($0.role.rawValue)", max(0.05, $1)) }, uniquingKeysWith: { $1 })
    var candidates = [
      scaled(.scalesInverted, "every scale s as 1 / s") { 1 / ($0.scale * $0.scale) },
      scaled(.negatedTrits, "every matrix negated") { _ in -1 },
    ]
    candidates.append(
      RepairCandidate(code: .quantizedTwice, change: "every scale over its share of non-zeros") { checkpoint in
        var changed: [String: Checkpoint.Replacement?] = [:]
        for (layer, role, _) in matrices {
          let factor = 1 / (shares["\(layer) \(role.rawValue)"] ?? 1)
          changed.merge(try checkpoint.scaling(layer, role, by: factor, compute: compute)) { $1 }
        }
        return try checkpoint.replacing(changed)
      })
    return candidates
  }

  private func ternaryMatrices(_ compute: Compute) throws -> [(layer: Int, role: LinearRole, matrix: TernaryMatrix)] {
    try (0..<configuration.layerCount).flatMap { layer in
      try LinearRole.allCases.compactMap { role in
        switch try linear(layer, role, compute: compute) {
        case .ternary(let matrix): return (layer, role, matrix)
        case .encoded(let numbers):
          let ternarization = compute.ternarize(numbers)
          return ternarization.isFinite && ternarization.wasTernary ? (layer, role, ternarization.matrix) : nil
        }
      }
    }
  }

  // MARK: Sub-norms

  private func subNormCandidates() throws -> [RepairCandidate] {
    let configuration = configuration
    let sizes = [
      ("attn_sub_norm", configuration.heads * configuration.headSize),
      ("ffn_sub_norm", configuration.intermediateSize),
    ]
    func ones(_ code: Finding.Code, _ change: String, _ isReplaced: @escaping (Checkpoint, String) -> Bool)
      -> RepairCandidate
    {
      RepairCandidate(code: code, change: change) { checkpoint in
        var changed: [String: Checkpoint.Replacement?] = [:]
        for layer in 0..<configuration.layerCount {
          for (norm, count) in sizes where isReplaced(checkpoint, "blk.\(layer).\(norm).weight") {
            changed["blk.\(layer).\(norm).weight"] = Checkpoint.Replacement(
              shape: [count], floats: Array(repeating: 1, count: count))
          }
        }
        return try checkpoint.replacing(changed)
      }
    }
    let found = tensors.keys.count { $0.hasSuffix("sub_norm.weight") }
    var candidates: [RepairCandidate] = []
    let isExpected = found > 0 || configuration.declaresBitLinear || configuration.activation == .squaredReLU
    if isExpected, found < 2 * configuration.layerCount {
      candidates.append(ones(.subNormsMissing, "sub-norms of gain 1 where there are none") { $0.tensors[$1] == nil })
    }
    if found > 0 {
      candidates.append(ones(.subNormsWrong, "all gains of sub-norms as 1") { $0.tensors[$1] != nil })
    }
    return candidates
  }

  // MARK: Tokens

  private func tokenCandidates(_ tokenizer: Tokenizer?) -> [RepairCandidate] {
    guard let tokenizer else { return [] }
    var candidates: [RepairCandidate] = []
    if let begin = tokenizer.beginningOfSequence {
      if tokenizer.addsBeginningOfSequence {
        candidates.append(
          RepairCandidate(code: .beginToken, change: "no begin token") { text in
            ([], text.first == begin ? Array(text.dropFirst()) : text)
          })
      } else {
        candidates.append(
          RepairCandidate(code: .beginToken, change: "a begin token in front") { text in ([begin], text) })
      }
    }
    let rows = configuration.vocabularySize
    for shift in [-1, 1, -2, 2] {
      candidates.append(
        RepairCandidate(code: .foreignTokenizer, change: "every token id \(shift > 0 ? "+" : "")\(shift)") { text in
          ([], text.map { min(max(0, $0 + shift), rows - 1) })
        })
    }
    return candidates
  }
}

extension RepairCandidate {
  fileprivate init(
    code: Finding.Code, change: String, text: @escaping ([Int]) -> (start: [Int], tokens: [Int])
  ) {
    self.code = code
    self.change = change
    self.text = text
  }

  init(code: Finding.Code, change: String, apply: @escaping (Checkpoint) throws -> Checkpoint) {
    self.code = code
    self.change = change
    self.apply = apply
  }
}
