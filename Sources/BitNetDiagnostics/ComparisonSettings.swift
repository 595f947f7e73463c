import BitNet
import Kernels
import ModelFormats

/// One setting of two models.
public struct SettingComparison: Sendable, Codable {
  /// What it is.
  public var name: String
  /// The value in the first model.
  public var a: String
  /// The value in the second.
  public var b: String
  /// What the difference would change; `nil` for settings that only describe the file.
  public var kind: ComparisonDifference.Code?
  /// Whether the values differ in a way that changes what the model says.
  public var matters: Bool

  /// Whether the values are written differently.
  public var differs: Bool { a != b }
}

extension SettingComparison {
  static func all(_ pair: ComparedPair) throws -> [SettingComparison] {
    let configurations = [pair.a.configuration, pair.b.configuration]
    func row(
      _ name: String, _ kind: ComparisonDifference.Code?, _ value: (ModelConfiguration) -> some CustomStringConvertible
    ) -> SettingComparison {
      let texts = configurations.map { value($0).description }
      return SettingComparison(
        name: name, a: texts[0], b: texts[1], kind: kind, matters: kind != nil && texts[0] != texts[1])
    }
    func fileRow(_ name: String, _ value: (Checkpoint) -> String) -> SettingComparison {
      SettingComparison(name: name, a: value(pair.a), b: value(pair.b), kind: nil, matters: false)
    }
    var rows = [
      fileRow("format", \.formatName), row("architecture", nil, \.architecture),
      row("layers", .shape, \.layerCount), row("hidden size", .shape, \.hiddenSize),
      row("feed-forward size", .shape, \.intermediateSize), row("heads", .shape, \.heads),
      row("key-value heads", .shape, \.kvHeads), row("head size", .shape, \.headSize),
      row("vocabulary", .vocabulary, \.vocabularySize), row("context", nil, \.contextLength),
      SettingComparison(
        name: "arithmetic", a: pair.modes[0].rawValue, b: pair.modes[1].rawValue, kind: .arithmetic,
        matters: pair.modes[0] != pair.modes[1]),
      fileRow("linear layers", \.linearStorage),
      row("output head", nil) { $0.tiesEmbeddings ? "tied to the embedding" : "of its own" },
      row("activation", .activation, \.activationName), row("norm epsilon", .epsilon, \.normEpsilon),
    ]
    rows += try ropeRows(pair, row)
    let generations = [try pair.a.generationName(), try pair.b.generationName()]
    rows.append(
      SettingComparison(
        name: "generation", a: generations[0], b: generations[1], kind: .generation,
        matters: generations[0] != generations[1]))
    return rows
  }

  /// Base and scaling can be written in several ways; what counts are the frequencies that follow.
  private static func ropeRows(
    _ pair: ComparedPair,
    _ row: (String, ComparisonDifference.Code?, (ModelConfiguration) -> String) -> SettingComparison
  ) throws -> [SettingComparison] {
    let frequencies = [try pair.a.rotaryFrequencies(), try pair.b.rotaryFrequencies()]
    let isEqual =
      frequencies[0].count == frequencies[1].count
      && zip(frequencies[0], frequencies[1]).allSatisfy { abs($0 - $1) <= 1e-5 * abs($0) }
    var rows = [
      row("rope base", .rope) { "\($0.ropeTheta)" }, row("rope scaling", .rope) { $0.ropeScaling.description },
      row("rotated elements", .rope) { "\($0.rotatedSize)" },
    ]
    for index in rows.indices { rows[index].matters = !isEqual && rows[index].differs }
    if !isEqual, !rows.contains(where: \.matters) {
      rows.append(
        SettingComparison(
          name: "rope factors", a: pair.a.hasRopeFactors ? "in the file" : "none",
          b: pair.b.hasRopeFactors ? "in the file" : "none", kind: .rope, matters: true))
    }
    return rows + [row("rope pairs", nil) { $0.ropeLayout == .halves ? "halves" : "neighbours" }]
  }
}

extension Checkpoint {
  fileprivate var formatName: String {
    switch source {
    case .gguf(let file): "GGUF v\(file.version)"
    case .huggingFace: "Hugging Face folder"
    case .synthetic: "memory"
    }
  }

  /// The types of the linear layers, the commonest first.
  fileprivate var linearStorage: String {
    var counts: [String: Int] = [:]
    for name in linearNames { if let type = tensors[name]?.type { counts[type.rawValue, default: 0] += 1 } }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key).joined(separator: ", ")
  }

  /// How tokens come about: a block-diffusion model that is asked for the next token says nonsense.
  fileprivate func generationName() throws -> String {
    guard let diffusion = try blockDiffusionConfig() else { return "next token" }
    let mask = diffusion.maskTokenID.map { ", mask \($0)" } ?? ""
    return "block diffusion" + (diffusion.blockSize.map { " by \($0)" } ?? "") + mask
  }

  fileprivate var hasRopeFactors: Bool { tensors["rope_freqs.weight"] != nil }
}
