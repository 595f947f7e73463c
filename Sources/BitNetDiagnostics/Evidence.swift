import BitNet
import ModelFormats
import Tokenization

/// What the rules judge by. What could not be measured is empty or `nil`.
package struct Evidence {
  /// What the files say.
  package var facts: ModelFacts?
  /// What kept the model, or parts of it, from being read.
  package var problems: [LoadProblem] = []
  package var weights: [WeightStatistics] = []
  package var norms: [NormStatistics] = []
  package var coherence: [BlockCoherence] = []
  package var scaleSuspects: [ScaleSuspect] = []
  package var vocabulary: VocabularyFacts?
  package var behaviour: [PromptBehaviour] = []
  /// The loss on the text that was asked for, or on the built-in one.
  package var probe: TextProbe?
  /// The loss on the built-in text, where another was asked for.
  package var english: TextProbe?
  package var chat: ChatProbe?
  package var activations: [LayerActivations] = []
  package var repairs: RepairSearch?
  package var reference: Comparison?
  package var training: TrainingEvidence?

  package init() {}
}

/// Something that kept a model, or a part of it, from being read.
public struct LoadProblem: Sendable, Codable, Hashable {
  /// The conclusion that it stands for.
  public var code: Finding.Code
  /// The tensor that it is about, by canonical name.
  public var tensor: String?
  /// The problem as a sentence.
  public var sentence: String
}

extension LoadProblem {
  /// - Returns: `nil` for errors that say nothing about a model: there is no such file, or it is none.
  init?(_ error: any Error) {
    sentence = "\(error)"
    switch error {
    case let error as FormatError:
      if case .tensor(let name) = error.subject { tensor = name }
      switch error.code {
      case .unreadable: return nil
      case .truncated, .missing, .otherFormat: code = .incompleteFile
      case .unsupportedType, .unsupportedVersion: code = .unsupported
      default: code = .damaged
      }
    case let error as ModelError:
      switch error {
      case .notAModel: return nil
      case .missingTensor(_, let name, _): (code, tensor) = (.missingTensors, name)
      case .wrongShape(_, let name, _, _): (code, tensor) = (.wrongShapes, name)
      case .unusedTensors(_, let names): (code, tensor) = (.unknownTensors, names.first)
      case .invalidTensor(_, let name, let problem, _):
        (code, tensor) = (problem == "is ternary" ? .ternaryHead : .unusableTensor, name)
      default: code = .unsupported
      }
    case is TokenizationError: code = .unusableTokenizer
    default: return nil
    }
  }
}

extension Evidence {
  /// Notes a problem.
  ///
  /// - Parameter tensor: the canonical name of the tensor that was read, where it is known.
  /// - Throws: the error itself if it says nothing about the model.
  mutating func note(_ error: any Error, tensor: String? = nil) throws {
    guard var problem = LoadProblem(error) else { throw error }
    problem.tensor = tensor ?? problem.tensor
    // The same error comes back when the whole model is loaded.
    if tensor == nil, problems.contains(where: { $0.sentence == problem.sentence }) { return }
    if !problems.contains(problem) { problems.append(problem) }
  }
}
