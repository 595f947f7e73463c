extension TrainingConfiguration {
  /// Well-known keys of other trainers that are errors here, with the reason.
  static let notOffered = [
    "stage": "the objectives say what is trained; leave it out.",
    "auto_batch_size": "the batch is part of the recipe; set batch_size and gradient_accumulation_steps.",
    "torch_compile": "there is no PyTorch; leave it out.",
    "fp8": "it is for GPUs; leave it out.",
    "influence": "the mixture is fixed; name shares in data.mixtures.",
    "teacher.fp16": "the teacher computes as its file says; leave it out.",
    "teacher.offload_to_cpu": "the teacher is on the CPU; leave it out.",
    "teacher.load_in_4bit": "give the teacher as a GGUF file of that type.",
    "teacher.use_flash_attention": "leave it out.",
    "objectives.continue_pretrain.ignore_index": "what is not to be predicted has no label; leave it out.",
    "objectives.layerwise_distill.normalize": "choose loss_type mse or mse_normalized.",
    "validation.config_name": "name the files in data.validation.",
    "resume.load_optimizer_state":
      "a resumed run takes up all of it; to begin anew from weights, set model.pretrained.",
    "resume.load_scheduler_state":
      "a resumed run takes up all of it; to begin anew from weights, set model.pretrained.",
    "resume.load_training_state": "a resumed run takes up all of it; to begin anew from weights, set model.pretrained.",
    "resume.strict_model_load": "tensors always have to fit; leave it out.",
  ]

  /// Reports what does not go together.
  func checkTogether(_ reader: ConfigurationReader) {
    if totalTokens == nil, maxSteps == nil {
      reader.report("total_tokens", "is missing, and so is max_steps: one of them says how long the run is")
    } else if steps == 0 {
      reader.report(
        "total_tokens",
        "is less than the \(tokensPerStep) tokens of one step: "
          + "batch_size * gradient_accumulation_steps * max_seq_length")
    }
    if tokenizer == nil, model.pretrained == nil {
      reader.report("tokenizer.path", "is missing: a model from nothing needs a tokenizer")
    }
    if model.pretrained == nil, maxSequenceLength > model.maxPositions {
      reader.report(
        "max_seq_length", "is \(maxSequenceLength), more than model.max_position_embeddings, \(model.maxPositions)")
    }
    checkData(reader)
    checkObjectives(reader)
    if validation.isEnabled, data.validation.isEmpty {
      reader.report("data.validation", "is missing: validation is enabled")
    }
    if earlyStopping.isEnabled, !validation.isEnabled {
      reader.report("early_stopping.enabled", "needs validation.enabled: it stops by the validation loss")
    }
  }

  private func checkData(_ reader: ConfigurationReader) {
    if data.sources.isEmpty { reader.report("data.sources", "is missing: name at least one source of text") }
    let names = data.sources.map(\.name)
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      reader.report("data.sources.\(index).name", "is '\(name)', like another source's; give each its own")
    }
    for mixture in data.mixtures {
      for (source, _) in mixture.shares where !names.contains(source) {
        reader.report(
          "data.mixtures.\(mixture.name).\(source)",
          "is no source of data.sources; they are \(names.joined(separator: ", "))")
      }
      if mixture.shares.allSatisfy({ $0.share == 0 }) {
        reader.report("data.mixtures.\(mixture.name)", "has no share above 0")
      }
    }
    if !data.sources.isEmpty, data.sources.allSatisfy({ $0.weight == 0 }) {
      reader.report("data.sources", "have no weight above 0")
    }
    let phases = curriculum.phases.enumerated().map {
      ("curriculum.phases.\($0.offset).data_config", $0.element.mixture)
    }
    for case (let key, let mixture?) in phases + [("data.mixture", data.mixture)] {
      guard !data.mixtureNames.contains(mixture) else { continue }
      let known = data.mixtureNames.isEmpty ? "none" : data.mixtureNames.joined(separator: ", ")
      reader.report(key, "is '\(mixture)', expected a name of data.mixtures: \(known)")
    }
  }

  private func checkObjectives(_ reader: ConfigurationReader) {
    let enabled = ObjectiveName.allCases.filter { objectives.plan($0).isEnabled }
    if curriculum.isEnabled {
      for (index, phase) in curriculum.phases.enumerated() {
        let path = "curriculum.phases.\(index).objectives"
        for name in ObjectiveName.allCases where !enabled.contains(name) && phase.weights[name.rawValue, default: 0] > 0
        {
          reader.report("\(path).\(name.rawValue)", "is above 0, but objectives.\(name.rawValue).enabled is false")
        }
        if phase.weights.values.allSatisfy({ $0 == 0 }), curriculum.interpolation == .none || index == 0 {
          reader.report(path, "has no weight above 0: nothing would be learnt")
        }
      }
    } else if enabled.allSatisfy({ objectives.plan($0).weight == 0 }) {
      reader.report("objectives", "has nothing enabled with a weight above 0: nothing would be learnt")
    }
    if teacher == nil, let needy = enabled.first(where: \.needsTeacher) {
      reader.report("teacher.path", "is missing: objectives.\(needy.rawValue) compares with a teacher")
    }
  }
}
