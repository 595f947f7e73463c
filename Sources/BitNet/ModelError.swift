import ModelFormats

/// Why a model cannot be loaded or run. Trouble inside a file is a `FormatError`; this is about what the file holds.
public enum ModelError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The path is neither a GGUF file nor a Hugging Face folder.
  case notAModel(path: String, found: String)
  /// The architecture is not one that the transformer here computes.
  case unsupportedArchitecture(file: String, found: String, supported: [String])
  /// A setting has a value that cannot be right, or that is not supported.
  case invalidConfiguration(file: String, key: String, found: String, expected: String)
  /// A tensor that the architecture needs is not in the file.
  case missingTensor(file: String, tensor: String, hint: String)
  /// A tensor has another shape than the configuration says.
  case wrongShape(file: String, tensor: String, found: [Int], expected: [Int])
  /// A tensor's contents cannot be used.
  case invalidTensor(file: String, tensor: String, problem: String, remedy: String)
  /// The file has tensors that the graph would leave out, which would change its output.
  case unusedTensors(file: String, tensors: [String])
  /// The model has no tokenizer, and text was given.
  case missingTokenizer(file: String)
  /// The model has no chat template.
  case missingChatTemplate(file: String)
  /// A token id that the vocabulary does not have.
  case invalidToken(Int, vocabularySize: Int)
  /// More tokens than the context holds.
  case contextExceeded(tokens: Int, contextLength: Int)
  /// There is nothing to continue.
  case emptyPrompt
  /// No logit is a finite number, so that there is nothing to choose from.
  case nonFiniteLogits(file: String, tokens: Int)
  /// No token of the vocabulary continues a constrained text.
  case noAllowedToken(file: String)
  /// A generation option is out of its range.
  case invalidOption(name: String, found: String, expected: String)
  /// Block diffusion needs a mask token, and neither the files nor the vocabulary say which; the candidates are texts.
  case missingMaskToken(file: String, candidates: [String])
  /// What the files say about block diffusion contradicts itself.
  case conflictingDiffusionMetadata(file: String, what: String, found: [String])
  /// The model cannot generate by block diffusion, or shows no sign that it has learned to.
  case notTrainedForDiffusion(file: String, problem: String)
  /// The chat session is still answering.
  case sessionBusy

  /// The sentence that a user reads.
  public var description: String {
    switch self {
    case .notAModel(let path, let found):
      "\(path): not a model: \(found). Give a .gguf file, or a folder with config.json and .safetensors files."
    case .unsupportedArchitecture(let file, let found, let supported):
      "\(file): the architecture '\(printable(found))' is not supported; supported are \(supported.joined(separator: ", "))."
    case .invalidConfiguration(let file, let key, let found, let expected):
      "\(file): \(key) is \(printable(found)), expected \(expected)."
    case .missingTensor(let file, let tensor, let hint):
      "\(file): tensor \(tensor) is missing. \(hint)"
    case .wrongShape(let file, let tensor, let found, let expected):
      "\(file): tensor \(printable(tensor)) has the shape \(found), expected \(expected) from the configuration. "
        + "Configuration and weights do not belong together, or the conversion went wrong."
    case .invalidTensor(let file, let tensor, let problem, let remedy):
      "\(file): tensor \(printable(tensor)) \(problem). \(remedy)"
    case .unusedTensors(let file, let tensors):
      "\(file): \(tensors.count) tensors are not part of this architecture, and leaving them out would change the output: "
        + tensors.prefix(5).map(printable).joined(separator: ", ") + (tensors.count > 5 ? ", …" : "")
        + ". The file may be labelled with the wrong architecture."
    case .missingTokenizer(let file):
      "\(file): the model has no tokenizer. Give token ids instead, or put tokenizer.json beside the weights."
    case .missingChatTemplate(let file):
      "\(file): the model has no chat template; it may be a base model. Use `bitnet run` to continue a text."
    case .invalidToken(let id, let size): "token \(id) is not in the vocabulary of \(size)."
    case .contextExceeded(let tokens, let length):
      "\(tokens) tokens do not fit the context of \(length). Shorten the prompt, or load the model with a longer "
        + "context (--ctx-size)."
    case .emptyPrompt: "the prompt is empty; there is nothing to continue."
    case .noAllowedToken(let file):
      "\(file): no token of the vocabulary continues the text as its constraint demands. The tokenizer lacks single "
        + "characters that JSON needs: generate without a constraint."
    case .nonFiniteLogits(let file, let tokens):
      "\(file): after \(tokens) tokens every prediction is infinite or not a number. The weights are damaged or belong "
        + "to another arithmetic: `bitnet diagnose` tells more."
    case .invalidOption(let name, let found, let expected): "\(name) is \(found), expected \(expected)."
    case .missingMaskToken(let file, let candidates):
      "\(file): block diffusion needs a mask token, and neither the files nor the vocabulary name one. "
        + (candidates.isEmpty
          ? "No token's text has to do with masks: the model was most likely not trained for block diffusion. Use "
            + "--decode-mode autoregressive, or name the token that it was trained with (--mask-token)."
          : "Name the one it was trained with (--mask-token): \(candidates.map(printable).joined(separator: ", ")).")
    case .conflictingDiffusionMetadata(let file, let what, let found):
      "\(file): the files disagree about \(what): \(found.map(printable).joined(separator: "; ")). One of them was not "
        + "written for this model: ask the one who trained it, and correct the other."
    case .notTrainedForDiffusion(let file, let problem):
      "\(file): \(problem). The model was not trained for block diffusion with this mask token. Use --decode-mode "
        + "autoregressive, name another token (--mask-token), or try it all the same (--force)."
    case .sessionBusy: "the chat session is still answering; wait for the answer or cancel it."
    }
  }
}
