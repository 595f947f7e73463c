import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization

/// The metadata of the GGUF file that a plan becomes, but for the scales and the source's digests, which are known when the
/// weights were read.
enum GGUFModelMetadata {
  typealias Entry = (key: String, value: GGUFNewValue)

  /// - Returns: the entries, and what the user should know about the tokenizer.
  static func entries(_ plan: ConversionPlan) throws -> (entries: [Entry], notes: [String]) {
    var entries = try model(plan) + rope(plan)
    var (tokenizer, notes) = try tokenizer(plan)
    let key = "tokenizer.ggml.mask_token_id"
    let masks = try plan.checkpoint.maskTokens(tokenizer: plan.checkpoint.tokenizer())
    if masks.count == 1, !tokenizer.isEmpty, let mask = UInt32(exactly: masks[0]) {
      tokenizer.removeAll { $0.key == key }
      tokenizer.append((key, .u32(mask)))
    }
    entries += tokenizer
    if let text = try blockDiffusion(plan.checkpoint) { entries.append((ConversionKeys.blockDiffusion, .string(text))) }
    entries += try diffusionSettings(plan.checkpoint)
    if let text = try trainerState(plan.checkpoint) { entries.append((ConversionKeys.trainerState, .string(text))) }
    if !tokenizer.contains(where: { $0.key == "tokenizer.ggml.model" }) {
      entries.append(("tokenizer.ggml.model", .string("no_vocab")))
      notes.append("the source has no tokenizer; the file can be run with token ids only")
    }
    return (entries, notes)
  }

  /// The names and exact scales of the ternary tensors.
  static func scales(_ scales: [(name: String, scale: Float)]) -> [Entry] {
    guard !scales.isEmpty else { return [] }
    return [
      (ConversionKeys.ternaryTensors, .strings(scales.map(\.name))),
      (ConversionKeys.ternaryScales, .f32s(scales.map(\.scale))),
    ]
  }

  private static func model(_ plan: ConversionPlan) -> [Entry] {
    let configuration = plan.checkpoint.configuration
    let name = plan.graph.architecture
    func size(_ key: String, _ value: Int) -> Entry { ("\(name).\(key)", .u32(UInt32(value))) }
    return [
      ("general.architecture", .string(name)),
      ("general.type", .string("model")),
      ("general.name", .string(plan.options.name ?? modelName(plan.checkpoint))),
      ("general.file_type", .u32(fileType(plan))),
      ("general.quantization_version", .u32(2)),
      size("vocab_size", configuration.vocabularySize), size("context_length", configuration.contextLength),
      size("embedding_length", configuration.hiddenSize), size("block_count", configuration.layerCount),
      size("feed_forward_length", configuration.intermediateSize),
      size("attention.head_count", configuration.heads), size("attention.head_count_kv", configuration.kvHeads),
      size("attention.key_length", configuration.headSize), size("attention.value_length", configuration.headSize),
      ("\(name).attention.layer_norm_rms_epsilon", .f32(configuration.normEpsilon)),
      size("rope.dimension_count", configuration.rotatedSize),
      ("\(name).rope.freq_base", .f32(Float(configuration.ropeTheta))),
    ]
  }

  private static func rope(_ plan: ConversionPlan) throws -> [Entry] {
    if let scaling = try Llama3Scaling(plan.checkpoint) { return scaling.entries }
    guard case .linear(let factor) = plan.checkpoint.configuration.ropeScaling else { return [] }
    let name = plan.graph.architecture
    return [("\(name).rope.scaling.type", .string("linear")), ("\(name).rope.scaling.factor", .f32(Float(factor)))]
  }

  private static func modelName(_ checkpoint: Checkpoint) -> String {
    if case .gguf(let file) = checkpoint.source, let name = try? file.string("general.name") { return name }
    return URL(filePath: checkpoint.path).standardizedFileURL.lastPathComponent
  }

  /// The label "mostly this type": llama.cpp's numbers, for I2_S bitnet.cpp's.
  private static func fileType(_ plan: ConversionPlan) -> UInt32 {
    var bytes: [TensorType: Int] = [:]
    let head = ["token_embd.weight", "output.weight"]
    for tensor in plan.tensors where tensor.shape.count == 2 && !head.contains(tensor.source) {
      bytes[tensor.type, default: 0] += tensor.byteCount
    }
    let numbers: [TensorType: UInt32] = [
      .f32: 0, .f16: 1, .q4_0: 2, .q4_1: 3, .q8_0: 7, .q5_0: 8, .q5_1: 9, .q4_K: 15, .q5_K: 17, .q6_K: 18, .bf16: 32,
      .tq1_0: 36, .tq2_0: 37, .i2_s: 40,
    ]
    return bytes.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }.flatMap { numbers[$0.key] } ?? 0
  }

  private static func tokenizer(_ plan: ConversionPlan) throws -> (entries: [Entry], notes: [String]) {
    let rows = plan.checkpoint.configuration.vocabularySize
    switch plan.checkpoint.source {
    case .synthetic: return (SyntheticVocabulary.entries(rows: rows), [])
    case .huggingFace:
      guard let tokenizer = try plan.checkpoint.tokenizer() else { return ([], []) }
      let metadata = try tokenizer.ggufMetadata(rows: rows)
      return (metadata.entries, metadata.notes)
    case .gguf(let file):
      let prefixes = ["tokenizer.", "bitnet.tokenizer."]
      var entries: [Entry] = file.metadata
        .filter { entry in prefixes.contains { entry.key.hasPrefix($0) } }.map { ($0.key, .copied($0.value)) }
      var notes: [String] = []
      let pre = "tokenizer.ggml.pre"
      if let tokenizer = try plan.checkpoint.tokenizer(), tokenizer.kind == .byteLevelBPE, file[pre] == nil {
        entries.append((pre, .string(tokenizer.preTokenizerName)))
        notes += tokenizer.notes
      }
      return (entries, notes)
    }
  }

  private static func blockDiffusion(_ checkpoint: Checkpoint) throws -> String? {
    switch checkpoint.source {
    case .synthetic: nil
    case .gguf(let file): try file.string(ConversionKeys.blockDiffusion)
    case .huggingFace(let folder):
      try checkpoint.blockDiffusionConfig() == nil
        ? nil : String(contentsOfFile: folder.path + "/dlm_config.json", encoding: .utf8)
    }
  }

  /// What the trainer says of the weights, so that a single file can be diagnosed: without the history of the losses, which is
  /// long, and without settings, which hold paths.
  private static func trainerState(_ checkpoint: Checkpoint) throws -> String? {
    switch checkpoint.source {
    case .synthetic: return nil
    case .gguf(let file): return try file.string(ConversionKeys.trainerState)
    case .huggingFace(let folder):
      let path = folder.path + "/trainer_state.json"
      guard FileManager.default.fileExists(atPath: path) else { return nil }
      let state = try JSONParser.parse(path: path, options: .init(allowsNonFinite: true)).object()
      return JSONValue.object(state.keeping(TrainerState.summaryKeys)).line
    }
  }

  /// What running by block diffusion needs to know, in the keys that it reads.
  private static func diffusionSettings(_ checkpoint: Checkpoint) throws -> [Entry] {
    if case .gguf(let file) = checkpoint.source {
      return file.metadata.filter { $0.key.hasPrefix("bitnet.diffusion.") && $0.key != ConversionKeys.blockDiffusion }
        .map { ($0.key, .copied($0.value)) }
    }
    guard let config = try checkpoint.blockDiffusionConfig() else { return [] }
    var entries: [Entry] = []
    if let id = config.maskTokenID.flatMap(UInt32.init(exactly:)) {
      entries.append(("bitnet.diffusion.mask_token_id", .u32(id)))
    }
    if let size = config.blockSize.flatMap(UInt32.init(exactly:)) {
      entries.append(("bitnet.diffusion.block_size", .u32(size)))
    }
    if let attention = config.attention { entries.append(("bitnet.diffusion.attention", .string(attention))) }
    if let shift = config.tokenShift { entries.append(("bitnet.diffusion.token_shift", .bool(shift))) }
    return entries
  }

  /// The tool, and the files it read with their SHA-256.
  static func provenance(_ plan: ConversionPlan, files: [SourceFile]) -> [Entry] {
    let tool: Entry = ("bitnet.conversion.tool", .string(plan.options.tool))
    guard !files.isEmpty else { return [tool] }
    return [
      tool, ("bitnet.conversion.source_files", .strings(files.map(\.name))),
      ("bitnet.conversion.source_sizes", .u64s(files.map { UInt64($0.bytes) })),
      ("bitnet.conversion.source_sha256", .strings(files.map(\.sha256))),
    ]
  }
}
