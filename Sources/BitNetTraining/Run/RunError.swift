/// Why a training run cannot begin, go on, or be continued.
public enum RunError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Another process trains in the folder.
  case busy(folder: String)
  /// The folder holds checkpoints, and the run was not to be continued.
  case notEmpty(folder: String, checkpoint: String)
  /// There is no checkpoint to continue from.
  case noCheckpoint(path: String)
  /// A checkpoint is not one of this run: settings differ.
  case changedConfiguration(checkpoint: String, differences: [String])
  /// A checkpoint lacks something, or has it in another shape.
  case damagedCheckpoint(path: String, problem: String)
  /// A loss is no number any more.
  case nonFiniteLoss(step: Int, objective: String, loss: String, kept: String?)
  /// A gradient is no number any more.
  case nonFiniteGradient(step: Int, tensor: String, kept: String?)
  /// A tensor that is to be trained gets no gradient.
  case noGradient(tensor: String)
  /// The linear layers do not compute with three values.
  case notTernary(tensor: String, values: Int)
  /// No token of a step's batches is predicted by any objective.
  case nothingToLearn(step: Int)
  /// The micro-batches of a step cannot be shared evenly among the processes.
  case unevenShares(batches: Int, ranks: Int)
  /// A model file that was named for its tokenizer has none.
  case noTokenizer(path: String)
  /// The mask token of block diffusion is not in the vocabulary.
  case unknownMaskToken(String, tokenizer: String)
  /// What the teacher computes cannot be compared with what the student does.
  case unfitTeacher(String)
  /// There is nothing to draw.
  case emptyLog(path: String)

  /// The trouble as a sentence, and what can be done as another.
  public var description: String {
    switch self {
    case .busy(let folder): "\(folder): another process trains in this folder. Wait for it, or choose another folder."
    case .notEmpty(let folder, let checkpoint):
      "\(folder): holds \(checkpoint) already. Continue with --resume, or choose another run.output_dir."
    case .noCheckpoint(let path):
      "\(path): there is no checkpoint to continue from. Name a folder step-NNNNNN, or leave out --resume."
    case .changedConfiguration(let checkpoint, let differences):
      "\(checkpoint): was trained with other settings, so that going on is not the same run: "
        + "\(differences.joined(separator: "; ")). Set them back, or say --allow-changed-config."
    case .damagedCheckpoint(let path, let problem):
      "\(path): cannot be continued from: \(problem). Continue from an earlier checkpoint."
    case .nonFiniteLoss(let step, let objective, let loss, let kept):
      "step \(step): the loss of \(objective) is \(loss). \(RunError.advice(kept))"
    case .nonFiniteGradient(let step, let tensor, let kept):
      "step \(step): the gradient of \(tensor) is not finite. \(RunError.advice(kept))"
    case .noGradient(let tensor):
      "the first step gives \(tensor) no gradient: no objective reaches it, so that it would never be trained. "
        + "Check objectives and curriculum."
    case .notTernary(let tensor, let values):
      "\(tensor) computes with \(values) distinct values where lambda 1 means three: the model would not be trained as it "
        + "runs. Check that its weights are finite and not all the same."
    case .nothingToLearn(let step):
      "step \(step): no token is predicted by any objective. Check the curriculum's weights and the sequences' length."
    case .unevenShares(let batches, let ranks):
      "gradient_accumulation_steps is \(batches), which \(ranks) processes cannot share evenly. Choose a multiple of "
        + "\(ranks), with a smaller batch_size for the same step."
    case .noTokenizer(let path):
      "\(path): has no tokenizer. Name a folder with tokenizer.json, or another GGUF file, as tokenizer.path."
    case .unknownMaskToken(let token, let tokenizer):
      "objectives.dlm: \(tokenizer) has no token \(token). Name a token that it has, one that no text holds."
    case .unfitTeacher(let problem): "\(problem). Choose a teacher of the same family, or leave the objective out."
    case .emptyLog(let path): "\(path): holds no line of a training log. Name the folder of a run."
    }
  }

  private static func advice(_ kept: String?) -> String {
    (kept.map { "The last checkpoint is \($0)." } ?? "There is no checkpoint yet.")
      + " Lower the learning rate, or clip the gradients more."
  }
}
