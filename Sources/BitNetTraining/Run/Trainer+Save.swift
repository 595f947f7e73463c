import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization
import TrainingKernels

extension Trainer {
  /// Writes a checkpoint of this step, whole or not at all, and removes those that are not to be kept.
  func save(onEvent: (TrainingEvent) -> Void) throws {
    guard let folder else { return }
    let path = folder.checkpoint(step: state.globalStep)
    // The last step's may be there already, from an interval or as the best.
    guard path != lastCheckpoint else { return }
    onEvent(.saving(path))
    let new = try NewFolder(path: path)
    try writeModel(to: new.partialPath)
    if configuration.checkpoint.savesOptimizer {
      try CheckpointFiles.write(
        parts.optimizer.state.map { ($0.name, [$0.matrix.rows, $0.matrix.columns], $0.matrix) },
        to: "\(new.partialPath)/\(CheckpointFiles.optimizer)", on: parts.compute)
    }
    try new.finish()
    lastCheckpoint = path
    if state.bestStep == state.globalStep { try folder.markBest(step: state.globalStep) }
    try folder.removeCheckpoints(
      keepingLast: configuration.checkpoint.keepLast, interval: configuration.checkpoint.saveInterval,
      best: state.bestStep)
    onEvent(.saved(path))
  }

  /// Writes the model of the last step as `final`, without the optimizer's state.
  func saveFinal(onEvent: (TrainingEvent) -> Void) throws {
    guard let folder else { return }
    let path = "\(folder.path)/final"
    onEvent(.saving(path))
    let new = try NewFolder(path: path)
    try writeModel(to: new.partialPath)
    try new.finish()
    onEvent(.saved(path))
  }

  /// A Hugging Face folder of the weights as they are, with tokenizer and trainer's state.
  private func writeModel(to folder: String) throws {
    let tensors = parts.model.parameters.map { parameter in
      let isVector = parameter.role == .norm || parameter.role == .bias
      return (
        name: HuggingFaceNames.huggingFace(parameter.name),
        shape: isVector ? [parameter.values.columns] : [parameter.values.rows, parameter.values.columns],
        matrix: parameter.values
      )
    }
    try CheckpointFiles.write(
      tensors, as: configuration.checkpoint.precision == .bf16 ? .bf16 : .f32,
      to: "\(folder)/\(CheckpointFiles.weights)", on: parts.compute)
    try CheckpointFiles.write(JSONValue.object(modelSettings()).text() + [0x0A], to: "\(folder)/config.json")
    for file in try parts.tokenizerFiles() { try CheckpointFiles.write(file.text, to: "\(folder)/\(file.name)") }
    if let diffusion = diffusionSettings() {
      try CheckpointFiles.write(JSONValue.object(diffusion).text() + [0x0A], to: "\(folder)/dlm_config.json")
    }
    try CheckpointFiles.write(state.text(), to: "\(folder)/\(CheckpointFiles.state)")
  }

  /// `config.json`.
  private func modelSettings() -> JSONObject {
    let model = parts.model
    let isBitNet = model.parameters.contains { $0.role == .bitLinear }
    let hasBiases = model.parameters.contains { $0.role == .bias }
    let hasHeadNorms = model.parameters.contains { $0.name.hasSuffix("attn_q_norm.weight") }
    let (family, name) =
      isBitNet
      ? ("bitnet", "BitNetForCausalLM")
      : hasHeadNorms
        ? ("qwen3", "Qwen3ForCausalLM") : hasBiases ? ("qwen2", "Qwen2ForCausalLM") : ("llama", "LlamaForCausalLM")
    var result = JSONObject(entries: [
      ("architectures", .array([.string(JSONString(name))])), ("model_type", .string(JSONString(family))),
      ("dtype", .string(configuration.checkpoint.precision == .bf16 ? "bfloat16" : "float32")),
    ])
    let fields = model.configuration.huggingFaceFields(attentionBias: hasBiases, tokenizer: parts.tokenizer)
    for (key, value) in fields.entries { result = result.setting(key.string, to: value) }
    guard isBitNet else { return result }
    let dense = model.parameters.filter { $0.role == .linear }.map { parameter in
      JSONValue.string(JSONString(String(HuggingFaceNames.huggingFace(parameter.name).dropLast(".weight".count))))
    }
    return result.setting(
      "quantization_config",
      to: ModelConfiguration.huggingFaceQuantization(isPacked: false, excluded: dense.isEmpty ? nil : .array(dense)))
  }

  /// `dlm_config.json` of a model that learns block diffusion.
  private func diffusionSettings() -> JSONObject? {
    let dlm = configuration.objectives.dlm
    guard dlm.plan.isEnabled, let mask = parts.maskToken else { return nil }
    return JSONObject(entries: [
      ("bd_size", .integer(Int64(dlm.blockSize))),
      ("mask_token", dlm.maskToken.map { .string(JSONString($0)) } ?? .null),
      ("mask_token_id", .integer(Int64(mask))), ("attention", .string(JSONString(dlm.attention.rawValue))),
      ("token_shift", .bool(true)), ("training_method", .string(JSONString(options.tool))),
      ("total_tokens_trained", .integer(Int64(state.tokensSeen))),
      ("max_seq_length", .integer(Int64(configuration.maxSequenceLength))),
      ("training_loss", lastLosses["dlm"].map { .number($0) } ?? .null),
    ])
  }

  // MARK: continuing

  /// Takes over a checkpoint, to the bit.
  ///
  /// - Throws: ``RunError/changedConfiguration(checkpoint:differences:)`` unless that is allowed,
  ///   ``RunError/damagedCheckpoint(path:problem:)``.
  func load(_ path: String) throws {
    var saved = try CheckpointState(folder: path)
    let differences = state.differences(from: saved)
    guard differences.isEmpty || options.allowsChangedConfiguration else {
      throw RunError.changedConfiguration(checkpoint: path, differences: differences)
    }
    let optimizerFile = "\(path)/\(CheckpointFiles.optimizer)"
    guard FileManager.default.fileExists(atPath: optimizerFile) else {
      throw RunError.damagedCheckpoint(
        path: path, problem: "it has no \(CheckpointFiles.optimizer), without which the run cannot go on as it was")
    }
    try CheckpointFiles.read(
      parts.model.parameters.map { (HuggingFaceNames.huggingFace($0.name), $0.values) },
      from: "\(path)/\(CheckpointFiles.weights)")
    try CheckpointFiles.read(parts.optimizer.state.map { ($0.name, $0.matrix) }, from: optimizerFile)
    parts.optimizer.stepCount = saved.optimizerStep
    try parts.data.restore(saved.data)
    saved.maxSteps = state.maxSteps
    saved.totalTokens = state.totalTokens
    saved.configuration = state.configuration
    saved.configurationFingerprint = state.configurationFingerprint
    saved.threads = state.threads
    saved.ranks = state.ranks
    state = saved
    lastCheckpoint = path
  }
}
