#if Training
import BitNetTraining
import Foundation
import TestSupport

/// A run that takes seconds, in a folder that vanishes with it.
final class TinyRun {
  let folder: TemporaryFolder
  /// As the configuration spells it.
  var output: String { folder.path.replacing("//", with: "/") + "/run" }

  init() throws {
    folder = try TemporaryFolder()
    let probe = try String(contentsOfFile: TestFiles.goldenPath("probe.txt"), encoding: .utf8)
    let sentences = probe.split(separator: ".").map { $0 + ".\n---\n" }
    try folder.write("train.txt", sentences.joined())
    try folder.write("valid.txt", probe)
  }

  /// The configuration with changes.
  func configuration(_ changes: String...) throws -> TrainingConfiguration {
    try TrainingConfiguration(yaml: yaml, directory: folder.path, overrides: changes)
  }

  func trainer(_ configuration: TrainingConfiguration, resume: String? = nil, stopAfter: Int? = nil) throws -> Trainer {
    try Trainer(configuration, options: TrainerOptions(resume: resume, threads: 2, stopAfter: stopAfter))
  }

  private var yaml: String {
    """
    run: {output_dir: run, seed: 3}
    model: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2}
    tokenizer: {path: \(TestFiles.goldenPath("diffusion/tiny-lists"))}
    data:
      sources: [{paths: train.txt, document_separator: "---"}]
      validation: [{paths: valid.txt}]
    max_seq_length: 32
    batch_size: 2
    gradient_accumulation_steps: 2
    max_steps: 6
    optimizer: {lr: 0.003}
    scheduler: {type: cosine, warmup_steps: 2}
    objectives:
      continue_pretrain: {enabled: true}
      dlm: {enabled: true, mask_token: "|<MASK>|", block_size: 8}
    checkpoint: {save_interval: 3}
    logging: {log_interval: 1}
    validation: {enabled: true, val_check_interval: 2, batch_size: 2, limit_val_batches: 2}
    """
  }
}
#endif
